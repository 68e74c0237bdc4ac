"""Examples for the OpenAPI document where a room gives none: whole, plausible, and of the right shape."""

from __future__ import annotations

from typing import Any

MAXIMUM_DEPTH = 8
BY_FORMAT = {
    "uuid": "01997f3e-5c1a-7d2b-9e4f-8a6b7c5d4e3f",
    "date": "2026-03-02",
    "date-time": "2026-03-02T09:30:00Z",
    "email": "ana@example.com",
    "uri": "https://api.example.com/api/v1/things?cursor=cD0y",
    "decimal": "0.25",
    "ip": "203.0.113.7",
}
BY_NAME = {
    "amount": "250.00",
    "currency": "USD",
    "country": "BJ",
    "identifier": "ana@example.com",
    "email": "ana@example.com",
    "phone": "+2290197123456",
    "password": "correct horse battery",
    "first_name": "Ana",
    "last_name": "Houngbo",
    "language": "en",
    "time_zone": "Africa/Porto-Novo",
    "referral_code": "KXQ7WD4M",
    "access": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
    "refresh": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
    "token": "4fQ2x9",
    "detail": "Done.",
    "previous": None,
}
# Amounts are strings; a name of one of these endings says that a string is an amount.
AMOUNTS = (
    *("amount", "balance", "principal", "available", "locked", "in_payout", "total", "minimum", "maximum", "fee"),
    *("deposit", "owed", "accrued", "paid", "projected", "earned", "pool", "reserved"),
)


def add_examples(operation: dict[str, Any], components: dict[str, Any]) -> None:
    """Give the body and each successful answer of an operation an example, unless they have one."""
    bodies = [operation.get("requestBody", {})]
    bodies += [answer for status, answer in operation.get("responses", {}).items() if status.startswith("2")]
    for body in bodies:
        for content in body.get("content", {}).values():
            if "schema" in content and not {"example", "examples"} & set(content):
                content["example"] = example_of(content["schema"], components)


def example_of(schema: dict[str, Any], components: dict[str, Any], name: str = "", depth: int = 0) -> Any:
    """Compose a value that fits a schema; `name` is the property that it is for."""
    if depth > MAXIMUM_DEPTH:
        return None
    if "$ref" in schema:
        schema = components.get(schema["$ref"].rpartition("/")[2], {})
    for known in ("example", "default", "const"):
        if known in schema:
            return schema[known]
    for listed in ("examples", "enum"):
        if listed in schema:
            return schema[listed][0]
    for choice in ("allOf", "oneOf", "anyOf"):
        if choice in schema:
            return example_of(schema[choice][0], components, name, depth + 1)
    return _by_type(schema, components, name, depth)


def _by_type(schema: dict[str, Any], components: dict[str, Any], name: str, depth: int) -> Any:
    kinds = schema.get("type", "object")
    kind = next((each for each in kinds if each != "null"), "null") if isinstance(kinds, list) else kinds
    if kind == "object":
        properties = schema.get("properties", {})
        return {each: example_of(part, components, each, depth + 1) for each, part in properties.items()}
    if kind == "array":
        return [example_of(schema.get("items", {}), components, name, depth + 1)]
    if kind == "string":
        return _text(schema, name)
    if kind in {"integer", "number"}:
        return schema.get("minimum", 1)
    return {"boolean": True}.get(kind)


def _text(schema: dict[str, Any], name: str) -> Any:
    if name in BY_NAME:
        return BY_NAME[name]
    if schema.get("format") in BY_FORMAT:
        return BY_FORMAT[schema["format"]]
    if name.endswith(AMOUNTS):
        return "250.00"
    if name.endswith(("percentage", "rate", "coverage", "ratio")):
        return "25"
    return name.replace("_", " ") or "text"
