"""Keeping model endpoints, and asking them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import transaction

from governance import access, context, desk, outbound, secrets
from governance.errors import ClassificationTooHigh, InvalidInput, NotPermitted, WorkbenchError
from governance.outbound.addresses import allowances, check_url
from governance.uses import Classification
from workbench.endpoints.errors import EndpointInactive, KeyNotAllowed
from workbench.endpoints.models import ModelEndpoint
from workbench.endpoints.port import Answer, LoadBytes, Question, engine_for

if TYPE_CHECKING:
    from governance.models import ApprovalRequest, User

CLEARANCE_GATE = "endpoint-clearance"
CHANGE = "workbench.change_modelendpoint"
# What a clearance is given to.
CLEARED_FOR = ("engine", "base_url", "model_name")
# What one person alone may let an endpoint receive.
WITHOUT_CLEARANCE = Classification.INTERNAL
EDITABLE = frozenset(
    {
        "name",
        "description",
        "engine",
        "base_url",
        "model_name",
        "max_classification",
        "max_in_flight",
        "timeout_seconds",
        "retries",
        "is_active",
    }
)
# A reference to the environment may name keys of model servers only, not the server's own secrets.
KEY_VARIABLE = re.compile(r"env:(?!WORKBENCH_|DJANGO_)[A-Z][A-Z0-9_]*_(API_KEY|TOKEN)")


@transaction.atomic
def create_endpoint(*, by: User, name: str, api_key: str = "", **fields: Any) -> ModelEndpoint:
    """A place that answers prompts. The key is kept encrypted, or as `env:NAME`.

    :raises InvalidInput: a value cannot be used, or more than internal data is to be sent; `field` names it.
    :raises AddressRefused: the address leads to a place that is not public, and no administrator has allowed it.
    """
    access.require(by, "workbench.add_modelendpoint")
    _check_ceiling(fields, WITHOUT_CLEARANCE)
    endpoint = ModelEndpoint(name=name, created_by=by, sealed_key=_sealed(api_key))
    _write(endpoint, fields, "endpoint created", by)
    return endpoint


@transaction.atomic
def update_endpoint(
    *, endpoint: ModelEndpoint, by: User, api_key: str | None = None, reason: str = "", **fields: Any
) -> ModelEndpoint:
    """Change an endpoint. `api_key` None keeps the key, an empty one removes it.

    Clearance above internal is given to one model at one address: with another base URL, model name or engine it
    drops back to internal.

    :raises NotPermitted: `by` neither created it nor is a superuser.
    :raises InvalidInput: a value cannot be used, or it is to receive more than it is cleared for.
    :raises AddressRefused: the new address leads to a place that is not public and that nobody has allowed.
    :raises KeyNotAllowed: the address leads to another server, and the key was not entered again for it.
    """
    endpoint = ModelEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    _require_keeper(endpoint, by)
    _check_ceiling(fields, ceiling_of(endpoint))
    server = _server(endpoint.base_url)
    if api_key is not None:
        endpoint.sealed_key = _sealed(api_key)
    elif endpoint.sealed_key and _server(fields.get("base_url", endpoint.base_url)) != server:
        raise KeyNotAllowed(
            f"The stored key belongs to {server}; enter the key of the new server, or leave it empty on purpose.",
            field="api_key",
        )
    asked = fields.get("max_classification", endpoint.max_classification)
    if _leads_elsewhere(endpoint, fields) and asked in Classification.values:
        fields["max_classification"] = min(asked, WITHOUT_CLEARANCE)
    _write(endpoint, fields, reason or "endpoint changed", by)
    return endpoint


@transaction.atomic
def request_clearance(
    *, endpoint: ModelEndpoint, max_classification: int, reason: str, by: User
) -> ApprovalRequest:
    """Ask that an endpoint may receive data of a higher classification; nothing changes until others approve.

    :raises NotPermitted: `by` neither created it nor is a superuser.
    :raises InvalidInput: it may receive such data already.
    """
    endpoint = ModelEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    _require_keeper(endpoint, by)
    if max_classification not in Classification.values:
        known = ", ".join(level.label for level in Classification)
        raise InvalidInput(
            f"{max_classification!r} is no classification; expected one of: {known}.", field="max_classification"
        )
    if max_classification <= ceiling_of(endpoint):
        raise InvalidInput(
            f"“{endpoint}” needs no clearance for {Classification(max_classification).label} data: change it instead.",
            field="max_classification",
        )
    payload = {"max_classification": int(max_classification)}
    return desk.request_approval(gate=CLEARANCE_GATE, subject=endpoint, by=by, reason=reason, payload=payload)


def perform_clearance(endpoint: ModelEndpoint, request: ApprovalRequest, by: User) -> None:
    """The gate's step: the endpoint may receive what was asked for."""
    endpoint = ModelEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    endpoint.max_classification = request.payload["max_classification"]
    endpoint.save(update_fields=["max_classification"])


def may_keep(endpoint: ModelEndpoint, user: User) -> bool:
    """Whether `user` answers for this endpoint: its creator or a superuser."""
    return user.is_superuser or endpoint.created_by_id == user.pk


def ceiling_of(endpoint: ModelEndpoint) -> int:
    """The highest classification that may be chosen without asking for clearance."""
    return max(WITHOUT_CLEARANCE, endpoint.max_classification)


def _require_keeper(endpoint: ModelEndpoint, by: User) -> None:
    access.require(by, CHANGE, endpoint)
    if not may_keep(endpoint, by):
        keeper = f"{endpoint.created_by} or an administrator" if endpoint.created_by else "an administrator"
        raise NotPermitted(f"Only {keeper} may change “{endpoint}”. Ask them, or add an endpoint of your own.")


def _check_ceiling(fields: dict[str, Any], ceiling: int) -> None:
    asked = fields.get("max_classification", ceiling)
    if asked in Classification.values and asked > ceiling:
        raise InvalidInput(
            f"Data up to {Classification(asked).label} may be sent only after approval: choose "
            f"{Classification(ceiling).label} at most, then ask for clearance.",
            field="max_classification",
        )


@dataclass(frozen=True)
class EndpointTest:
    """How a real question went. What the server wrote is not in it: the address may be one that is no model's."""

    error: str
    seconds: float
    tokens_in: int | None
    tokens_out: int | None


def test_endpoint(*, endpoint: ModelEndpoint, by: User) -> EndpointTest:
    """Ask for one word, for real.

    :raises NotPermitted: `by` neither created it nor is a superuser.
    """
    _require_keeper(endpoint, by)
    question = Question(
        key="test",
        messages=[{"role": "user", "content": "Answer with the single word: ready"}],
        classification=Classification.PUBLIC,
        max_tokens=16,
    )
    answers: list[Answer] = []
    answer_all(endpoint=endpoint, questions=[question], on_answer=answers.append)
    answer = answers[0]
    error = answer.error and str(answer.facts.get("failure", answer.error))
    return EndpointTest(error, answer.seconds, answer.tokens_in, answer.tokens_out)


def no_files(question: Question, path: str) -> bytes:
    raise InvalidInput(f"“{path}” cannot be read: this question is about no Sheet that has files.", field="path")


def answer_all(
    *,
    endpoint: ModelEndpoint,
    questions: Sequence[Question],
    on_answer: Callable[[Answer], None],
    load_bytes: LoadBytes = no_files,
) -> None:
    """Ask all of `questions`; `on_answer` gets one answer for each, in the caller's thread, as they arrive.

    What fails is an answer with an error. An exception from `on_answer` stops the calls under way and is
    passed on. Files are read with `load_bytes`; without it a question that names one gets an error.

    :raises EndpointInactive: it is switched off.
    """
    if not endpoint.is_active:
        raise EndpointInactive(f"The endpoint “{endpoint}” is switched off. Choose another one.", field="endpoint")
    allowed = []
    for question in questions:
        try:
            outbound.check(endpoint, question.classification)
            allowed.append(question)
        except ClassificationTooHigh as error:
            on_answer(Answer(key=question.key, error=error.message))
    for answer in _answers(endpoint, allowed, load_bytes):
        on_answer(answer)


def _answers(endpoint: ModelEndpoint, questions: list[Question], load_bytes: LoadBytes) -> Iterator[Answer]:
    if not questions:
        return
    try:
        engine = engine_for(endpoint, load_bytes)
    except WorkbenchError as error:
        yield from (Answer(key=question.key, error=error.message) for question in questions)
        return
    yield from engine.answers(questions)


def _leads_elsewhere(endpoint: ModelEndpoint, fields: dict[str, Any]) -> bool:
    return any(fields.get(name, getattr(endpoint, name)) != getattr(endpoint, name) for name in CLEARED_FOR)


def _sealed(api_key: str) -> str:
    if api_key.startswith(secrets.ENVIRONMENT) and not KEY_VARIABLE.fullmatch(api_key):
        raise KeyNotAllowed(
            f"{api_key!r} is no reference to a key: expected env:NAME where NAME ends in _API_KEY or _TOKEN.",
            field="api_key",
        )
    return secrets.seal(api_key)


def _server(url: str) -> str:
    """Scheme and host: a key for https is not sent in clear."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower() if parts.netloc else ""


def _write(endpoint: ModelEndpoint, fields: dict[str, Any], reason: str, by: User) -> None:
    if unknown := sorted(set(fields) - EDITABLE):
        raise InvalidInput(f"An endpoint has no field {unknown[0]!r} to set.", field=unknown[0])
    before = endpoint.base_url
    for name, value in fields.items():
        setattr(endpoint, name, value)
    if endpoint.engine == ModelEndpoint.Engine.OPENAI and not (endpoint.base_url and endpoint.model_name):
        missing = "model_name" if endpoint.base_url else "base_url"
        raise InvalidInput("An OpenAI-compatible endpoint needs a base URL and the name of a model.", field=missing)
    try:
        endpoint.full_clean()
    except ValidationError as error:
        field, words = next(iter(error.message_dict.items()))
        raise InvalidInput(" ".join(words), field="" if field == "__all__" else field) from error
    if endpoint.base_url and endpoint.base_url != before:
        check_url(endpoint.base_url, allowances(), field="base_url")
    with context.because(reason, by=by):
        endpoint.save()
