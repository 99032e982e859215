"""Dates of birth: a date behind a word for being born, or right behind a person's title and name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.utils import timezone

from labeling.quality.personal.checksums import is_date
from labeling.quality.personal.port import Hit

KIND, LABEL = "date_of_birth", "date of birth"
MONTHS = (
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
)  # fmt: skip
MONTH = rf"(?:{'|'.join(MONTHS)})[a-z]*\.?"
DATE = re.compile(
    r"(?<![\w.])(?:(?P<iso>(?P<y1>\d{4})-(?P<m1>\d\d)-(?P<d1>\d\d))"
    r"|(?P<d2>\d{1,2})(?P<sep>[./-])(?P<m2>\d{1,2})(?P=sep)(?P<y2>\d{4})"
    rf"|(?P<d3>\d{{1,2}})\.? (?P<m3>{MONTH}) (?P<y3>\d{{4}})"
    rf"|(?P<m4>{MONTH}) (?P<d4>\d{{1,2}}),? (?P<y4>\d{{4}}))(?!\w)",
    re.IGNORECASE,
)
BORN = re.compile(
    r"(?<!\w)(?:born|birth|birthday|d\.?o\.?b\.?|date of birth|geboren|geb\.|geburtsdatum|née?|naissance|nacid[oa]|"
    r"nacimiento|nat[oa] il|nascita|geboortedatum|data urodzenia)(?: is| was| on| am| le| el)?[\s:,(–-]{0,4}$",
    re.IGNORECASE,
)
TITLED = re.compile(
    r"(?<!\w)(?:Mr|Mrs|Ms|Miss|Dr|Herr|Frau|Monsieur|Madame|Se[ñn]ora?|Patient(?:in)?|Insured|Applicant)\.?:? "
    r"(?:[A-ZÀ-Þ][\w'’-]+ ?){1,3}[\s,;(*]{1,4}$"
)
BEFORE = 60
ADULT = 16  # a younger date behind a name is more often an appointment


def find(text: str) -> Iterator[Hit]:
    this_year = timezone.now().year
    for match in DATE.finditer(text):
        year = _year(match)
        if year is None or not 1900 <= year <= this_year:
            continue
        before = text[max(0, match.start() - BEFORE) : match.start()]
        if BORN.search(before) or (year <= this_year - ADULT and TITLED.search(before)):
            yield Hit(match.start(), match.end(), KIND)


def _year(match: re.Match[str]) -> int | None:
    """The year of a date that exists, with the day first or the month first."""
    for number in "1234":
        if (year := match[f"y{number}"]) is None:
            continue
        day, month = int(match[f"d{number}"]), match[f"m{number}"]
        of_year = int(month) if month.isdigit() else MONTHS.index(month[:3].lower()) + 1
        if is_date(int(year), of_year, day) or (number == "2" and is_date(int(year), day, of_year)):
            return int(year)
    return None
