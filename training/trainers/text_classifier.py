"""The embedded trainer: TF-IDF over words and characters, then softmax regression.

It needs no account, no network and no GPU. It learns which of the known answers fits a prompt; it
cannot write an answer it never saw.
"""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from training.trainers.errors import ExampleRefused, HyperparameterRefused, ModelUnreadable, NothingToLearn
from training.trainers.port import Example, Hyperparameter, Prediction, Progress, Value, validated
from training.trainers.text_model import TextModel, features, unframed, vectoriser

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

EPOCHS_PER_STAGE = 10  # between two chances to cancel
HYPERPARAMETERS = (
    Hyperparameter(
        name="epochs", type="int", default=100, minimum=1, maximum=2000,
        help="Most iterations of the solver; it stops earlier when nothing improves.",
    ),
    Hyperparameter(
        name="inverse_regularisation", type="float", default=30.0, minimum=0.0001, maximum=10000.0,
        help="C of the logistic regression; lower it when few examples are learned by heart.",
    ),
    Hyperparameter(
        name="word_ngrams", type="int", default=2, minimum=1, maximum=4,
        help="Longest run of words seen as one.",
    ),
    Hyperparameter(
        name="shortest_characters", type="int", default=1, minimum=1, maximum=8,
        help="Shortest run of characters inside a word.",
    ),
    Hyperparameter(
        name="longest_characters", type="int", default=5, minimum=1, maximum=8,
        help="Longest run of characters inside a word.",
    ),
    Hyperparameter(
        name="min_df", type="int", default=1, minimum=1, maximum=1000,
        help="Drop what occurs in fewer prompts than this.",
    ),
    Hyperparameter(
        name="max_df", type="float", default=0.95, minimum=0.05, maximum=1.0,
        help="Drop what occurs in more than this share of prompts, such as words of the template.",
    ),
    Hyperparameter(
        name="balance_answers", type="bool", default=False,
        help="Weigh rare answers as much as frequent ones.",
    ),
)  # fmt: skip


class TextClassifierTrainer:
    """Prompt text in, one of the answers of the training examples out."""

    slug = "text_classifier"
    label = "Text classifier (scikit-learn, on this machine)"
    base_models = (("tfidf-linear", "TF-IDF and a linear classifier, from scratch"),)
    fewest_answers = 2
    hyperparameters = HYPERPARAMETERS

    def validate(self, values: Mapping[str, object]) -> dict[str, Value]:
        """:raises HyperparameterRefused: unknown, wrong type, out of range, or lengths that cross."""
        accepted = validated(self.hyperparameters, values)
        shortest, longest = accepted["shortest_characters"], accepted["longest_characters"]
        if shortest > longest:  # type: ignore[operator]
            raise HyperparameterRefused(
                f"shortest_characters is {shortest}, above longest_characters {longest}; "
                f"make it {longest} or less.",
                field="shortest_characters",
            )
        return accepted

    def train(
        self,
        examples: Iterable[Example],
        validation: Iterable[Example],
        hyperparameters: Mapping[str, object],
        progress: Progress,
        workdir: Path,
    ) -> TrainedTextClassifier:
        """Learn from `examples`; `validation` is scored after every stage and never learned from.

        Progress counts one stage for the features and one for every ten epochs.

        :raises NothingToLearn: fewer than two answers, or prompts that do not differ.
        :raises ExampleRefused: an empty prompt or answer.
        """
        settings = self.validate(hyperparameters)
        seen, held_out = _checked(examples, "training"), _checked(validation, "validation")
        _require_two_answers(seen)
        plan = _stages(int(settings["epochs"]))
        stages = len(plan) + 1
        progress(0, stages)
        frame = shared_frame([example.prompt for example in seen])
        vectorisers = _fitted_vectorisers(seen, frame, settings)
        progress(1, stages)
        fit = _Fit(seen, held_out, frame, vectorisers, settings)
        for done, epochs in enumerate(plan, start=2):
            fit.run_epochs(epochs)
            progress(stages if fit.has_converged else done, stages)
            if fit.has_converged:
                break
        return TrainedTextClassifier(fit.model(), fit.facts())

    def load(self, folder: Path) -> TrainedTextClassifier:
        """:raises ModelUnreadable: the folder holds no model of this trainer."""
        return TrainedTextClassifier.load(folder)


class TrainedTextClassifier:
    """A trained classifier and the facts of its training."""

    serving_script = Path(__file__).with_name("served_text_model.py")

    def __init__(self, model: TextModel, facts: dict[str, Any]) -> None:
        self.model, self.facts = model, facts

    @property
    def requirements(self) -> tuple[str, ...]:
        """The versions installed here, pinned."""
        packages = ("mlflow", "numpy", "pandas", "scikit-learn", "scipy")
        return tuple(f"{package}=={version(package)}" for package in packages)

    def predict(self, prompts: Sequence[str]) -> list[Prediction]:
        """One prediction per prompt, in order."""
        return [Prediction(answer, confidence) for answer, confidence in self.model.predict(list(prompts))]

    def save(self, folder: Path) -> None:
        """Write everything needed to predict again, and the facts, into `folder`."""
        self.model.save(folder)
        (folder / "facts.json").write_text(json.dumps(self.facts, sort_keys=True), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> TrainedTextClassifier:
        """:raises ModelUnreadable: a file is missing or is not what `save` wrote."""
        try:
            facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
            return cls(TextModel.load(folder), facts)
        except (OSError, KeyError, ValueError, EOFError, BadZipFile) as error:
            raise ModelUnreadable(
                f"{folder} does not hold a text classifier: {error}. Train it again or restore the folder."
            ) from error


class _Fit:
    """The state of one training between stages."""

    def __init__(
        self,
        seen: list[Example],
        held_out: list[Example],
        frame: tuple[str, str],
        vectorisers: list[TfidfVectorizer],
        settings: Mapping[str, Value],
    ) -> None:
        import numpy as np

        self.frame, self.vectorisers, self.held_out = frame, vectorisers, held_out
        self.table = features(vectorisers, frame, [example.prompt for example in seen])
        counts = Counter(example.answer for example in seen)
        self.answers = sorted(counts)
        self.counts = np.array([counts[answer] for answer in self.answers])
        code = {answer: number for number, answer in enumerate(self.answers)}
        self.codes = np.array([code[example.answer] for example in seen])
        self.held_out_table = self._held_out_table()
        self.classifier = _classifier(settings)
        self.history: list[dict[str, float]] = []
        self.epochs, self.has_converged = 0, False

    def run_epochs(self, count: int) -> None:
        """Up to `count` more iterations, then the score on the held-out examples."""
        self.classifier.set_params(max_iter=count)
        self.classifier.fit(self.table, self.codes)
        iterations = int(self.classifier.n_iter_.max())
        self.epochs += iterations
        self.has_converged = iterations < count
        if self.held_out_table is not None:
            self.history.append({"epoch": self.epochs, "validation_accuracy": self._held_out_accuracy()})

    def model(self) -> TextModel:
        """The weights in single precision, half the size."""
        import numpy as np

        weights = self.classifier.coef_.astype(np.float32)
        bias = self.classifier.intercept_.astype(np.float32)
        return TextModel(self.frame, self.vectorisers, weights, bias, self.answers)

    def facts(self) -> dict[str, Any]:
        """JSON-safe: sizes, the examples per answer, and the score after each stage."""
        last = self.history[-1]["validation_accuracy"] if self.history else None
        return {
            "n_examples": len(self.codes),
            "n_validation": len(self.held_out),
            "n_classes": len(self.answers),
            "n_features": self.table.shape[1],
            "epochs": self.epochs,
            "converged": self.has_converged,
            "examples_per_class": dict(zip(self.answers, self.counts.tolist(), strict=True)),
            "validation_accuracy": last,
            "history": self.history,
        }

    def _held_out_table(self) -> csr_matrix | None:
        if not self.held_out:
            return None
        return features(self.vectorisers, self.frame, [example.prompt for example in self.held_out])

    def _held_out_accuracy(self) -> float:
        codes = self.classifier.predict(self.held_out_table)
        pairs = zip(self.held_out, codes, strict=True)
        hits = sum(example.answer == self.answers[code] for example, code in pairs)
        return hits / len(self.held_out)


def _stages(epochs: int) -> list[int]:
    """Epochs per stage."""
    return [min(EPOCHS_PER_STAGE, epochs - start) for start in range(0, epochs, EPOCHS_PER_STAGE)]


def shared_frame(prompts: Sequence[str]) -> tuple[str, str]:
    """The (prefix, suffix) that all prompts share, cut at the edge of a word; they never overlap.

    A template wraps every item in the same words. They say nothing about the answer, but a long
    template would outweigh the item in every feature vector.
    """
    if len(set(prompts)) < 2:
        return "", ""
    prefix = _shared_start(prompts)
    prefix = prefix[: _last_edge(prefix)]
    rests = [prompt[len(prefix) :][::-1] for prompt in prompts]
    ending = _shared_start(rests)
    return prefix, ending[: _last_edge(ending)][::-1]


def _shared_start(texts: Sequence[str]) -> str:
    """The longest start of all texts: that of the first and the last of them in order."""
    pairs = zip(min(texts), max(texts), strict=False)
    return "".join(sign for sign, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _last_edge(text: str) -> int:
    """Length of `text` up to and including its last white space: a word cut in two is kept whole."""
    return max((index + 1 for index, sign in enumerate(text) if sign.isspace()), default=0)


def _checked(examples: Iterable[Example], part: str) -> list[Example]:
    checked = []
    for number, example in enumerate(examples, start=1):
        for name, text in (("prompt", example.prompt), ("answer", example.answer)):
            if not text.strip():
                raise ExampleRefused(
                    f"The {name} of {part} example {number} is empty; correct the pair or leave it out.",
                    field=name,
                )
        checked.append(example)
    return checked


def _require_two_answers(seen: Sequence[Example]) -> None:
    counts = Counter(example.answer for example in seen)
    if not counts:
        raise NothingToLearn("There are no training examples; two or more with different answers are needed.")
    if len(counts) == 1:
        only = next(iter(counts))
        raise NothingToLearn(
            f"All {len(seen)} training examples have the answer {only[:80]!r}; "
            "a classifier needs two or more answers."
        )


def _fitted_vectorisers(
    seen: Sequence[Example], frame: tuple[str, str], settings: Mapping[str, Value]
) -> list[TfidfVectorizer]:
    """Those of the two vectorisers that find anything in the prompts.

    :raises NothingToLearn: neither does.
    """
    texts = [unframed(example.prompt, frame) for example in seen]
    bounds = {"min_df": min(settings["min_df"], len(texts)), "max_df": settings["max_df"]}  # type: ignore[type-var]
    planned = (
        vectoriser("word", 1, settings["word_ngrams"], **bounds),
        vectoriser("char_wb", settings["shortest_characters"], settings["longest_characters"], **bounds),
    )
    fitted = [each for each in planned if _finds_terms(each, texts)]
    if not fitted:
        raise NothingToLearn(
            f"Nothing in the {len(texts)} prompts tells them apart with min_df {settings['min_df']} and "
            f"max_df {settings['max_df']}; check the template, lower min_df or raise max_df."
        )
    return fitted


def _finds_terms(planned: TfidfVectorizer, texts: Sequence[str]) -> bool:
    try:
        planned.fit(texts)
    except ValueError:  # scikit-learn's answer to an empty vocabulary or to bounds that leave nothing
        return False
    return True


def _classifier(settings: Mapping[str, Value]) -> LogisticRegression:
    """Softmax regression by L-BFGS; each `fit` goes on from the weights of the last.

    Nothing in it is random. Source: Byrd et al. 1995 for the solver.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    # A fit that stops after its few iterations is the plan here; `converged` among the facts says the rest.
    warnings.filterwarnings("ignore", category=ConvergenceWarning, module=r"sklearn\.linear_model")
    return LogisticRegression(
        C=settings["inverse_regularisation"],
        class_weight="balanced" if settings["balance_answers"] else None,
        warm_start=True,
    )
