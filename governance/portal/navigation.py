"""The sidebar as data: which stage or tool leads where, and who may see it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, Resolver404, resolve, reverse
from django.utils import timezone

from governance.models import RecordEntry

Count = Callable[[Any], int]


@dataclass(frozen=True)
class Entry:
    """One link; `target` is a URL name, or a path when it starts with a slash.

    An empty permission shows the entry to everyone who may enter the portal.
    """

    label: str
    target: str
    permission: str = ""


@dataclass(frozen=True)
class Section:
    title: str
    entries: Sequence[Entry] = field(default_factory=tuple)


def _changelist(label: str, model: str) -> Entry:
    """Entry of an admin list; `model` is "app.model" as in permissions."""
    app, name = model.split(".")
    return Entry(label, f"admin:{app}_{name}_changelist", f"{app}.view_{name}")


SECTIONS: tuple[Section, ...] = (
    Section("", (Entry("Overview", "admin:index"),)),
    Section(
        "Data",
        (
            _changelist("Sheets", "workbench.sheet"),
            Entry("Catalog", "workbench:catalog", "workbench.view_connection"),
            _changelist("Connections", "workbench.connection"),
        ),
    ),
    Section(
        "Generate",
        (
            _changelist("Training sheets", "labeling.trainingsheet"),
            _changelist("Saved configurations", "labeling.generationconfig"),
        ),
    ),
    Section(
        "Label",
        (
            Entry("Review desk", "labeling:review", "labeling.view_trainingsheet"),
            _changelist("Findings", "labeling.finding"),
            Entry("Labelling tool", "labeling:label", "labeling.view_canonicallabel"),
            Entry("People at work", "labeling:people-work", "labeling.view_peoples_work"),
            _changelist("Assignment rules", "labeling.assignmentrule"),
            Entry("Several experts", "labeling:experts", "labeling.view_opinion"),
            _changelist("Labelsets", "labeling.labelset"),
            _changelist("Canonical labels", "labeling.canonicallabel"),
        ),
    ),
    Section(
        "Curate",
        (
            _changelist("Curated datasets", "training.curateddataset"),
            _changelist("Exports", "training.export"),
        ),
    ),
    Section(
        "Train",
        (
            _changelist("Runs", "training.trainingrun"),
            _changelist("Models", "training.registeredmodel"),
            _changelist("Evaluations", "training.evaluation"),
            Entry("Lineage", "training:lineage", "training.view_registeredmodel"),
        ),
    ),
    Section(
        "Governance",
        (
            Entry("Compliance desk", "governance:compliance", "governance.view_recordentry"),
            _changelist("Approvals", "governance.approvalrequest"),
            _changelist("Delegations", "governance.delegation"),
            _changelist("Constraint changes", "governance.constraintchange"),
            _changelist("Record", "governance.recordentry"),
            _changelist("Checkpoints", "governance.checkpoint"),
            _changelist("Evidence handed out", "governance.evidenceexport"),
            _changelist("Files handed out", "governance.handout"),
            _changelist("Sign-ins", "governance.signinevent"),
            _changelist("Tag rules", "governance.tagrule"),
            _changelist("Declassifications", "governance.declassification"),
            _changelist("Gate policies", "governance.gatepolicy"),
            _changelist("Use cases", "labeling.usecase"),
        ),
    ),
    Section(
        "Tools",
        (
            _changelist("Prompt templates", "labeling.prompttemplate"),
            _changelist("Model endpoints", "workbench.modelendpoint"),
            _changelist("Label types", "labeling.labeltype"),
            _changelist("Jobs", "governance.job"),
            _changelist("Roles", "governance.roledescription"),
            _changelist("Users", "governance.user"),
            _changelist("Groups", "auth.group"),
            _changelist("Ending memberships", "governance.membershipend"),
            _changelist("Linked accounts", "governance.accountlink"),
            Entry("See as", "governance:see-as", "governance.add_seenas"),
            _changelist("Tokens", "governance.apitoken"),
            _changelist("Allowed addresses", "governance.allowedaddress"),
            Entry("API", "/api/v1/docs/"),
        ),
    ),
)

COUNTED_SECONDS = 30
COUNTED_PEOPLE = 1_000
_counts: dict[str, Count] = {}
_counted: dict[Any, tuple[Any, dict[str, int]]] = {}


def register_count(target: str, count: Count) -> None:
    """Show `count(user)` beside the entry with this target; call it in AppConfig.ready.

    :raises ValueError: no entry has this target.
    """
    known = {entry.target for section in SECTIONS for entry in section.entries}
    if target not in known:
        raise ValueError(f"no sidebar entry leads to {target!r}; expected one of {sorted(known)}")
    _counts[target] = count


def counts_for(user: Any) -> dict[str, int]:
    """What stands beside the entries that `user` may open, by target.

    Counted again once anything governed changed, which the record tells in one look, or after half a minute: rights and
    requests end by themselves.
    """
    newest = RecordEntry.objects.order_by("-pk").values_list("entry_hash", flat=True).first()
    stamp = newest, timezone.now().timestamp() // COUNTED_SECONDS
    if (kept := _counted.get(user.pk)) and kept[0] == stamp:
        return kept[1]
    if len(_counted) >= COUNTED_PEOPLE:
        _counted.clear()
    entries = (entry for section in SECTIONS for entry in section.entries if entry.target in _counts)
    counts = {entry.target: _counts[entry.target](user) for entry in entries if opens(entry, user)}
    _counted[user.pk] = stamp, counts
    return counts


def navigation_for(request: HttpRequest, counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """Sections with the entries that this person may open, the current one marked.

    Each is `{"title", "entries": [{"label", "url", "current", "count"}]}`; count is None where nobody counts.
    `counts` are those of `counts_for`.
    """
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return []
    sections = [
        {
            "title": section.title,
            "entries": [_shown(entry, counts.get(entry.target)) for entry in section.entries if opens(entry, user)],
        }
        for section in SECTIONS
    ]
    sections = [section for section in sections if section["entries"]]
    _mark_current(sections, request.path)
    return sections


def opens(entry: Entry, user: Any) -> bool:
    """Whether the page exists and this person's role opens it."""
    allowed = not entry.permission or user.has_perm(entry.permission)
    return allowed and url_of(entry.target) is not None


def _shown(entry: Entry, count: int | None) -> dict[str, Any]:
    return {"label": entry.label, "url": url_of(entry.target), "current": False, "count": count}


def url_of(target: str) -> str | None:
    """The path of an entry, or None while the page does not exist."""
    try:
        if target.startswith("/"):
            resolve(target)
            return target
        return reverse(target)
    except (NoReverseMatch, Resolver404):
        return None


def _mark_current(sections: list[dict[str, Any]], path: str) -> None:
    """Mark the entry with the longest path that leads here; the overview only when it is the page itself."""
    entries = [entry for section in sections for entry in section["entries"]]
    overview = url_of("admin:index")
    matching = [
        entry
        for entry in entries
        if path == entry["url"] or (entry["url"] != overview and path.startswith(entry["url"]))
    ]
    if matching:
        max(matching, key=lambda entry: len(entry["url"]))["current"] = True
