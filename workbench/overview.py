"""What the Overview says of data."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from governance.portal import navigation, overview
from workbench.models import Sheet, SheetVersion

SHEETS = "admin:workbench_sheet_changelist"


def register() -> None:
    overview.register_tile(data_tile)
    overview.register_first_step(first_sheet)
    navigation.register_count(SHEETS, lambda user: Sheet.objects.visible_to(user).count())


def _published(user: Any) -> int:
    visible = SheetVersion.objects.visible_to(user)
    return visible.filter(status=SheetVersion.Status.PUBLISHED).values("sheet").distinct().count()


def data_tile(user: Any) -> overview.Tile | None:
    if not user.has_perm("workbench.view_sheet"):
        return None
    may_add = user.has_perm("workbench.add_sheet")
    drafts = SheetVersion.objects.visible_to(user, "view").filter(status=SheetVersion.Status.DRAFT).count()
    if may_add and drafts:
        label, url, tone = f"Finish {drafts} draft sheet{'s' * (drafts != 1)}", reverse(SHEETS), "attention"
    elif may_add:
        label, url, tone = "Point at data", reverse("workbench:sheet-new"), "primary"
    else:
        label, url, tone = "Look at the sheets", reverse(SHEETS), "plain"
    return overview.Tile(
        stage="Data", count=_published(user), unit="sheets published", one="sheet published", order=1,
        action_label=label, action_url=url, tone=tone,
    )  # fmt: skip


def first_sheet(user: Any) -> overview.FirstStep | None:
    if not user.has_perm("workbench.add_sheet"):
        return None
    return overview.FirstStep(
        label="Publish a Sheet", done=_published(user) > 0, url=reverse("workbench:sheet-new"), order=1
    )
