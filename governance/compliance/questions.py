"""Questions about constraint changes that are asked again: those that come with the portal, and people's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.db import transaction
from django.urls import reverse

from governance import access, context
from governance.compliance import filters
from governance.errors import InvalidInput, NotPermitted
from governance.models import ConstraintChange, SavedQuestion
from governance.names import save_named

if TYPE_CHECKING:
    from governance.models import User


@dataclass(frozen=True)
class Question:
    """A question and the filters that answer it."""

    title: str
    asked: Mapping[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return changes_url(self.asked)


STANDING = (
    Question("All pairs whose constraints changed in the last 30 days", {"kind": "labeling.qapair", "days": "30"}),
    Question(
        "When did the classification change from internal to restricted?", {"classification": "internal-restricted"}
    ),
    Question("Who prohibited training, and on what?", {"use": "training-lost"}),
    Question("Which constraints were relaxed in the last 90 days?", {"direction": "relaxed", "days": "90"}),
    Question("What changed past every door?", {"door": filters.PAST_EVERY_DOOR}),
)


def changes_url(asked: Mapping[str, Any]) -> str:
    """The list of constraint changes, filtered so."""
    query = f"?{urlencode(dict(asked))}" if asked else ""
    return reverse("admin:governance_constraintchange_changelist") + query


def about(row: Any, use: str) -> Question:
    """Who marked this row as prohibited for `use`?"""
    asked = {"kind": row._meta.label_lower, "object_id": str(row.pk), "use": f"{use}-lost"}
    return Question(f"Who marked this {row.kind_word} as {use}-prohibited?", asked)


@transaction.atomic
def save_question(*, name: str, asked: Mapping[str, Any], by: User) -> SavedQuestion:
    """Keep a question under a name of one's own; those who audit see each other's.

    :raises InvalidInput: no filter, or one that cannot be asked so; or a name that is empty, too long or taken.
    """
    access.require(by, "governance.add_savedquestion")
    if not isinstance(asked, Mapping) or not asked:
        raise InvalidInput("A question needs at least one filter.", field="filters")
    filters.matching(ConstraintChange.objects.all(), asked)
    kept = SavedQuestion(name=name, filters={key: str(value) for key, value in asked.items()}, owner=by)
    with context.because(f"saved the question “{name.strip()}”", by=by):
        save_named(kept)
    return kept


@transaction.atomic
def delete_question(*, question: SavedQuestion, by: User) -> None:
    """Drop one's own question; its history stays on record."""
    question = SavedQuestion.objects.select_for_update().get(pk=question.pk)
    if question.owner_id != by.pk:
        raise NotPermitted(f"Only {question.owner} may delete this question.")
    with context.because(f"deleted the question “{question.name}”", by=by):
        question.delete()
