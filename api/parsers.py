"""JSON read exactly: no float, no NaN, no name twice, no NUL, nothing that is too deep or too long."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import IO, Any

from rest_framework import parsers
from rest_framework.exceptions import ParseError
from rest_framework.renderers import JSONRenderer

MAXIMUM_DIGITS = 60
MAXIMUM_DEPTH = 32
_PLAIN_DECIMAL = re.compile(r"-?\d+\.\d+", re.ASCII)


class ExactNumber(Decimal):
    """A JSON number with a fraction or an exponent, with the very characters that it was written in."""

    written: str

    def __new__(cls, text: str) -> ExactNumber:
        number = super().__new__(cls, text)
        number.written = text
        return number

    @property
    def is_plain(self) -> bool:
        """Written without an exponent."""
        return _PLAIN_DECIMAL.fullmatch(self.written) is not None


class JSONParser(parsers.BaseParser):
    """Parses JSON strictly; a number with a point becomes a Decimal."""

    media_type = "application/json"
    renderer_class = JSONRenderer

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        raw = stream.read()
        try:
            text = raw.decode("utf-8") if isinstance(raw, bytes) else raw
        except UnicodeDecodeError:
            raise ParseError("The body isn't UTF-8.", code="not-utf-8") from None
        try:
            content = json.loads(
                text,
                parse_float=_decimal,
                parse_int=_integer,
                parse_constant=_no_constant,
                object_pairs_hook=_object,
            )
        except RecursionError:
            raise ParseError("The body is nested too deeply.", code="too-deep") from None
        except json.JSONDecodeError as error:
            raise ParseError(f"The body isn't JSON: {error.msg} at {error.pos}.", code="not-json") from None
        except ValueError as error:
            raise ParseError(str(error), code="not-json") from None
        _inspect(content)
        return content


def _decimal(text: str) -> Decimal:
    if len(text) > MAXIMUM_DIGITS:
        raise ValueError("A number has too many digits.")
    try:
        return ExactNumber(text)
    except InvalidOperation:
        raise ValueError("A number is out of range.") from None


def _integer(text: str) -> int:
    if len(text) > MAXIMUM_DIGITS:
        raise ValueError("A number has too many digits.")
    return int(text)


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} isn't a number that JSON knows.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("A name comes twice in one object.")
    return made


def _inspect(content: Any, depth: int = 0) -> None:
    if depth > MAXIMUM_DEPTH:
        raise ParseError("The body is nested too deeply.", code="too-deep")
    if isinstance(content, str):
        if "\x00" in content:
            raise ParseError("A text holds the NUL character.", code="nul-character")
        if any("\ud800" <= character <= "\udfff" for character in content):
            raise ParseError("A text holds half a surrogate pair.", code="lone-surrogate")
    elif isinstance(content, dict):
        for name, value in content.items():
            _inspect(name, depth + 1)
            _inspect(value, depth + 1)
    elif isinstance(content, list):
        for value in content:
            _inspect(value, depth + 1)
