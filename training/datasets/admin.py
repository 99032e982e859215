"""The desks of Curated Datasets and their versions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from governance import access, jobs
from governance.admin_base import DeskAdmin
from governance.approvals.selectors import open_request
from governance.models import Job
from governance.portal.marks import chip
from governance.portal.rows import STATUS_KINDS, follow_url, row_url, status_of, waiting_words
from governance.portal.steps import ReasonForm, Step
from labeling.models import UseCase
from training.datasets import services, showing
from training.datasets.forms import ExportForm
from training.datasets.freezing import JOB
from training.datasets.models import CuratedDataset, DatasetVersion
from training.datasets.selectors import USABLE, members_prohibited, why_prohibited
from training.datasets.transitions import APPROVE, ARCHIVE
from training.datasets.views import LIST
from training.exports.services import request_export
from workbench.sharing import SHARE, share_whole

Status = DatasetVersion.Status
RENEWED = "A draft was made that selects as the newest version does."


class StatusFilter(admin.SimpleListFilter):
    """By the state of the newest version."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return list(Status.choices)

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(newest_status=self.value()) if self.value() else queryset


class UseCaseFilter(admin.SimpleListFilter):
    """Use cases that the person may see."""

    title = "use case"
    parameter_name = "use_case"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        rows = UseCase.objects.visible_to(request.user).order_by("name")
        return [(str(pk), name) for pk, name in rows.values_list("pk", "name")[:100]]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = {key for key, _ in self.lookup_choices}
        return queryset.filter(use_case=self.value()) if self.value() in known else queryset


def _may_start(dataset: CuratedDataset, user: Any) -> bool:
    newest = dataset.versions.order_by("-number").first()
    return newest is not None and newest.frozen_at is not None and access.can_see(user, dataset, "change")


@admin.register(CuratedDataset)
class CuratedDatasetAdmin(DeskAdmin):
    """Approved pairs, selected, divided and frozen for training or evaluation."""

    change_form_template = "training/dataset_page.html"
    list_lead = "Approved pairs, divided and frozen. A frozen version never changes; training takes approved ones."
    list_display = ("name", "purpose", "newest", "status_chip", "members", "sides", "use_case_name", "owner")
    list_filter = ("purpose", StatusFilter, UseCaseFilter)
    list_select_related = ("owner",)
    search_fields = ("name", "description")
    readonly_fields = ("purpose", "owner", "created_at")
    update_service = services.update_dataset
    service_argument = "dataset"
    empty_state = {
        "title": "No datasets yet",
        "text": "Finish the review of a Training Sheet first. Then select its approved pairs here and freeze them.",
        "url": "add/",
        "action": "New dataset",
    }
    steps = (
        Step(name="new-version", label="New version", service=services.start_new_version, argument="dataset",
             permission=services.CHANGE, available=_may_start, then=row_url, success=RENEWED),
        SHARE,
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        user: Any = request.user
        newest = DatasetVersion.objects.filter(dataset=OuterRef("pk")).order_by("-number")
        seen = UseCase.objects.visible_to(user).filter(pk=OuterRef("use_case"))
        return super().get_queryset(request).annotate(
            newest_number=Subquery(newest.values("number")[:1]),
            newest_status=Subquery(newest.values("status")[:1]),
            newest_counts=Subquery(newest.values("counts")[:1]),
            seen_use_case=Subquery(seen.values("name")[:1]),
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("training.add_curateddataset")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("training:dataset-new"))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """A use case that is not shared with the person is neither named nor lost by saving."""
        hidden = obj is not None and obj.use_case_id and obj.seen_use_case is None
        return ["name", "description", *([] if hidden else ["use_case"]), *self.readonly_fields]

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        versions = row.versions.select_related("created_by", "dataset").order_by("-number")
        return super().page_context(request, row) | {
            "object_lead": row.description,
            "split": [(side, share * 100) for side, share in row.split.items() if side != "by" and share],
            "keep_together": row.split.get("by"),
            "versions": [{"row": one, "status": status_of(one), "url": row_url(one)} for one in versions],
        }

    @admin.display(description="Newest", ordering="newest_number")
    def newest(self, dataset: Any) -> str:
        return f"v{dataset.newest_number}" if dataset.newest_number else "—"

    @admin.display(description="Status", ordering="newest_status")
    def status_chip(self, dataset: Any) -> Any:
        status = dataset.newest_status
        return chip(Status(status).label, STATUS_KINDS.get(status, "plain")) if status else "—"

    @admin.display(description="Members")
    def members(self, dataset: Any) -> str:
        return f"{dataset.newest_counts['members']:,}" if dataset.newest_counts else "not frozen"

    @admin.display(description="Train · validation · test")
    def sides(self, dataset: Any) -> str:
        counts = dataset.newest_counts
        return " · ".join(f"{counts.get(side, 0):,}" for side in showing.SIDE_TONES) if counts else "—"

    @admin.display(description="Use case", ordering="seen_use_case")
    def use_case_name(self, dataset: Any) -> str:
        return dataset.seen_use_case or "—"


def _changeable(version: DatasetVersion, user: Any) -> bool:
    return access.can_see(user, version.dataset, "change")


def _freezing_job(version: DatasetVersion) -> Job | None:
    return Job.objects.filter(kind=JOB, subject_id=version.pk, state__in=["queued", "running"]).first()


def _is_open(version: DatasetVersion, user: Any) -> bool:
    is_draft = version.status == Status.DRAFT and version.frozen_at is None
    return is_draft and _changeable(version, user) and _freezing_job(version) is None


def _may_ask(version: DatasetVersion, user: Any) -> bool:
    waits = version.frozen_at is not None and version.status in APPROVE.sources
    if not waits or not _changeable(version, user) or open_request(version, APPROVE.gate) is not None:
        return False
    return version.status != Status.SUSPENDED or not members_prohibited(version).exists()


def _may_delete(version: DatasetVersion, user: Any) -> bool:
    is_draft = version.status == Status.DRAFT and _freezing_job(version) is None
    return is_draft and _changeable(version, user) and open_request(version, APPROVE.gate) is None


def _may_renew(version: DatasetVersion, user: Any) -> bool:
    return _may_start(version.dataset, user)


def _may_archive(version: DatasetVersion, user: Any) -> bool:
    return version.status in ARCHIVE.sources and _changeable(version, user)


def _is_usable(version: DatasetVersion, user: Any) -> bool:
    return version.status in USABLE


def _renewed(*, version: DatasetVersion, by: Any) -> DatasetVersion:
    return services.start_new_version(dataset=version.dataset, by=by)


def job_url(row: Any) -> str:
    """The page of the newest job on a row."""
    job = jobs.latest_for(row)
    return follow_url(job) if job else row_url(row)


@admin.register(DatasetVersion)
class DatasetVersionAdmin(DeskAdmin):
    """One selection, from draft to approval, and what came of it."""

    change_form_template = "training/dataset_version.html"
    list_display = ("__str__", "status_chip", "members", "created_by", "frozen_at")
    list_filter = ("status",)
    list_select_related = ("dataset", "created_by")
    search_fields = ("dataset__name", "fingerprint")
    steps = (
        Step(name="freeze", label="Freeze", service=services.freeze, argument="version",
             permission=services.CHANGE, available=_is_open, style="primary",
             confirm="Freeze this draft? Its members and the split stay as they are from then on."),
        Step(name="approve", label="Ask for approval", service=services.request_approval, argument="version",
             permission=services.CHANGE, form=ReasonForm, available=_may_ask, style="primary",
             lead="Someone else looks at counts, exclusions and fingerprint, and decides."),
        Step(name="export", label="Export", service=request_export, argument="version",
             permission="training.add_export", form=ExportForm, available=_is_usable, then=job_url,
             success="The file is being written.",
             lead="Each file comes with a manifest of counts, exclusions, fingerprint and approvals."),
        Step(name="new-version", label="New version", service=_renewed, argument="version",
             permission=services.CHANGE, available=_may_renew, then=row_url, success=RENEWED),
        share_whole("dataset"),
        Step(name="archive", label="Archive", service=services.archive, argument="version", form=ReasonForm,
             permission=services.CHANGE, available=_may_archive, style="danger",
             lead="Nothing new starts from it. Runs and exports made from it stay on record."),
        Step(name="delete-draft", label="Delete draft", service=services.delete_draft, argument="version",
             permission="training.delete_curateddataset", available=_may_delete, style="danger",
             confirm="Delete this version? A dataset without another version goes with it.",
             then=lambda _: reverse(LIST), success="The draft was deleted."),
    )  # fmt: skip

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("dataset", "created_by")

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        user: Any = request.user
        context = super().page_context(request, row)
        context["object_actions"] = [*_links(row, user), *context["object_actions"]]
        shown = showing.preview_of(row, user, asked="preview" in request.GET)
        found, asked, freezing = shown.get("preview"), open_request(row, APPROVE.gate), _freezing_job(row)
        sources = row.training_sheets.visible_to(user).order_by("created_at", "id")
        return context | shown | {
            "dataset_url": row_url(row.dataset),
            "waiting": waiting_words(asked) if asked else "",
            "freezing_url": row_url(freezing) if freezing else "",
            "sources": showing.linked(sources),
            "split_rows": showing.split_rows(found.counts) if found else [],
            "exclusions": showing.exclusion_rows(found.exclusions) if found else [],
            "sentence": showing.sentence(row, found.counts, found.exclusions) if found else "",
            "left_by_rules": showing.left_by_rules(found.exclusions) if found else 0,
            "lineage_url": showing.lineage_url("dataset", row),
            **(_frozen(row, user) if row.frozen_at else {}),
        }

    @admin.display(description="Members")
    def members(self, version: DatasetVersion) -> str:
        return f"{version.counts['members']:,}" if version.counts else "not frozen"


def _frozen(version: DatasetVersion, user: Any) -> dict[str, Any]:
    suspended = version.status == Status.SUSPENDED
    return {
        "object_constraint": showing.members_strip(version),
        "answer_rows": showing.answer_rows(version.metrics),
        "approvals": showing.signatures(version),
        "leave": showing.leave(version, user),
        "used_by": showing.used_by(version, user),
        "lost": why_prohibited(version) if suspended else {},
    }


def _links(version: DatasetVersion, user: Any) -> list[dict[str, str]]:
    """Buttons that lead to forms of their own."""
    trains = version.dataset.purpose == CuratedDataset.Purpose.TRAINING and version.status in USABLE
    wanted: list[tuple[str, str, str, Callable[[], bool]]] = [
        ("Change draft", reverse("training:dataset-draft", args=[version.pk]), "plain",
         lambda: user.has_perm(services.CHANGE) and _is_open(version, user)),
        ("Train", f"{reverse('training:run-new')}?version={version.pk}", "primary",
         lambda: trains and user.has_perm("training.add_trainingrun")),
        ("Evaluate", f"{reverse('training:evaluation-new')}?version={version.pk}", "plain",
         lambda: version.status in USABLE and user.has_perm("training.add_evaluation")),
    ]  # fmt: skip
    return [
        {"label": label, "url": url, "style": style, "method": "get"} for label, url, style, shown in wanted if shown()
    ]

