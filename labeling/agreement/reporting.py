"""How far the experts on one Sheet and labelset agree: as a whole, field by field, and person by person."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from governance import access
from governance.errors import InvalidInput
from governance.models import User
from labeling.agreement import selectors, statistics
from labeling.agreement.errors import NothingToCompare
from labeling.agreement.statistics import Interval, Level
from labeling.interchange.shapes import WHOLE, BoxKeys, Shape
from labeling.labelsets.models import LabelsetVersion
from labeling.schemas.canonical import canonical_json
from workbench.models import Sheet

VIEW = "labeling.view_agreement"
NOT_GIVEN = "(not given)"
DRAWS_OF_PAIRS = 300
SHOWN_CONFUSIONS = 50
MOST_IN_HEAT = 12
STEPS = 5


@dataclass(frozen=True)
class FieldReport:
    """Agreement on one named part of the answer; `iou` is the mean over pairs of answers, of boxes only."""

    name: str
    level: Level
    alpha: float | None
    interval: Interval | None
    exact: float | None
    iou: float | None


@dataclass(frozen=True)
class PairReport:
    """Agreement of two people on items that both answered; `said` counts what the first and the second said."""

    first: str
    second: str
    items: int
    kappa: float | None
    interval: Interval | None
    exact: float | None
    said: Counter[tuple[str, str]]

    @property
    def confusion(self) -> list[tuple[str, str, int]]:
        """Values that differ, the most frequent first."""
        return [(one, other, count) for (one, other), count in self.said.most_common() if one != other]


@dataclass(frozen=True)
class Cell:
    """How often, and that as one of STEPS; what differs and what is the same are stepped by themselves. 0: never."""

    count: int
    step: int
    is_same: bool


@dataclass(frozen=True)
class Heat:
    """What one (rows) and another (columns) said of the same items, of the `MOST_IN_HEAT` most confused values."""

    first: str
    second: str
    values: list[str]
    rows: list[tuple[str, list[Cell]]]
    left_out: int


@dataclass(frozen=True)
class Report:
    """`whole` compares answers as they are, `pairs` compare the field `compared`, or whole answers where it is ""."""

    items: int
    people: list[str]
    whole: FieldReport
    fields: list[FieldReport]
    compared: str
    pairs: list[PairReport] = field(default_factory=list)

    @property
    def confusions(self) -> list[tuple[str, str, int]]:
        """What was said for what, over all pairs of people and in either order."""
        counted: Counter[tuple[str, str]] = Counter()
        for pair in self.pairs:
            for first, second, count in pair.confusion:
                counted[min(first, second), max(first, second)] += count
        return [(first, second, count) for (first, second), count in counted.most_common(SHOWN_CONFUSIONS)]

    def heat(self, between: str = "") -> Heat:
        """As a table: of the two people with this place in `pairs`, or of all of them in either order where it is "".

        :raises InvalidInput: there are no such two.
        """
        if not between:
            both: Counter[tuple[str, str]] = Counter()
            for pair in self.pairs:
                for (first, second), count in pair.said.items():
                    both.update({(first, second): count} | ({(second, first): count} if first != second else {}))
            return _heat("one", "another", both)
        if between not in map(str, range(len(self.pairs))):
            raise InvalidInput("There are no such two people; choose two that are offered.", field="between")
        pair = self.pairs[int(between)]
        return _heat(pair.first, pair.second, pair.said)


def _heat(first: str, second: str, said: Counter[tuple[str, str]]) -> Heat:
    """The values that differ most often come first, so that what is left out is what hardly differs."""
    differs: Counter[str] = Counter()
    for (one, other), count in said.items():
        differs.update({one: count * (one != other), other: count * (one != other)})
    values = sorted(value for value, _ in differs.most_common(MOST_IN_HEAT))
    most = {
        is_same: max((count for (one, other), count in said.items() if (one == other) == is_same), default=0)
        for is_same in (True, False)
    }
    rows = [(one, [_cell(said[one, other], one == other, most[one == other]) for other in values]) for one in values]
    return Heat(first, second, values, rows, left_out=len(differs) - len(values))


def _cell(count: int, is_same: bool, most: int) -> Cell:
    return Cell(count, math.ceil(STEPS * count / most) if count else 0, is_same)


def agreement_of(
    *,
    sheet: Sheet,
    version: LabelsetVersion,
    by: User,
    compared: str = "",
    ordinal: Collection[str] = (),
) -> Report:
    """How far the experts agree on items that have all their opinions. For those who lead only.

    Numbers are on an interval scale, all else is nominal; `ordinal` names fields whose values are in the order of
    their enum, or of numbers. `compared` is the field for kappa and confusion.

    :raises NothingToCompare: no item has all its opinions.
    :raises InvalidInput: the schema has no such field, or it has no order.
    """
    access.require(by, VIEW, sheet)
    access.require_row(by, version.labelset)
    answers = selectors.answers_of(sheet, version.labelset)
    if not answers.refs:
        raise NothingToCompare(
            f"No item of Sheet “{sheet}” has all {version.labelset.opinions_asked} opinions yet; come back then."
        )
    schemas = fields_in(version)
    for name in {compared, *ordinal} - {""}:
        if name not in schemas:
            raise InvalidInput(
                f"Answers of {version} have no field {name!r}; expected one of: {', '.join(schemas) or 'none'}.",
                field="field" if name == compared else "ordinal",
            )
    data = [[None if cell is None else cell.data for cell in row] for row in answers.rows]
    drawn = Shape.of(version.response_schema).boxes
    keys = {drawn.name: drawn.keys} if drawn else {}
    return Report(
        items=len(answers.refs),
        people=[person.display_name for person in answers.people],
        whole=_field_report("", data, "nominal", (), keys.get(WHOLE)),
        fields=[
            _field_report(name, _part(data, name), *_scale(name, schema, name in ordinal), keys.get(name))
            for name, schema in schemas.items()
        ],
        compared=compared,
        pairs=_pairs(_keys(_part(data, compared) if compared else data), answers.people),
    )


def fields_in(version: LabelsetVersion) -> dict[str, Mapping[str, Any]]:
    """The named parts of an answer, with the schema of each."""
    found = version.response_schema.get("properties", {})
    return {name: schema if isinstance(schema, dict) else {} for name, schema in found.items()}


def _scale(name: str, schema: Mapping[str, Any], is_ordinal: bool) -> tuple[Level, Sequence[Any]]:
    is_number = schema.get("type") in ("number", "integer")
    if is_ordinal and not is_number and "enum" not in schema:
        raise InvalidInput(
            f"The field {name!r} is neither a number nor an enum, so its values have no order.", field="ordinal"
        )
    if is_ordinal:
        return "ordinal", tuple(map(_key, schema["enum"])) if "enum" in schema else ()
    return ("interval" if is_number else "nominal"), ()


Data = Sequence[Sequence[Any]]


def _part(data: Data, name: str) -> list[list[Any]]:
    """One field of each answer. A field that an answer leaves out is said to be not given: that is an answer too."""
    return [[None if cell is None else statistics.fields_of(cell).get(name, NOT_GIVEN) for cell in row] for row in data]


def _key(value: Any) -> str:
    return value if isinstance(value, str) else canonical_json(value)


def _keys(data: Data) -> list[list[str | None]]:
    return [[None if cell is None else _key(cell) for cell in row] for row in data]


def _field_report(
    name: str, data: Data, level: Level, order: Sequence[Any], box_keys: BoxKeys | None
) -> FieldReport:
    keys = _keys(data)
    scaled: Any = keys
    if level != "nominal":
        scaled = [[cell if _is_on(level, order, cell) else None for cell in row] for row in (keys if order else data)]
    return FieldReport(
        name=name,
        level=level,
        alpha=statistics.krippendorff_alpha(scaled, level=level, order=order),
        interval=statistics.alpha_interval(scaled, level=level, order=order),
        exact=statistics.exact_match(keys),
        iou=_overlap(data, box_keys),
    )


def _is_on(level: Level, order: Sequence[Any], cell: Any) -> bool:
    """Whether a value has a place on the scale; others are left out as missing."""
    return cell in order if order else isinstance(cell, int | float) and not isinstance(cell, bool)


def _overlap(data: Data, keys: BoxKeys | None) -> float | None:
    """Mean overlap over pairs of answers that are boxes: `[left, top, right, bottom]`, lists of those, or records."""
    found: list[float] = []
    for row in data:
        boxes = [_boxes(cell, keys) for cell in row if cell is not None]
        if any(one is None for one in boxes):
            return None
        found += [
            statistics.mean_iou(first, second)
            for place, first in enumerate(boxes)
            for second in boxes[place + 1 :]
            if first is not None and second is not None
        ]
    return sum(found) / len(found) if found else None


def _boxes(cell: Any, keys: BoxKeys | None) -> list[statistics.Box] | None:
    if not isinstance(cell, list):
        return None
    if keys is not None and all(keys.can(record) for record in cell):
        drawn = [keys.box(record) for record in cell]
        return [(box.x, box.y, box.x + box.width, box.y + box.height) for box in drawn]
    several = cell if not cell or isinstance(cell[0], list) else [cell]
    return [tuple(one) for one in several] if all(map(_is_box, several)) else None


def _is_box(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 4:
        return False
    if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in value):
        return False
    return bool(value[0] <= value[2] and value[1] <= value[3])


def _pairs(keys: Sequence[Sequence[str | None]], people: Sequence[User]) -> list[PairReport]:
    by_place = statistics.pairs_of(keys, [str(place) for place in range(len(people))])
    found = []
    for (first, second), said in by_place.items():
        both = [one for one in said if None not in one]
        if not both:
            continue
        counted = statistics.confusion(both)
        found.append(
            PairReport(
                first=people[int(first)].display_name,
                second=people[int(second)].display_name,
                items=len(both),
                kappa=statistics.cohen_kappa(both),
                interval=statistics.kappa_interval(both, draws=DRAWS_OF_PAIRS),
                exact=statistics.exact_match(both),
                said=Counter({(str(one), str(other)): count for (one, other), count in counted.items()}),
            )
        )
    return found
