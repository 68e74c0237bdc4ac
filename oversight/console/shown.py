"""How things are shown on the console's pages."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

NOTHING = "–"
THEN = ("Then", "another officer must approve it; nothing changes before")


def lines(pairs: Iterable[Iterable[Any]]) -> SafeString:
    """Show labels with their values as a small table."""
    return SafeString(render_to_string("admin/lines.html", {"lines": [tuple(pair) for pair in pairs]}))


def and_more(count: int, told: Sequence[Any]) -> list[tuple[str, str]]:
    """The line that says how many of `count` rows aren't told; none where all of them are."""
    more = count - len(told)
    return [("and more", f"{more:,}")] if more > 0 else []


def label(text: str, variant: str = "default") -> SafeString:
    """Show a state as a coloured label: success, warning, danger, info or default."""
    return SafeString(render_to_string("unfold/helpers/label.html", {"text": text, "variant": variant}))


def pretty(content: Any) -> SafeString | str:
    """Show JSON as it is, one member a line."""
    if content in (None, {}, []):
        return NOTHING
    text = json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True)
    return format_html('<pre class="bo-pre text-xs">{}</pre>', text)


def moment(at: datetime | None) -> str:
    """Show a moment in the platform's time zone."""
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M %Z") if at else NOTHING


def link_to(target_type: str, target_id: str, text: str = "") -> SafeString | str:
    """Link to a row's page in the console, if there is one."""
    text = text or _name(target_type, target_id)
    try:
        model = apps.get_model(target_type)
    except (LookupError, ValueError):
        return text or NOTHING
    address = address_of(model, target_id)
    if not address:
        return text
    return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', address, text)


def address_of(model: type[Model], pk: Any) -> str:
    """The address of a row's page in the console; empty if it has none."""
    if not admin.site.is_registered(model):
        return ""
    try:
        return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[quote(pk)])
    except NoReverseMatch:
        return ""


def _name(target_type: str, target_id: str) -> str:
    if not target_type:
        return ""
    kind, short = target_type.rpartition(".")[2], target_id if len(target_id) <= 8 else f"…{target_id[-6:]}"
    return f"{kind} {short}".strip()
