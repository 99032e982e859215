"""Reading opinions: how far an item is, whose turn it is, and the answers of experts side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import Count, Q

from governance.models import User
from labeling.agreement.models import Opinion, OpinionQuerySet, Settlement, Turn
from labeling.labels.selectors import in_force
from labeling.labelsets.models import Labelset
from workbench.models import Sheet

MOST_COMPARED = 5_000


class State(models.TextChoices):
    """How far one item is."""

    OPEN = "open", "open"
    AGREED = "agreed", "agreed"
    CONFLICT = "conflict", "conflict"
    SETTLED = "settled", "settled"
    LABELED = "labeled", "labelled otherwise"


@dataclass(frozen=True)
class Standing:
    """How many of the opinions asked for an item has, and what follows from them."""

    given: int
    state: State


def opinions_on(sheet: Sheet, labelset: Labelset, refs: Collection[str] | None = None) -> OpinionQuerySet[Opinion]:
    """Everybody's, for services: pages and API show those that `visible_to` lets through."""
    rows: OpinionQuerySet[Opinion] = Opinion.objects.filter(sheet=sheet, labelset=labelset)
    return rows if refs is None else rows.filter(item_ref__in=list(refs))


def of_person(user: User, path: str) -> Q:
    """Rows of this person, whichever of their accounts it was."""
    own = Q(**{path: user})
    return own | Q(**{f"{path}__person": user.person_id}) if user.person_id else own


def standings(sheet: Sheet, labelset: Labelset, refs: Collection[str] | None = None) -> dict[str, Standing]:
    """Of each item that has an opinion or a canonical label; three queries, however many items."""
    here = Q() if refs is None else Q(item_ref__in=list(refs))
    settled = set(Settlement.objects.filter(here, sheet=sheet, labelset=labelset).values_list("item_ref", flat=True))
    labels = in_force().filter(here, sheet=sheet, label_type=labelset.label_type_id)
    labeled = set(labels.values_list("item_ref", flat=True))
    counted = (
        opinions_on(sheet, labelset, refs)
        .order_by()
        .values("item_ref")
        .annotate(given=Count("pk"), answers=Count("content", distinct=True), views=Count("seen_digest", distinct=True))
    )
    found = {ref: Standing(0, State.LABELED) for ref in labeled}
    for row in counted:
        ref = row["item_ref"]
        if ref in settled:
            state = State.SETTLED
        elif ref in labeled:
            state = State.LABELED
        elif row["given"] < labelset.opinions_asked:
            state = State.OPEN
        else:
            # Experts who saw different values of a row did not answer the same question.
            state = State.AGREED if row["answers"] == row["views"] == 1 else State.CONFLICT
        found[ref] = Standing(row["given"], state)
    return found


def counts_of(found: Mapping[str, Standing], total: int) -> dict[str, int]:
    """Items by state; those without a row are open."""
    counted = Counter(standing.state for standing in found.values())
    counted[State.OPEN] += max(total - len(found), 0)
    return {state.value: counted[state] for state in State}


def places_taken(sheet: Sheet, labelset: Labelset, refs: Collection[str] | None = None) -> Counter[str]:
    """Opinions and live turns by item."""
    here = Q() if refs is None else Q(item_ref__in=list(refs))
    taken: Counter[str] = Counter()
    for rows in (opinions_on(sheet, labelset), Turn.objects.live().filter(sheet=sheet, labelset=labelset)):
        counted: Any = rows.filter(here).order_by().values_list("item_ref").annotate(count=Count("pk"))
        taken.update(dict(counted))
    return taken


def turns_of(user: User, sheet: Sheet, labelset: Labelset) -> list[str]:
    """Items that wait for this person, oldest turn first."""
    rows = Turn.objects.live().filter(of_person(user, "expert"), sheet=sheet, labelset=labelset)
    return list(rows.order_by("created_at", "id").values_list("item_ref", flat=True))


@dataclass(frozen=True)
class Answers:
    """Complete items side by side: `rows[i][j]` is what `people[j]` said of `refs[i]`, or None."""

    refs: list[str]
    people: list[User]
    rows: list[list[Opinion | None]]


def answers_of(sheet: Sheet, labelset: Labelset) -> Answers:
    """Of items that have all opinions, the newest `MOST_COMPARED` opinions; one column a person, accounts joined."""
    opinions = opinions_on(sheet, labelset).complete().select_related("content", "given_by")[:MOST_COMPARED]
    people: dict[object, User] = {}
    cells: dict[str, dict[object, Opinion]] = {}
    for opinion in opinions:
        person = opinion.given_by.person_id or f"account {opinion.given_by_id}"
        people.setdefault(person, opinion.given_by)
        cells.setdefault(opinion.item_ref, {})[person] = opinion
    order = sorted(people, key=lambda person: (people[person].display_name, str(person)))
    refs = sorted(cells)
    return Answers(refs, [people[one] for one in order], [[cells[ref].get(one) for one in order] for ref in refs])
