"""What MLflow runs to serve a saved text model. It imports nothing of the project: MLflow copies this
file, and the saved folder carries the code that reads it.
"""

import importlib.util
from pathlib import Path

import pandas
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel


class ServedTextModel(PythonModel):
    """A table with a `prompt` column in; `answer` and `confidence` columns out, row by row."""

    def load_context(self, context):
        folder = Path(context.artifacts["model"])
        spec = importlib.util.spec_from_file_location("saved_text_model", folder / "text_model.py")
        code = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(code)
        self.model = code.TextModel.load(folder)

    def predict(self, context, model_input: pandas.DataFrame, params=None):
        pairs = self.model.predict(model_input["prompt"].tolist())
        return pandas.DataFrame(pairs, columns=["answer", "confidence"])


set_model(ServedTextModel())
