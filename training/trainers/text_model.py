"""A linear text model as numbers: vocabulary, weights and answers, saved as JSON and arrays.

This file imports nothing of the project: a saved model carries a copy of it, so that it can be read
wherever numpy, scipy and scikit-learn are installed. Nothing is pickled, so loading runs no stored code.
"""

import json
from pathlib import Path

WORDS = r"(?u)\b\w+(?:[.,]\w+)*\b"  # single letters and decimals count as words: "5.1", "A"
BATCH = 1024  # prompts scored at once; bounds the memory of a large batch


class TextModel:
    """Answers a prompt with the most likely of the answers it was trained on.

    `frame` is the (prefix, suffix) that all training prompts shared; it is cut away before scoring.
    `weights` is [n_rows, n_features]; with two answers there is one row, for the second answer.
    """

    def __init__(self, frame, vectorisers, weights, bias, answers):
        self.frame, self.vectorisers = frame, vectorisers
        self.weights, self.bias, self.answers = weights, bias, answers

    def predict(self, prompts):
        """A (answer, confidence) pair per prompt, in order."""
        pairs = []
        for start in range(0, len(prompts), BATCH):
            chances = self._chances(prompts[start : start + BATCH])
            best = chances.argmax(axis=1)
            chosen = zip(chances, best, strict=True)
            pairs += [(self.answers[column], float(row[column])) for row, column in chosen]
        return pairs

    def _chances(self, prompts):
        """Probability per answer, [n_prompts, n_answers]: the softmax of the scores."""
        import numpy as np
        from scipy.special import softmax

        scores = np.asarray(features(self.vectorisers, self.frame, prompts) @ self.weights.T) + self.bias
        if len(self.answers) == 2:
            scores = np.hstack([np.zeros_like(scores), scores])
        return softmax(scores.astype(np.float64), axis=1)

    def save(self, folder):
        """Write model.json, model.npz and a copy of this file into `folder`."""
        import numpy as np

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        described = {
            "format": 1,
            "frame": list(self.frame),
            "answers": self.answers,
            "vectorisers": [_description(vectoriser) for vectoriser in self.vectorisers],
        }
        text = json.dumps(described, ensure_ascii=False, sort_keys=True)
        (folder / "model.json").write_text(text, encoding="utf-8")
        idfs = {f"idf_{number}": vectoriser.idf_ for number, vectoriser in enumerate(self.vectorisers)}
        np.savez(folder / "model.npz", weights=self.weights, bias=self.bias, **idfs)
        (folder / "text_model.py").write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")

    @classmethod
    def load(cls, folder):
        """The model that `save` wrote; OSError, KeyError or ValueError when it is not one."""
        import numpy as np

        folder = Path(folder)
        described = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        with open(folder / "model.npz", "rb") as file, np.load(file, allow_pickle=False) as arrays:
            vectorisers = [
                _vectoriser_from(description, arrays[f"idf_{number}"])
                for number, description in enumerate(described["vectorisers"])
            ]
            weights, bias = arrays["weights"], arrays["bias"]
        return cls(tuple(described["frame"]), vectorisers, weights, bias, described["answers"])


def unframed(prompt, frame):
    """`prompt` without the shared prefix and suffix, where it has them."""
    prefix, suffix = frame
    return prompt.removeprefix(prefix).removesuffix(suffix)


def features(vectorisers, frame, prompts):
    """Sparse [n_prompts, n_features]: the vectorisers' columns side by side."""
    from scipy.sparse import hstack

    texts = [unframed(prompt, frame) for prompt in prompts]
    return hstack([vectoriser.transform(texts) for vectoriser in vectorisers], format="csr")


def vectoriser(analyzer, shortest, longest, **settings):
    """A TF-IDF vectoriser over word or character n-grams; same arguments, same columns."""
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    if analyzer == "word":
        settings["token_pattern"] = WORDS
    return TfidfVectorizer(
        analyzer=analyzer, ngram_range=(shortest, longest), sublinear_tf=True, dtype=np.float32, **settings
    )


def _description(fitted):
    shortest, longest = fitted.ngram_range
    terms = [str(term) for term in fitted.get_feature_names_out()]
    return {"analyzer": fitted.analyzer, "shortest": shortest, "longest": longest, "terms": terms}


def _vectoriser_from(description, idf):
    terms = {term: column for column, term in enumerate(description["terms"])}
    rebuilt = vectoriser(
        description["analyzer"], description["shortest"], description["longest"], vocabulary=terms
    )
    rebuilt.idf_ = idf
    return rebuilt
