"""Filters of lists by findings."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from governance.portal.lists import WordsFilter
from labeling.quality.kinds import LABELS
from labeling.quality.models import Finding
from labeling.quality.selectors import with_open_finding

ANY = "any"


class FindingFilter(admin.SimpleListFilter):
    """Pairs on which something was found and nobody has decided about it."""

    title = "open findings"
    parameter_name = "finding"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [(ANY, "any"), *((str(value), str(label)) for value, label in Finding.Detector.choices)]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in {ANY, *Finding.Detector.values}:
            return queryset
        return with_open_finding(queryset, "" if self.value() == ANY else str(self.value()))


class KindFilter(WordsFilter):
    """Findings of one kind."""

    title = "kind"
    parameter_name = "kind"

    def words(self) -> dict[str, str]:
        return LABELS
