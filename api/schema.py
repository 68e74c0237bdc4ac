"""What the OpenAPI document says of every endpoint alike: problems, throttles, keys."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter

from api.examples import add_examples

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description=(
        "Any value of up to 255 characters. The same key and content within 24 hours gives the first answer again, "
        "with `Idempotent-Replayed: true`."
    ),
)
PROBLEM = {
    "type": "object",
    "description": "A problem document (RFC 9457). A refusal may bring further members: its facts.",
    "required": ["type", "title", "status", "code", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable; act on this."},
        "detail": {"type": "string", "description": "For people."},
        "instance": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "Of a validation: what is wrong where.",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer (RFC 6901), or the parameter's name"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
    "additionalProperties": True,
}
INVALID_EXAMPLE = {
    "type": "urn:fiducia:problem:invalid",
    "title": "The request holds something invalid",
    "status": 400,
    "code": "invalid",
    "detail": "The request holds something invalid",
    "instance": "/api/v1/deposits",
    "errors": [{"pointer": "/amount", "code": "invalid", "detail": "An amount is a decimal string."}],
}
RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}}
REPLAYED = {
    "Idempotent-Replayed": {
        "description": "`true` when this is the first answer again.",
        "schema": {"type": "string", "enum": ["true"]},
    }
}
WORDS = {
    "400": "Something in the request is invalid.",
    "401": "Who calls isn't known.",
    "403": "Not allowed.",
    "404": "There is no such thing, or it isn't yours.",
    "406": "There is no answer in a media type that is accepted.",
    "409": "The present state doesn't allow it.",
    "413": "The request is too large.",
    "415": "A body is JSON.",
    "422": "Understood, and refused.",
    "429": "Too many calls.",
    "500": "Our mistake.",
    "503": "Too much happens at once.",
}
SECTIONS = {
    "auth": "Who you are",
    "users": "Who you are",
    "investment": "Investing",
    "disclosures": "Investing",
    "knowledge-test": "Investing",
    "loss-simulation": "Investing",
    "risk-warnings": "Investing",
    "offers": "Investing",
    "offer-investments": "Investing",
    "transparency": "Transparency",
    "staff": "Staff",
}
METHODS = ("get", "post", "put", "patch", "delete")
WRITES = frozenset({"post", "put", "patch", "delete"})


def add_problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Postprocessing hook: give every operation the problems that it may answer with."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    for path, operations in result.get("paths", {}).items():
        for method in METHODS:
            if method in operations:
                _describe(operations[method], method, path)
                add_examples(operations[method], result["components"]["schemas"])
    return result


def _section(path: str) -> str:
    parts = path.removeprefix("/api/v1/").split("/")
    return SECTIONS.get(parts[0], "Money")


def _describe(operation: dict[str, Any], method: str, path: str) -> None:
    operation["tags"] = [_section(path)]
    operation.setdefault("summary", operation["operationId"].replace("_", " ").capitalize())
    keyed = any(parameter.get("name") == "Idempotency-Key" for parameter in operation.get("parameters", []))
    responses = operation.setdefault("responses", {})
    refusals = {*_statuses(operation, method, path), *(status for status in responses if status >= "400")}
    for status in sorted(refusals):
        responses[status] = {**_problem(status), **responses.get(status, {})}
    for status, response in responses.items():
        if keyed and status.startswith("2"):
            response.setdefault("headers", {}).update(REPLAYED)
        if status in {"429", "503"} or (keyed and status == "409"):
            response.setdefault("headers", {}).update(RETRY_AFTER)


def _statuses(operation: dict[str, Any], method: str, path: str) -> list[str]:
    statuses = ["406", "429", "500"]
    if operation.get("parameters") or "requestBody" in operation:
        statuses.append("400")
    if any(requirement for requirement in operation.get("security", [])):
        statuses += ["401", "403"]
    if "{" in path:
        statuses.append("404")
    if method in WRITES:
        statuses += ["409", "413", "415", "422", "503"]
    return sorted(statuses)


def _problem(status: str) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Problem"}}
    if status == "400":
        content["example"] = INVALID_EXAMPLE
    return {"description": WORDS[status], "content": {"application/problem+json": content}}
