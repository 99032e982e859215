"""Labels in and out of the labelling tool: choose a format, see what would happen, then do it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core import signing
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_GET

from governance import uploads
from governance.errors import ReauthenticationRequired, WorkbenchError
from governance.portal.pages import portal_page, render_page
from governance.sign_in import kept
from labeling.interchange import services
from labeling.interchange.formats import in_words
from labeling.labels.forms import ExportForm, ImportForm
from labeling.labels.views import VIEW, Desk, refused

SALT = "labeling.import"
AGE = 3_600  # seconds between looking at a file and importing it


@portal_page("labeling.add_canonicallabel")
def label_import(request: HttpRequest) -> HttpResponse:
    """Bring in labels: first what the file would do, then, on confirmation, doing it."""
    try:
        desk = Desk(request)
    except WorkbenchError as error:
        return refused(request, error)
    if "looked_at" in request.POST:
        return _import(desk)
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            return _looked_at(desk, form.cleaned_data["format"], form.cleaned_data["content"])
        except WorkbenchError as error:
            form.add_error(None, error.message)
    context = desk.context("Import labels", form=form, action_label="Look at it", cancel_url=desk.url("label"))
    context["lead"] = (
        "You see what would happen before anything is saved. What was seen is unknown, so every column of the Sheet "
        "binds."
    )
    return render_page(request, "governance/reason_form.html", context)


def _looked_at(desk: Desk, slug: str, content: bytes) -> HttpResponse:
    chosen = {"sheet": desk.sheet, "label_type": desk.label_type, "format": slug, "by": desk.request.user}
    plan = services.plan_import(content=content, **chosen)  # type: ignore[arg-type]
    looked_at = signing.dumps([uploads.keep(content), slug, *_who(desk)], salt=SALT) if plan.entries else ""
    context = desk.context(
        "Import labels",
        plan=plan,
        looked_at=looked_at,
        hidden=plan.refused - len(plan.misfits),
        is_job=len(plan.entries) > services.AT_ONCE,
        lead="Nothing has been saved yet.",
    )
    return render_page(desk.request, "labeling/label_import.html", context)


def _who(desk: Desk) -> list[str]:
    return [str(desk.sheet.pk), desk.label_type.pk, str(desk.request.user.pk)]


def _import(desk: Desk) -> HttpResponse:
    try:
        name, slug, *who = signing.loads(desk.request.POST["looked_at"], salt=SALT, max_age=AGE)
        if who != _who(desk):
            raise signing.BadSignature
        done = services.import_labels(
            sheet=desk.sheet,
            label_type=desk.label_type,
            format=slug,
            content=uploads.kept(name),
            by=desk.request.user,  # type: ignore[arg-type]
        )
    except signing.BadSignature:
        messages.error(desk.request, "You looked at this file too long ago, or elsewhere. Choose it again.")
        return HttpResponseRedirect(desk.url("label-import"))
    except WorkbenchError as error:
        messages.error(desk.request, error.message)
        return HttpResponseRedirect(desk.url("label-import"))
    uploads.forget(name)
    if done.job:
        return HttpResponseRedirect(reverse("governance:job", args=[done.job.pk]))
    messages.success(desk.request, _said(done))
    return HttpResponseRedirect(desk.url("label"))


def _said(done: services.Imported) -> str:
    return f"{done.saved:,} labels saved; {done.plan.same:,} were the same already, {done.plan.refused:,} refused."


@portal_page(VIEW)
@require_GET
def label_export(request: HttpRequest) -> HttpResponse:
    """Without a use: what each format leaves out. With one: the labels that permit it, as a file."""
    try:
        desk = Desk(request)
        return _file(desk) if "use" in request.GET else _choices(desk)
    except ReauthenticationRequired:
        return kept.prove_first(request, back=desk.url("label-export"))
    except WorkbenchError as error:
        return refused(request, error)


def _file(desk: Desk) -> HttpResponse:
    taken = services.hand_out_labels(
        sheet=desk.sheet,
        label_type=desk.label_type,
        use=desk.request.GET["use"],
        format=desk.request.GET.get("format", "jsonl"),
        by=desk.request.user,  # type: ignore[arg-type]
    )
    if taken.handed.file is None:
        lost = f" Left out: {'; '.join(in_words(taken.tally.losses))}." if taken.tally.losses else ""
        messages.warning(desk.request, f"No label of {desk.label_type} on this Sheet permits this use.{lost}")
        return HttpResponseRedirect(desk.url("label-export"))
    name = f"labels-{desk.label_type.pk}{taken.form.suffix}"
    return FileResponse(  # type: ignore[return-value]
        taken.handed.file, as_attachment=True, filename=name, content_type=taken.form.content_type
    )


def _choices(desk: Desk) -> HttpResponse:
    tables = []
    for use, label in ExportForm.base_fields["use"].choices:  # type: ignore[attr-defined]
        rows, count, excluded = services.losses_beforehand(
            sheet=desk.sheet,
            label_type=desk.label_type,
            use=use,
            by=desk.request.user,  # type: ignore[arg-type]
        )
        counts = {"count": count, "excluded": excluded}
        tables.append({"use": use, "label": label, "rows": _shown(desk, use, rows), **counts})
    context = desk.context("Export labels", tables=tables, counted=services.COUNTED)
    context["lead"] = "Every file that leaves is on record, with who took it."
    return render_page(desk.request, "labeling/label_export.html", context)


def _shown(desk: Desk, use: str, rows: list[services.Beforehand]) -> list[dict[str, Any]]:
    return [
        {
            "label": row.form.label,
            "unfit": row.unfit,
            "losses": in_words(row.losses),
            "url": "" if row.unfit else desk.url("label-export", use=use, format=row.form.slug),
        }
        for row in rows
    ]
