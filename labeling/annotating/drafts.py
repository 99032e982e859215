"""Drafts of labels: kept as typed and drawn, over reload, crash and log-out, until they are saved or thrown away."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from django.http import QueryDict

from governance import access
from governance.errors import InvalidInput
from governance.models import User
from labeling.annotating.models import LabelDraft
from labeling.labelsets.models import LabelType
from workbench.models import Sheet

LABEL = "labeling.add_canonicallabel"
LONGEST = 1_000_000  # characters, as JSON
LONGEST_REF = 300
NOT_KEPT = frozenset({"csrfmiddlewaretoken", "action"})


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
    kept = {name: list(values) for name, values in entered.items() if name not in NOT_KEPT}
    text = json.dumps(kept)
    if len(text) > LONGEST:
        raise InvalidInput(f"A draft holds {LONGEST:,} characters at most; this has {len(text):,}.", field="entered")
    if "\\u0000" in text:
        raise InvalidInput("A draft holds no null characters; take them out.", field="entered")
    draft, _ = LabelDraft.objects.update_or_create(
        sheet=sheet, label_type=label_type, item_ref=item_ref, account=by, defaults={"entered": kept}
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
    posted = QueryDict(mutable=True)
    for name, values in draft.entered.items():
        posted.setlist(name, values)
    return posted
