"""The labels made with one labelset, Sheet by Sheet: which stand under an older version, and which do not fit."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST

from governance.errors import WorkbenchError
from governance.portal.pages import portal_page, render_page
from governance.portal.rows import row_url
from labeling.labels import selectors, services
from labeling.labels.models import CanonicalLabel
from labeling.labelsets.models import Labelset, LabelsetVersion
from labeling.labelsets.selectors import published_version
from workbench.models import Sheet

LOOKED_AT = 2_000
SHOWN = 50


def _labelset(user: Any, pk: UUID) -> Labelset:
    return get_object_or_404(Labelset.objects.visible_to(user), pk=pk)


@portal_page("labeling.view_canonicallabel")
def labelset_labels(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Counts per Sheet, and the labels that do not fit the published version."""
    user: Any = request.user
    labelset = _labelset(user, pk)
    try:
        version = published_version(labelset)
    except WorkbenchError as error:
        messages.error(request, error.message)
        return HttpResponseRedirect(row_url(labelset))
    visible = CanonicalLabel.objects.visible_to(user).filter(retired_at__isnull=True)
    older = visible.filter(label_type=labelset.label_type_id).exclude(labelset_version=version)
    own_older = older.filter(labelset=labelset)
    context = {
        "title": f"Labels of {labelset}",
        "lead": f"Compared with {version}. Labels of older versions stay valid.",
        "breadcrumbs": [{"label": str(labelset), "url": row_url(labelset)}],
        "labelset": labelset,
        "version": version,
        "rows": _rows(user, labelset, version),
        "misfits": list(selectors.misfits(version, own_older[:LOOKED_AT]))[:SHOWN],
        "older_count": own_older.count(),
        "looked_at": LOOKED_AT,
        "may_bring": request.user.has_perm("labeling.change_canonicallabel"),
    }
    return render_page(request, "labeling/labelset_labels.html", context)


def _rows(user: Any, labelset: Labelset, version: LabelsetVersion) -> list[dict[str, Any]]:
    """Sheets that the labelset is bound to, or that have labels of it."""
    labels = CanonicalLabel.objects.filter(retired_at__isnull=True, label_type=labelset.label_type_id)
    sheets = Sheet.objects.visible_to(user)
    wanted = Q(labelset_bindings__labelset=labelset) | Q(pk__in=labels.filter(labelset=labelset).values("sheet"))
    counted: dict[Any, dict[str, Any]] = {
        row["sheet"]: dict(row)
        for row in labels.order_by()
        .values("sheet")
        .annotate(
            current=Count("pk", filter=Q(labelset_version=version)),
            older=Count("pk", filter=Q(labelset=labelset) & ~Q(labelset_version=version)),
            total=Count("pk"),
        )
    }
    empty: dict[str, Any] = {"current": 0, "older": 0, "total": 0}
    rows = [counted.get(sheet.pk, empty) | {"sheet": sheet} for sheet in sheets.filter(wanted).distinct()]
    return [row | {"other": row["total"] - row["current"] - row["older"]} for row in rows]


@portal_page("labeling.change_canonicallabel")
@require_POST
def bring_under(request: HttpRequest, pk: UUID, sheet_pk: UUID) -> HttpResponse:
    """Bring the labels of one Sheet under the published version; misfits stay as they are."""
    user: Any = request.user
    labelset = _labelset(user, pk)
    sheet = get_object_or_404(Sheet.objects.visible_to(user), pk=sheet_pk)
    try:
        version = published_version(labelset)
        count, misfits = services.bring_under_labelset(labelset_version=version, sheet=sheet, by=user)
    except WorkbenchError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"{count:,} labels brought under {version}.")
        if misfits:
            first = "; ".join(f"{misfit.label.item_ref}: {misfit.faults[0]}" for misfit in misfits[:SHOWN])
            messages.warning(request, f"{len(misfits):,} do not fit and stay as they are: {first}")
    return HttpResponseRedirect(reverse("labeling:labelset-labels", args=[pk]))
