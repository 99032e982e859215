"""What a Use Case groups, as far as someone may see it."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet

from governance.models import Collection, User
from labeling.usecases.models import UseCase

KINDS = ("sheets", "labelsets", "templates")


def assets_of(use_case: UseCase, user: User) -> dict[str, list[Collection]]:
    """The assets by kind that `user` may see; others do not exist for them."""
    return {kind: _shown(use_case, kind, user) for kind in KINDS}


def with_assets(use_cases: QuerySet[UseCase], user: User) -> QuerySet[UseCase]:
    """The same Use Cases with what `assets_of` says of them, in one query for each kind."""
    for kind in KINDS:
        rows = _ordered(UseCase._meta.get_field(kind).related_model, user)
        use_cases = use_cases.prefetch_related(Prefetch(kind, queryset=rows, to_attr=f"shown_{kind}"))
    return use_cases


def _shown(use_case: UseCase, kind: str, user: User) -> list[Collection]:
    if hasattr(use_case, f"shown_{kind}"):
        return list(getattr(use_case, f"shown_{kind}"))
    related = getattr(use_case, kind)
    return list(related.all().visible_to(user).select_related("owner").order_by("name"))


def _ordered(model: Any, user: User) -> QuerySet[Any]:
    return model.objects.visible_to(user).select_related("owner").order_by("name")  # type: ignore[no-any-return]
