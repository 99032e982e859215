"""docs/reference.md, made from what the running code registers: states, gates, jobs, roles, exits, errors, settings.

Nothing is described here that the code does not hold; only the settings' meaning is written by hand.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from drf_spectacular.generators import SchemaGenerator

from governance import exits, jobs, lifecycle
from governance.approvals.registry import GATES, Gate
from governance.errors import WorkbenchError
from governance.roles import ROLES

INTRODUCTION = """# Reference

Made from the code by `manage.py write_reference`; a test fails when the two differ, so do not edit it by hand.
"""

SETTINGS = {
    "WORKBENCH_DATA": "Folder of everything that is kept: database, catalog, exports, models, secrets.",
    "WORKBENCH_HOST": "Address that `manage.py start` listens on.",
    "WORKBENCH_PORT": "Port that `manage.py start` listens on.",
    "WORKBENCH_DEBUG": "1 shows error pages with code. Never on a server that others reach.",
    "WORKBENCH_SECRET_KEY": "Signs sessions, and on PostgreSQL who acts. Empty: made once, kept in the data folder.",
    "WORKBENCH_SEALING_KEY": "Encrypts the keys of model endpoints. Empty: made once, kept in the data folder.",
    "WORKBENCH_ALLOWED_HOSTS": "Host names that the site answers to, separated by commas.",
    "WORKBENCH_TRUSTED_ORIGINS": "Origins such as `https://workbench.example.org`, for forms behind a proxy.",
    "WORKBENCH_HTTPS": "1 behind a proxy that ends TLS: secure cookies, redirect, HSTS.",
    "WORKBENCH_HSTS_SUBDOMAINS": "1 where every subdomain of yours is served by https alone: HSTS covers them, too.",
    "WORKBENCH_TRUSTED_PROXIES": "How many proxies add to `X-Forwarded-For`, where uvicorn does not read it.",
    "WORKBENCH_REQUESTS_A_MINUTE": "REST requests a minute of one account (or address, without login); 0: no limit.",
    "WORKBENCH_OIDC_SERVER_URL": "Address of the identity provider (OpenID Connect). Empty: none.",
    "WORKBENCH_OIDC_CLIENT_ID": "As which client the identity provider knows this site.",
    "WORKBENCH_OIDC_CLIENT_SECRET": "The client's secret.",
    "WORKBENCH_OIDC_NAME": "What the login page calls the identity provider.",
    "WORKBENCH_OIDC_GROUPS_CLAIM": "The claim that lists someone's groups.",
    "WORKBENCH_OIDC_ROLES": "Which group means which role: `group=role,group=role`. Empty: roles are given here alone.",
    "WORKBENCH_OIDC_UNKNOWN": "People without an account here: `create` one that is nobody's yet, or `refuse`.",
    "WORKBENCH_OIDC_ORIGINS": "Further origins that the provider's login passes through, separated by commas.",
    "WORKBENCH_OUTBOUND_ALLOWED": "Hosts (`host:port`), addresses and networks that may be called though not public.",
    "WORKBENCH_EXPORT_PROOF_MINUTES": "Who takes files must have proved who they are within so many minutes; 0: ever.",
    "WORKBENCH_EMAIL_HOST": "Mail server. Empty: no e-mail, the portal shows what there is to tell.",
    "WORKBENCH_EMAIL_PORT": "Its port.",
    "WORKBENCH_EMAIL_USER": "User name at the mail server. Empty: none is asked for.",
    "WORKBENCH_EMAIL_PASSWORD": "Password at the mail server.",
    "WORKBENCH_EMAIL_TLS": "0 for a mail server without STARTTLS.",
    "WORKBENCH_EMAIL_FROM": "Sender of e-mails.",
    "WORKBENCH_BADGE": "Text beside the name in the top bar, to tell sites apart.",
    "WORKBENCH_TIME_ZONE": "Time zone in which pages show moments.",
    "WORKBENCH_LOG_LEVEL": "Least important level that is logged.",
    "WORKBENCH_CATALOG": "Folder that a connection without a location reads.",
    "WORKBENCH_CATALOG_FOLDERS": "Further folders that connections may read, separated like PATH.",
    "WORKBENCH_RECORD_KEY": "The key that signs the record's checkpoints, 64 hex digits. Empty: the file below.",
    "WORKBENCH_RECORD_KEY_FILE": "File of the key that signs the record's checkpoints (mode 600).",
    "WORKBENCH_RECORD_CHECKPOINTS": "Folder for copies of the checkpoints; best on other storage than the database.",
    "WORKBENCH_CHECKPOINT_WEBHOOK": "Address that every checkpoint is posted to, signed. Empty: none.",
    "WORKBENCH_CHECKPOINT_BUCKET": "Place in S3-compatible storage for checkpoints, `s3://bucket/folder`. Empty: none.",
    "WORKBENCH_CHECKPOINT_ENDPOINT": "Its address where it is not Amazon's, such as `https://s3.example.org`.",
    "WORKBENCH_RECORD_ARCHIVE": "Folder for archives of the record; best on other storage than the database.",
    "WORKBENCH_RECORD_ARCHIVE_DAYS": "Age in days from which a worker archives the record, daily; 0: only on demand.",
    "WORKBENCH_RECORD_ARCHIVE_DROP": "`1`: the database gives up values once an archive holds them.",
    "WORKBENCH_SEAL_EVERY": "Seconds between two seals of the record by a worker; 0: never.",
    "WORKBENCH_TAGS_EVERY": "Seconds between two readings of the tags of all catalogs by a worker; 0: never.",
    "WORKBENCH_EXPIRY_EVERY": "Seconds between two looks for what ran out, waits in vain or may not leave; 0: never.",
    "WORKBENCH_REMIND_EVERY": "Seconds between two looks for open approvals to remind people of; 0: never.",
    "WORKBENCH_DIGEST_EVERY": "Seconds between two digests of unread notifications by e-mail; 0: never.",
    "WORKBENCH_REMIND_AFTER_DAYS": "Days after which an open request waits long; those who could sign are reminded.",
    "WORKBENCH_SITE_URL": "Where people reach the portal, for links in e-mails.",
    "WORKBENCH_BROKER_URL": "Celery broker, such as `redis://127.0.0.1:6379/0`. Default: files in the data folder.",
    "DATABASE_URL": "`postgres://user:password@host:5432/name`. Empty: SQLite in the data folder.",
    "MLFLOW_TRACKING_URI": "Where runs and models are tracked. Default: SQLite in the data folder.",
}
READS_SETTING = re.compile(
    r"(?:text|flag|number|pairs|one_of|kept_secret|environ\.get)"
    r'\(\s*"(?P<name>[A-Z][A-Z_]+)"(?:, (?P<default>[^\n]*?))?\)'
)
SETTINGS_FILES = ("workbench/settings.py", "workbench/management/commands/start.py")


def reference() -> str:
    """The whole document."""
    load_all()
    parts = (
        INTRODUCTION,
        _states(),
        _gates(),
        _jobs(),
        _roles(),
        _exits(),
        _errors(),
        _settings(),
        _nouns(),
    )
    return "\n".join(parts)


def own_apps() -> list[AppConfig]:
    """The apps of this project, lowest first."""
    root = Path(settings.BASE_DIR)
    return [app for app in apps.get_app_configs() if Path(app.path).parent == root]


def load_all() -> None:
    """Import what registers itself only when it is imported: errors, and the functions that are exits."""
    for app in own_apps():
        for module in pkgutil.walk_packages([app.path], f"{app.name}."):
            if module.name.endswith(".errors") or _declares_an_exit(module.name):
                import_module(module.name)


def _declares_an_exit(name: str) -> bool:
    spec = find_spec(name)
    source = Path(spec.origin) if spec and spec.origin else None
    return source is not None and "@exit_for(" in source.read_text(encoding="utf-8")


def environment_names() -> dict[str, str]:
    """Every environment variable that the settings read, with its default as the code writes it."""
    found: dict[str, str] = {}
    for name in SETTINGS_FILES:
        for match in READS_SETTING.finditer((Path(settings.BASE_DIR) / name).read_text(encoding="utf-8")):
            found.setdefault(match["name"], match["default"] or "")
    return found


def error_classes() -> list[type[WorkbenchError]]:
    """Every error that a user may be shown, by code."""
    found: list[type[WorkbenchError]] = [WorkbenchError]
    for error in found:
        found += [one for one in error.__subclasses__() if one not in found]
    own = tuple(f"{app.name}." for app in own_apps())
    return sorted((one for one in found if one.__module__.startswith(own)), key=lambda one: one.code)


def first_sentence(text: str | None) -> str:
    """Of a docstring or description, on one line and without its full stop."""
    return re.split(r"(?<=[a-z)])\. |\n\n", " ".join((text or "").split()) + " ")[0].strip().removesuffix(".")


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]], lead: str = "") -> str:
    lines = [f"## {title}\n", *([lead + "\n"] if lead else [])]
    lines += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _states() -> str:
    rows = [
        (apps.get_model(label)._meta.verbose_name, step.name, " or ".join(step.sources), step.target,
         f"`{step.permission}`", f"`{step.gate}`" if step.gate else "")
        for label, steps in sorted(lifecycle.LIFECYCLES.items())
        for step in steps
    ]  # fmt: skip
    head = ("Of a", "Step", "From", "To", "Permission", "Gate")
    return _table("States and steps", head, rows, "A step that names a gate is made by its last approval.")


def _gates() -> str:
    rows = [(f"`{gate.slug}`", gate.title, _approvals(gate)) for _, gate in sorted(GATES.items())]
    lead = "Defaults; an administrator changes them under Governance → Gate policies. The author never approves."
    return _table("Gates", ("Gate", "Step", "Approvals"), rows, lead)


def _approvals(gate: Gate) -> str:
    return ", ".join(f"{count} × {ROLES[role][0].lower()}" for role, count in gate.default_approvals.items())


def _jobs() -> str:
    rows = [
        (f"`{kind.slug}`", kind.label, first_sentence(kind.handler.__doc__), kind.every and f"`WORKBENCH_{kind.every}`")
        for _, kind in sorted(jobs.KINDS.items())
    ]
    lead = "A kind that names a setting comes round by itself, every so many seconds, while a worker runs."
    return _table("Jobs", ("Kind", "Name", "What it does", "Comes round"), rows, lead)


def _roles() -> str:
    lines = ["## Roles and what they may do\n"]
    lead = "Besides the role, a row must be one's own, shared with one's account or group, or (for reading) audited."
    lines.append(lead + "\n")
    for slug, (name, description) in ROLES.items():
        lines += [f"### {name} (`{slug}`)\n", description + "\n", *_grants(slug), ""]
    return "\n".join(lines)


def _grants(slug: str) -> list[str]:
    held = {one for app in own_apps() for one in getattr(import_module(f"{app.name}.roles"), "GRANTS", {})[slug]}
    by_verb: dict[str, list[str]] = {}
    for permission in sorted(held):
        verb, noun = _in_words(permission)
        by_verb.setdefault(verb, []).append(noun)
    order = ("view", "add", "change", "delete", "also")
    return [f"- {verb}: {', '.join(sorted(by_verb[verb]))}" for verb in order if verb in by_verb]


def _in_words(permission: str) -> tuple[str, str]:
    """`workbench.add_sheet` as ("add", "sheets"); a permission of its own as ("also", its description)."""
    app_label, codename = permission.split(".")
    verb, _, noun = codename.partition("_")
    model = apps.all_models[app_label].get(noun)
    if model is not None and verb in model._meta.default_permissions:
        return verb, str(model._meta.verbose_name_plural)
    named = {code: text for one in apps.get_app_config(app_label).get_models() for code, text in one._meta.permissions}
    return "also", named[codename].removeprefix("Can ")


def _exits() -> str:
    rows = [(f"`{one.name}`", f"`{one.use}`", one.description) for _, one in sorted(exits.EXITS.items())]
    lead = "The only places where governed content leaves, and the use that each row must permit there."
    return _table("Exits", ("Exit", "Needs", "What leaves"), rows, lead)


def _errors() -> str:
    seen: dict[str, tuple[str, int, str]] = {}
    for error in error_classes():
        seen.setdefault(error.code, (f"[`{error.code}`](errors.md#{error.code})", error.status,
                                     first_sentence(error.__doc__)))  # fmt: skip
    return _table("Error codes", ("Code", "Status", "Meaning"), seen.values())


def _settings() -> str:
    found = environment_names()
    rows = [(f"`{name}`", f"`{found[name]}`" if found[name] else "", SETTINGS[name]) for name in SETTINGS]
    lead = (
        "Read from the environment when a process starts. `WORKBENCH_LIFELINE` is no setting: the supervisor hands "
        "it to the processes that it starts, so that they end with it."
    )
    return _table("Settings", ("Variable", "Default in the code", "Meaning"), rows, lead)


def _nouns() -> str:
    head = ("Noun", "What it is", "Operations")
    return _table("API", head, _noun_rows(), "All below `/api/v1/`; full descriptions in [openapi.yaml](openapi.yaml).")


def _noun_rows() -> Iterator[tuple[str, str, str]]:
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    by_noun: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            by_noun.setdefault(operation["tags"][0], []).append((path, method.upper(), operation))
    for noun, operations in sorted(by_noun.items()):
        shown = sorted({_operation(noun, path, method) for path, method, _ in operations})
        yield f"`{noun}`", first_sentence(operations[0][2].get("description")), ", ".join(shown)


def _operation(noun: str, path: str, method: str) -> str:
    rest = path.partition(f"/{noun}/")[2].rstrip("/")
    return f"`{method} {rest}`" if rest else f"`{method}`"
