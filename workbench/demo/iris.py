"""Iris flowers: 150 measured flowers in three species."""

from __future__ import annotations

from typing import Any

COLUMNS = ("sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm")
SPECIES = ("setosa", "versicolor", "virginica")


def iris_rows() -> list[dict[str, Any]]:
    """One row per flower in the order of the published data set; lengths in cm."""
    from sklearn.datasets import load_iris

    data = load_iris()
    return [
        _row(number, [float(value) for value in values], SPECIES[target])
        for number, (values, target) in enumerate(zip(data.data, data.target, strict=True), start=1)
    ]


def iris_truth() -> dict[str, dict[str, dict[str, Any]]]:
    """`flower_id -> label type -> answer`, the species a botanist determined."""
    return {row["flower_id"]: {"classification": {"species": row["species"]}} for row in iris_rows()}


def _row(number: int, values: list[float], species: str) -> dict[str, Any]:
    measured = dict(zip(COLUMNS, values, strict=True))
    return {
        "flower_id": f"IRIS-{number:03d}",
        **measured,
        "description": _description(*values),
        "species": species,
    }


def _description(sepal_length: float, sepal_width: float, petal_length: float, petal_width: float) -> str:
    """What a collector would note; words follow the numbers only, never the species."""
    petal = _word(petal_length, (2.5, 4.8), ("very short", "medium-long", "long"))
    breadth = _word(petal_width, (0.8, 1.7), ("narrow", "moderately wide", "wide"))
    sepal = _word(sepal_length, (5.5, 6.4), ("short", "medium-long", "long"))
    return (
        f"Flower with {sepal} sepals ({sepal_length} x {sepal_width} cm) "
        f"and {petal}, {breadth} petals ({petal_length} x {petal_width} cm)."
    )


def _word(value: float, bounds: tuple[float, float], words: tuple[str, str, str]) -> str:
    return words[sum(value >= bound for bound in bounds)]
