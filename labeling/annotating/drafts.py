"""Drafts of labels: kept as typed and drawn, over reload, crash and log-out, until they are saved or thrown away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.http import QueryDict

from governance import access
from governance.errors import InvalidInput
from governance.models import User
from labeling.annotating.models import LabelDraft
from labeling.labelsets.models import LabelType
from labeling.schemas import entered as forms
from workbench.models import Sheet

LABEL = "labeling.add_canonicallabel"
LONGEST_REF = 300


def save(
    *, sheet: Sheet, label_type: LabelType, item_ref: str, by: User, entered: Mapping[str, Sequence[str]]
) -> LabelDraft:
    """Keep what `by` has entered about this item, in place of what was kept before.

    :raises NotPermitted: `by` may not label items of this Sheet.
    :raises InvalidInput: it is longer than a million characters, or the item's key is none.
    """
    access.require(by, LABEL, sheet)
    if not 0 < len(item_ref) <= LONGEST_REF or "\x00" in item_ref:
        raise InvalidInput(f"An item's key has 1 to {LONGEST_REF} characters.", field="item_ref")
    draft, _ = LabelDraft.objects.update_or_create(
        sheet=sheet, label_type=label_type, item_ref=item_ref, account=by, defaults={"entered": forms.kept(entered)}
    )
    return draft


def of(*, sheet: Sheet, label_type: LabelType, item_ref: str, user: User) -> LabelDraft | None:
    """What `user` entered about this item and did not save."""
    return LabelDraft.objects.filter(sheet=sheet, label_type=label_type, item_ref=item_ref, account=user).first()


def discard(*, sheet: Sheet, label_type: LabelType, item_ref: str, by: User) -> None:
    """Throw one's own draft away."""
    LabelDraft.objects.filter(sheet=sheet, label_type=label_type, item_ref=item_ref, account=by).delete()


def as_posted(draft: LabelDraft) -> QueryDict:
    """The draft as if its form had been sent."""
    return forms.as_posted(draft.entered)
