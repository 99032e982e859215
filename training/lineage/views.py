"""The lineage page: from source to evaluation and back, as a picture and as text, and the four questions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from governance.errors import InvalidInput
from governance.portal.graph import graph_as_list, layered_graph
from governance.portal.pages import portal_page, render_page
from governance.portal.rows import row_url
from governance.portal.strip import strip_for
from governance.spreadsheets import csv_lines
from labeling.models import TrainingSheet
from training.lineage import graph, recall, selectors
from training.models import DatasetVersion, ModelVersion

PAIRS_A_PAGE = 25
RECALL_COLUMNS = ("kind", "name", "rows", "state")


@portal_page("training.view_modeltraininglineage")
def lineage(request: HttpRequest) -> HttpResponse:
    """`?node=training-sheet:<id>`; without one, what lineage can start from."""
    node = request.GET.get("node", "")
    if not node:
        return render_page(request, "training/lineage_start.html", _choices(request.user))
    slug, key = _parsed(node)
    try:
        start = graph.start_of(slug, key, request.user)
    except InvalidInput as error:
        raise Http404(error.message) from error
    chain = graph.chain_around(slug, key, request.user)
    nodes, edges = graph.drawing(chain)
    context = {
        "title": f"Lineage of {start}",
        "lead": "Where it came from, and what came of it.",
        "breadcrumbs": [{"label": "Lineage", "url": reverse("training:lineage")}],
        "start": start,
        "start_url": row_url(start),
        "picture": layered_graph(nodes, edges, title=f"Lineage of {start}"),
        "text": graph_as_list(nodes, edges),
        "cut": chain.cut,
        "partial": not request.user.has_perm("governance.read_every_row"),
        **_answers(request, start),
    }
    return render_page(request, "training/lineage.html", context)


def recall_link(kind: str, pk: Any, user: Any) -> dict[str, str] | None:
    """From the page of a row, or of a change of it, to what it reached."""
    if not user.has_perm("training.view_modeltraininglineage"):
        return None
    return {"label": "Where it went", "url": reverse("training:recall", args=[kind, pk])}


@portal_page("training.view_modeltraininglineage")
def recall_page(request: HttpRequest, kind: str, pk: UUID) -> HttpResponse:
    """Everything that one row reached, down to models; `?format=csv` as a file."""
    found = _recalled(request, kind, pk)
    if request.GET.get("format") == "csv":
        lines = csv_lines(RECALL_COLUMNS, found.rows())
        headers = {"Content-Disposition": f'attachment; filename="recall-{pk}.csv"'}
        return HttpResponse(b"".join(lines), content_type="text/csv; charset=utf-8", headers=headers)
    subject = found.subject
    context = {
        "title": f"Where it went: {subject.words}",
        "lead": "Every label, pair, dataset, export, model and evaluation made from it that you may see.",
        "breadcrumbs": [{"label": "Why" if subject.row else subject.words, "url": subject.url}],
        "constraint": strip_for(subject.row) if subject.row else None,
        "recall": found,
        "partial": not request.user.has_perm("governance.read_every_row"),
        "page_actions": [{"label": "CSV", "url": "?format=csv", "style": "plain", "method": "get", "confirm": ""}],
    }
    return render_page(request, "training/recall.html", context)


def _recalled(request: HttpRequest, kind: str, pk: UUID) -> recall.Recall:
    try:
        subject = recall.subject_of(kind, pk, request.user)
    except InvalidInput as error:
        raise Http404(error.message) from error
    return recall.recall(subject, request.user)


def _parsed(node: str) -> tuple[str, UUID]:
    slug, _, key = node.partition(":")
    try:
        return slug, UUID(key)
    except ValueError as error:
        raise Http404(f"{node!r} is no node; expected kind:id.") from error


def _choices(user: Any) -> dict[str, Any]:
    def links(slug: str, rows: Any) -> list[dict[str, str]]:
        return [{"label": str(row), "url": f"?node={slug}:{row.pk}"} for row in rows[:20]]

    groups = [
        {"title": "Model versions",
         "links": links("model", ModelVersion.objects.visible_to(user).select_related("model"))},
        {"title": "Datasets",
         "links": links("dataset", DatasetVersion.objects.visible_to(user).select_related("dataset"))},
        {"title": "Training Sheets", "links": links("training-sheet", TrainingSheet.objects.visible_to(user))},
    ]  # fmt: skip
    return {
        "title": "Lineage",
        "lead": "From source to evaluation and back. Choose where to start.",
        "groups": groups,
        "has_any": any(group["links"] for group in groups),
        "start_url": reverse("labeling:generate") if user.has_perm("labeling.add_trainingsheet") else "",
    }


def _answers(request: HttpRequest, start: Any) -> dict[str, Any]:
    """The questions of lineage that this kind of node answers."""
    user: Any = request.user
    if isinstance(start, TrainingSheet):
        return {"comparison": selectors.compare_models_on(start, user)}
    if isinstance(start, ModelVersion):
        pairs = Paginator(selectors.pairs_of(start, user), PAIRS_A_PAGE).get_page(request.GET.get("page"))
        return {"training_sheets": selectors.training_sheets_of(start, user), "pairs": pairs}
    return {}
