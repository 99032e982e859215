"""Labelset, template and sheet of the iris demo."""

from __future__ import annotations

from typing import Any

from workbench.demo.descriptions import IRIS
from workbench.demo.iris import COLUMNS, SPECIES
from workbench.demo.schemas import answer, one_of

SHEET: dict[str, Any] = {
    "name": "Iris flowers",
    "description": "150 measured flowers; the species column allows training without an expert's work.",
    "primary_source": "flowers.iris",
    "item_key": "flower_id",
    "secondary_sources": [],
    "column_roles": {
        **dict.fromkeys(COLUMNS, "metadata"),
        "flower_id": "metadata",
        "description": "text",
        "species": "label",
    },
}

LABELSETS: list[dict[str, Any]] = [
    {
        "name": "Iris species",
        "label_type": "classification",
        "description": "Which of the three species the flower belongs to.",
        "classes": [
            {"name": "setosa", "description": "Small flower, petals under 2 cm", "color": "#6b3fb8"},
            {
                "name": "versicolor",
                "description": "Petals of 3 to 5 cm, up to 1.7 cm wide",
                "color": "#2f54c8",
            },
            {"name": "virginica", "description": "Large flower, petals mostly over 5 cm", "color": "#137a4b"},
        ],
        "response_schema": answer({"species": one_of(SPECIES, "Species of the flower")}),
        "seen_columns": [*COLUMNS, "description"],
        "default_constraints": None,
    },
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "name": "Iris species from measurements",
        "description": "Names the species from four measurements.",
        "version": "1.0.0",
        "label_type": "classification",
        "labelset": "Iris species",
        "system_prompt": (
            "You are a botanist who determines irises from measurements. Petals decide: setosa has petals "
            "under "
            "2 cm; versicolor and virginica are told apart by petal length near 4.8 cm and petal width "
            "near 1.7 cm. "
            "Answer with JSON only."
        ),
        "user_prompt": (
            "Determine the species of this flower.\n"
            "Sepal: {{ sepal_length_cm }} cm long, {{ sepal_width_cm }} cm wide.\n"
            "Petal: {{ petal_length_cm }} cm long, {{ petal_width_cm }} cm wide.\n"
            "Note: {{ description }}"
        ),
        "file_columns": [],
        "columns": IRIS.columns,
        "temperature": 0.0,
        "max_tokens": 64,
        "examples": [],
    },
]
