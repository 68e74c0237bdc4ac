"""Write a message: one template a kind and language, from which mail, SMS, push and inbox are made.

A template has the blocks `title`, `short` (SMS and push), `body` (paragraphs), `rows` (lines `label | value`) and
`action` (a button). What it names and nobody gave is an error, never an empty text.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template import Context, Engine, Template
from django.template.loader import render_to_string
from django.template.loader_tags import BlockNode
from django.utils import timezone, translation

from notifications import rules
from notifications.kinds import Kind

LANGUAGES: Final = ("en", "fr")
TEMPLATES: list[str] = []
"""Folders that go before those of the rooms."""
BREAKING: Final = frozenset({"Cc", "Cf", "Zl", "Zp"})
JOINERS: Final = frozenset("\u200c\u200d")
PUSH_TITLE_LENGTH, PUSH_BODY_LENGTH = 65, 240
WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "colon": ": ",
        "hello": "Hello {name},",
        "fixed": "This is about the safety of your account, so it can't be switched off.",
        "choice": "You choose what you are told by mail in the settings of your account.",
    },
    "fr": {
        "colon": "\N{NO-BREAK SPACE}: ",
        "hello": "Bonjour {name},",
        "fixed": "Ce message concerne la sécurité de votre compte : il ne peut pas être désactivé.",
        "choice": "Vous choisissez dans les réglages de votre compte ce que nous vous envoyons par e-mail.",
    },
}


class MissingVariable(Exception):
    """A message's template names what nobody gave."""


class _Loud(str):
    """What Django puts in the place of a variable that isn't there: here it raises."""

    def __mod__(self, missing: object) -> str:
        raise MissingVariable(str(missing))


@dataclass(frozen=True, slots=True)
class Message:
    """What one person is told, in one language. `url` is empty where it leads nowhere."""

    kind: Kind
    language: str
    title: str
    short: str
    paragraphs: tuple[str, ...]
    rows: tuple[tuple[str, str], ...]
    action: str
    url: str

    @property
    def body(self) -> str:
        return "\n\n".join(self.paragraphs)

    @property
    def inbox(self) -> str:
        """Plain text for an app: the paragraphs, then what the mail has as a table."""
        lines = "\n".join(WORDS[self.language]["colon"].join(row) for row in self.rows)
        return "\n\n".join(filter(None, (self.body, lines)))

    @property
    def sms(self) -> str:
        return rules.fit_sms(f"Fiducia: {self.short}")

    @property
    def push(self) -> tuple[str, str]:
        """The title and the text of a push."""
        return rules.cut(self.title, PUSH_TITLE_LENGTH), rules.cut(self.short, PUSH_BODY_LENGTH)

    def mail(self, name: str) -> tuple[str, str, str]:
        """The subject of a mail to somebody, and its body as text and as HTML."""
        words = WORDS[self.language]
        link = self.url if self.action and "://" in self.url else ""
        context = {
            "message": self,
            "colon": words["colon"],
            "hello": words["hello"].format(name=name),
            "foot": words["fixed" if "email" in self.kind.category.fixed else "choice"],
            "link": link,
        }
        # Not as text that counts as safe HTML: on a page of the console it is escaped like any other.
        text, html = ("" + render_to_string(f"messages/mail.{form}", context) for form in ("txt", "html"))
        return self.title, text, html


def zone_of(person: Any) -> ZoneInfo:
    """Return a person's time zone; one that the tz database doesn't have any more is UTC."""
    try:
        return ZoneInfo(person.time_zone)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def compose(kind: Kind, *, facts: Mapping[str, Any], seen: Mapping[str, Any], language: str, zone: ZoneInfo) -> Message:
    """Write a message. Raises MissingVariable, TemplateDoesNotExist, and what a wrong fact raises."""
    template = _template(kind.code, language)
    context = Context({name: _inert(value) for name, value in {**facts, **seen}.items()}, autoescape=False)
    with translation.override(language), timezone.override(zone), context.bind_template(template):
        parts = {block.name: block.nodelist.render(context).strip() for block in _blocks(template)}
    return Message(
        kind=kind,
        language=language,
        title=_line(parts["title"]),
        short=_line(parts["short"]),
        paragraphs=tuple(_line(part) for part in parts["body"].split("\n\n") if part.strip()),
        rows=tuple(_row(line) for line in parts.get("rows", "").splitlines() if line.strip()),
        action=parts.get("action", ""),
        url=address_of(kind, facts),
    )


def _inert(value: Any) -> Any:
    """Let no name of anything begin a line of its own, or turn the writing round: rows are read line by line."""
    if not isinstance(value, str):
        return value
    return "".join(" " if unicodedata.category(each) in BREAKING and each not in JOINERS else each for each in value)


def address_of(kind: Kind, facts: Mapping[str, Any]) -> str:
    """Return where a message leads: an address where the settings name the app or console, else a path."""
    path = kind.path_of(facts)
    base = settings.CONSOLE_URL if kind.for_officers else settings.APP_URL
    return urljoin(base, path) if path else ""


def _line(text: str) -> str:
    """Put a text on one line; a space that doesn't break stays one."""
    return re.sub(r"[ \t\r\n]+", " ", text).strip()


def _row(line: str) -> tuple[str, str]:
    label, _, value = line.partition("|")
    return _line(label), _line(value)


@functools.cache
def _engine() -> Engine:
    """Templates without HTML escaping, since they are text, in which what is missing is an error."""
    libraries = ["django.template.defaulttags", "notifications.templatetags.message"]
    return Engine(dirs=TEMPLATES, app_dirs=True, autoescape=False, string_if_invalid=_Loud("%s"), builtins=libraries)


@functools.cache
def _template(code: str, language: str) -> Template:
    return _engine().get_template(f"messages/{language}/{code}.txt")


def _blocks(template: Template) -> list[BlockNode]:
    return [node for node in template.nodelist if isinstance(node, BlockNode)]
