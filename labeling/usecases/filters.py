"""Constraint changes of one Use Case: on its assets, and on the pairs and labels of its Sheets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Q

from governance.compliance.filters import Filter, register_filter
from governance.errors import InvalidInput
from governance.models import User
from labeling.models import CanonicalLabel, Labelset, PromptTemplate, QAPair, TrainingSheet
from labeling.usecases.models import UseCase
from workbench.models import Sheet

AT_MOST = 100  # Use Cases offered; any other is asked for by its id


def register() -> None:
    about = "The id of a Use Case."
    register_filter(Filter(name="use_case", title="use case", help=about, matches=changes_of, choices=_seen_by))


def _seen_by(user: User, rows: Any) -> list[tuple[str, str]]:
    return [(str(one.pk), one.name) for one in UseCase.objects.visible_to(user).order_by("name")[:AT_MOST]]


def changes_of(value: str) -> Q:
    """The condition on changes for one Use Case.

    :raises InvalidInput: `value` is no id.
    """
    try:
        key = UUID(value)
    except ValueError as error:
        raise InvalidInput(f"{value!r} is no id of a use case; expected a UUID.", field="use_case") from error
    sheets = Sheet.objects.filter(use_cases=key)
    rows: list[tuple[Any, Any]] = [
        (Sheet, sheets),
        (Labelset, Labelset.objects.filter(use_cases=key)),
        (PromptTemplate, PromptTemplate.objects.filter(use_cases=key)),
        (CanonicalLabel, CanonicalLabel.objects.filter(sheet__in=sheets.values("pk"))),
        (TrainingSheet, TrainingSheet.objects.filter(sheet__in=sheets.values("pk"))),
        (QAPair, QAPair.objects.filter(training_sheet__sheet__in=sheets.values("pk"))),
    ]
    found = Q(pk__in=[])
    for model, some in rows:
        found |= Q(kind=model._meta.label_lower, object_id__in=some.order_by().values("pk"))
    return found
