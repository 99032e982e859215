"""What one may ask of constraint changes. The list, the API, saved questions and evidence use these alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.apps import apps
from django.db.models import Model, Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from governance.errors import InvalidInput
from governance.models import ConstrainedModel, ConstraintChange, TagRule
from governance.uses import Classification, Use, classification_of, masks_holding

if TYPE_CHECKING:
    from governance.models import User

Choices = list[tuple[str, str]]
DOORS = ("admin", "api", "task", "command", "mcp")
PAST_EVERY_DOOR = "none"
NOBODY = "none"
SEARCH = "q"
DAYS = (1, 7, 30, 90, 365)
PEOPLE_AT_MOST = 100


@dataclass(frozen=True, kw_only=True)
class Filter:
    """One thing to ask. `matches(value)` gives the condition, or raises InvalidInput.

    `choices(user, rows)` are offered in lists, as (value, words); without them the value comes by link only.
    """

    name: str
    title: str
    help: str
    matches: Callable[[str], Q]
    choices: Callable[[User, QuerySet[ConstraintChange]], Choices] = lambda user, rows: []


FILTERS: dict[str, Filter] = {}


def register_filter(one: Filter) -> None:
    """Apps that know more of the rows add filters of their own in `AppConfig.ready`."""
    FILTERS[one.name] = one


def matching(rows: QuerySet[ConstraintChange], asked: Mapping[str, Any]) -> QuerySet[ConstraintChange]:
    """The changes that answer all of `asked`.

    :raises InvalidInput: a filter does not exist, or cannot be asked so; names it.
    """
    for name, value in asked.items():
        if name not in FILTERS:
            known = ", ".join(FILTERS)
            raise InvalidInput(f"There is no filter {name!r}; expected some of: {known}.", field=name[:100])
        rows = rows.filter(FILTERS[name].matches(str(value)))
    return rows


def asked_in(query: Mapping[str, Any]) -> dict[str, str]:
    """The filters among the parameters of an address; what a list adds for itself (page, order) is left out."""
    return {name: str(query[name]) for name in FILTERS if query.get(name)}


def words(asked: Mapping[str, Any]) -> str:
    """What is asked, for people: "use: training prohibited; in the last days: 30"."""
    named = {"use": _uses(), "kind": _kinds(), "classification": _classification_steps()}
    told = ((FILTERS[name].title, named.get(name, {}).get(value, value)) for name, value in asked.items())
    return "; ".join(f"{title}: {value}" for title, value in told)


def _one_of(value: str, known: Mapping[str, Any] | tuple[str, ...], field: str) -> None:
    if value not in known:
        raise InvalidInput(f"{value!r} is none of: {', '.join(known)}.", field=field)


# -- what is asked of all of them ---------------------------------------------------------------------------


def constrained_models() -> list[type[ConstrainedModel]]:
    """Every kind of row that has a constraint of its own."""
    return [model for model in apps.get_models() if issubclass(model, ConstrainedModel)]


def _kinds() -> dict[str, str]:
    models: list[type[Model]] = [*constrained_models(), TagRule]
    return {model._meta.label_lower: str(model._meta.verbose_name) for model in models}


def _kind(value: str) -> Q:
    _one_of(value, _kinds(), "kind")
    return Q(kind=value)


def _object(value: str) -> Q:
    try:
        return Q(object_id=UUID(value))
    except ValueError as error:
        raise InvalidInput(f"{value!r} is no id of a row; expected a UUID.", field="object_id") from error


def _uses() -> dict[str, str]:
    offered = {}
    for use in Use:
        offered[use.value] = f"{use.label}, any change"
        offered[f"{use.value}-lost"] = f"{use.label} prohibited"
        offered[f"{use.value}-gained"] = f"{use.label} permitted"
    return offered


def _use(value: str) -> Q:
    _one_of(value, _uses(), "use")
    use, _, way = value.partition("-")
    masks = masks_holding(use)
    before = Q(old_allowed__in=masks) & ~Q(old_prohibited__in=masks)
    after = Q(new_allowed__in=masks) & ~Q(new_prohibited__in=masks)
    lost, gained = before & ~after, after & ~before
    return {"lost": lost, "gained": gained}.get(way, lost | gained)


def _direction(value: str) -> Q:
    _one_of(value, tuple(ConstraintChange.Direction.values), "direction")
    return Q(direction=value)


def _classification_steps() -> dict[str, str]:
    return {
        f"{old.label}-{new.label}": f"{old.label} → {new.label}"
        for old in Classification
        for new in Classification
        if old != new
    }


def _classification_changed(value: str) -> Q:
    """`internal-restricted`: from the one to the other."""
    _one_of(value, _classification_steps(), "classification")
    old, new = value.split("-")
    return Q(old_classification=classification_of(old), new_classification=classification_of(new))


def _door(value: str) -> Q:
    _one_of(value, (*DOORS, PAST_EVERY_DOOR), "door")
    return Q(door="" if value == PAST_EVERY_DOOR else value)


def _person(value: str) -> Q:
    if value == NOBODY:
        return Q(actor_id__isnull=True)
    if not value.isdecimal() or len(value) > 18:
        raise InvalidInput(f"{value!r} is no account's number, nor {NOBODY!r}.", field="person")
    return Q(actor_id=int(value))


def _people(user: User, rows: QuerySet[ConstraintChange]) -> Choices:
    named = rows.filter(actor_id__isnull=False).order_by("actor_name").values_list("actor_id", "actor_name")
    return [*((str(key), name) for key, name in named.distinct()[:PEOPLE_AT_MOST]), (NOBODY, "nobody signed in")]


def _last_days(value: str) -> Q:
    if not value.isdecimal() or not 1 <= int(value[:6]) <= 36_500:
        raise InvalidInput(f"{value!r} is no number of days; expected 1 to 36500.", field="days")
    return Q(changed_at__gte=timezone.now() - timedelta(days=int(value)))


def _moment(value: str, field: str) -> datetime:
    """A day means its beginning, in UTC, as everything on record."""
    try:
        day = parse_date(value)
        moment = datetime.combine(day, time.min) if day else parse_datetime(value)
    except ValueError:  # of the right form, such as 2026-02-31, and yet none
        moment = None
    if moment is None:
        raise InvalidInput(f"{value!r} is no day or moment; expected one such as 2026-03-31.", field=field)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _text(value: str) -> Q:
    """Every word in the subject, the reason or the person's name, as the list's own search does it."""
    found = Q()
    for word in value.split()[:32]:
        found &= Q(subject_label__icontains=word) | Q(reason__icontains=word) | Q(actor_name__icontains=word)
    return found


def _since(value: str) -> Q:
    return Q(changed_at__gte=_moment(value, "since"))


def _until(value: str) -> Q:
    return Q(changed_at__lt=_moment(value, "until"))


for _filter in (
    Filter(name="use", title="use", help="A use, or `training-lost`, `training-gained` and so on.", matches=_use,
           choices=lambda user, rows: list(_uses().items())),
    Filter(name="direction", title="direction", help="tightened, relaxed or both.", matches=_direction,
           choices=lambda user, rows: list(ConstraintChange.Direction.choices)),
    Filter(name="classification", title="classification", help="From one to another: `internal-restricted`.",
           matches=_classification_changed,
           choices=lambda user, rows: list(_classification_steps().items())),
    Filter(name="person", title="person", help="The number of an account, or `none`.", matches=_person,
           choices=_people),
    Filter(name="kind", title="what", help="What kind of row, such as `labeling.qapair`.", matches=_kind,
           choices=lambda user, rows: sorted(_kinds().items(), key=lambda pair: pair[1])),
    Filter(name="door", title="door", help="admin, api, task, command, mcp, or `none`: past every door.",
           matches=_door, choices=lambda user, rows: [*((door, door) for door in DOORS),
                                                      (PAST_EVERY_DOOR, "past every door")]),
    Filter(name="days", title="in the last days", help="So many days up to now.", matches=_last_days,
           choices=lambda user, rows: [(str(days), f"{days} day{'s' * (days > 1)}") for days in DAYS]),
    Filter(name="object_id", title="row", help="The id of one row.", matches=_object),
    Filter(name=SEARCH, title="text", help="Words in the subject, the reason or the person's name.", matches=_text),
    Filter(name="since", title="since", help="A day or moment, included.", matches=_since),
    Filter(name="until", title="until", help="A day or moment, not included.", matches=_until),
):  # fmt: skip
    register_filter(_filter)
