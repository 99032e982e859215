"""What the generated OpenAPI schema cannot infer: a line for each operation, and that each may refuse."""

from __future__ import annotations

from typing import Any

METHODS = {"get", "post", "put", "patch", "delete"}

WHOLE_ROWS = {
    "list": "List {}",
    "retrieve": "One of the {}",
    "create": "Add to the {}",
    "partial_update": "Change one of the {}",
    "destroy": "Delete one of the {}",
}

PROBLEM = {
    "type": "object",
    "description": "An error (RFC 9457): what was asked, what is true instead and what to do.",
    "properties": {
        "type": {"type": "string", "description": "Where the code is explained."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable; see docs/errors.md."},
        "detail": {"type": "string", "description": "A sentence fit to show a user."},
        "field": {"type": "string", "description": "The field at fault, where there is one."},
    },
    "required": ["type", "title", "status", "code", "detail"],
}


def add_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A drf-spectacular hook: the Problem component, and a `default` response that holds it."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for methods in result.get("paths", {}).values():
        for method in METHODS & methods.keys():
            methods[method]["responses"].setdefault(
                "default", {"description": "Refused, with the reason.", "content": content}
            )
    return result


IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Of your own making, best a UUID. The same request with the same key is done once within a day.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
}
WITHOUT_KEY = {"/api/v1/tokens/", "/api/v1/login/"}


def add_idempotency(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A drf-spectacular hook: POSTs that answer 201 or 202 take an `Idempotency-Key`."""
    for path, methods in result.get("paths", {}).items():
        operation = methods.get("post")
        if operation and path not in WITHOUT_KEY and {"201", "202"} & operation["responses"].keys():
            operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
    return result


IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "description": "The ETag of the row as it was seen. The change is made on that state only; else 412.",
    "schema": {"type": "string", "maxLength": 2000, "pattern": '^("[!#-~]*"|[*])$'},
}
IF_NONE_MATCH = IF_MATCH | {
    "name": "If-None-Match", "description": "The ETag of the row as it is known. 304 where it is still so.",
}  # fmt: skip
ETAG = {"description": "Of exactly this answer; for If-Match and If-None-Match.", "schema": {"type": "string"}}
WITHOUT_TAG = {"lineage", "trainers"}


def add_etags(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A drf-spectacular hook: a detail answers with an `ETag`; what changes a row takes `If-Match`."""
    for path, methods in result.get("paths", {}).items():
        if "{id}/" not in path:
            continue
        for method in METHODS & methods.keys():
            if methods[method]["tags"][0] not in WITHOUT_TAG:
                _add_etag(methods[method], method, is_detail=path.endswith("{id}/"))
    return result


def _add_etag(operation: dict[str, Any], method: str, *, is_detail: bool) -> None:
    parameters, responses = operation.setdefault("parameters", []), operation["responses"]
    if method != "get":
        parameters.append(IF_MATCH)
        content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        responses["412"] = {"description": "The row changed: `changed` names fields.", "content": content}
    elif is_detail:
        parameters.append(IF_NONE_MATCH)
        responses["200"].setdefault("headers", {})["ETag"] = ETAG
        responses["304"] = {"description": "It is still as it was."}


def add_summaries(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A drf-spectacular hook: one line for each operation, from the first sentence of its description."""
    for path, methods in result.get("paths", {}).items():
        for method in METHODS & methods.keys():
            operation = methods[method]
            operation.setdefault("summary", _summary(path, operation))
    return result


def _summary(path: str, operation: dict[str, Any]) -> str:
    noun, verb = operation["tags"][0], operation["operationId"]
    if path.removesuffix("{id}/").endswith(f"/{noun}/"):
        for suffix, words in WHOLE_ROWS.items():
            if verb.endswith(f"_{suffix}"):
                return words.format(noun.replace("-", " "))
    first = " ".join(operation.get("description", "").partition("\n\n")[0].split())
    return str(first.partition(". ")[0].rstrip("."))
