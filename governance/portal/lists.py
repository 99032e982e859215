"""What every list of the portal has: a count with a cap, and filters that name nothing hidden."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest

from governance.portal import hiding

COUNT_AT_MOST = 10_000


class CappedPaginator(Paginator):
    """Counts no further than COUNT_AT_MOST, so that a list of millions opens like one of hundreds."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        if not isinstance(rows, models.QuerySet):
            return len(rows)
        # Neither sorted nor with what the columns of the list count for each row.
        return rows.order_by().values("pk")[:COUNT_AT_MOST].count()

    @property
    def is_capped(self) -> bool:
        """Whether there may be more than were counted."""
        return self.count >= COUNT_AT_MOST


class ShownChangeList(ChangeList):
    """The page of a list names nothing that this person may not see."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = hiding.shown(self.result_list, request.user)  # type: ignore[arg-type,assignment]


class VisibleOnlyFilter(admin.RelatedOnlyFieldListFilter):
    """Offers what the rows of the list refer to, as far as this person may see that."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        used = model_admin.get_queryset(request).order_by().values(self.field_path)
        wanted = models.Q(pk__in=used)
        manager = field.remote_field.model._default_manager
        if hasattr(manager, "visible_to"):
            wanted &= models.Q(pk__in=manager.visible_to(request.user).values("pk"))
        ordering = self.field_admin_ordering(field, request, model_admin)
        return field.get_choices(include_blank=False, limit_choices_to=wanted, ordering=ordering)


class WordsFilter(admin.SimpleListFilter):
    """By a column that holds a slug, offered in the words that its registry has for it."""

    def words(self) -> dict[str, str]:
        raise NotImplementedError

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return sorted(self.words().items(), key=lambda pair: pair[1])

    def queryset(self, request: Any, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() else queryset
