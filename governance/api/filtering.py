"""Filters of lists. A parameter that nobody knows is refused: a misspelt filter must not widen the answer."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.db import models
from django.db.models import QuerySet
from django_filters import rest_framework as django_filters
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.request import Request

from governance.errors import InvalidInput

ALWAYS = ("format",)
WORDS = {"true": True, "1": True, "false": False, "0": False}


class YesOrNo(forms.NullBooleanField):
    """True, false or nothing. What is none of them is refused: it would find everything."""

    widget = forms.TextInput

    def to_python(self, value: Any) -> bool | None:
        if value in (None, ""):
            return None
        said = WORDS.get(str(value).lower())
        if said is None:
            raise forms.ValidationError(f"{str(value)[:100]!r} is no yes or no; expected true or false.")
        return said


class YesOrNoFilter(django_filters.BooleanFilter):
    field_class = YesOrNo

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **({"widget": forms.TextInput} | kwargs))  # its own widget makes None of other words


class Filters(django_filters.FilterSet):
    """Base of the filters of lists."""

    FILTER_DEFAULTS: ClassVar[dict[Any, Any]] = django_filters.FilterSet.FILTER_DEFAULTS | {
        models.BooleanField: {"filter_class": YesOrNoFilter}
    }


class KnownFilters(DjangoFilterBackend):
    """The filters that a view declares, and no others."""

    filterset_base = Filters

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        if not view.detail:
            refuse_unknown(request, self.names(queryset, view), view)
        found: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        return found

    def names(self, queryset: QuerySet[Any], view: Any) -> list[str]:
        """What a list of this view can be asked for."""
        filters = self.get_filterset_class(view, queryset)
        return list(filters.base_filters) if filters is not None else []


def refuse_unknown(request: Request, names: Iterable[str], view: Any) -> None:
    """:raises InvalidInput: the address has a parameter that this list does not know; names it and those it knows."""
    pages = view.paginator
    of_pages = (pages.cursor_query_param, pages.page_size_query_param) if pages is not None else ()
    known = [*names, *of_pages]
    for name in request.query_params:
        if name not in known and name not in ALWAYS:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise InvalidInput(
                f"This list has no filter {name[:100]!r}; expected some of: {', '.join(known)}.{hint}", field=name[:100]
            )
