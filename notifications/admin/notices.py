"""What people were told, and every kind of message as it is written."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from unfold.decorators import display

from notifications import kinds, messages
from notifications.kinds import Kind
from notifications.models import Channel, Delivery, Notification
from oversight.console import ReadOnlyAdmin, ReadOnlyInline, link_to, pretty

PREVIEW = "notifications.preview_message"
LANGUAGES = {"en": "English", "fr": "French"}


class DeliveryInline(ReadOnlyInline):
    """What went out of it."""

    model = Delivery
    fields = ("channel", "status", "reason", "attempts", "created_at", "ended_at")
    readonly_fields = fields


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    """What people were told: ids, amounts and dates; the words are made when they are read."""

    inlines = (DeliveryInline,)
    list_display = ("kind", "show_person", "created_at", "read_at")
    list_select_related = ("user",)
    search_fields = ("=user__referral_code", "=kind")
    search_help_text = "a person's referral code, or a kind of message"
    fields = ("kind", "link_person", "show_facts", "created_at", "read_at")
    readonly_fields = fields

    @display(description="person")
    def show_person(self, row: Notification) -> str:
        return row.user.referral_code

    @display(description="person")
    def link_person(self, row: Notification) -> SafeString | str:
        return link_to("accounts.user", str(row.user_id), row.user.referral_code)

    @display(description="facts")
    def show_facts(self, row: Notification) -> SafeString | str:
        return pretty(row.facts)


def catalogue(request: HttpRequest) -> TemplateResponse:
    """Every kind of message, by category."""
    _require_preview(request)
    groups: dict[str, list[dict[str, Any]]] = {}
    for kind in kinds.every():
        title = _written(kind, "en").title
        groups.setdefault(kind.category.title, []).append({"kind": kind, "title": title, "ways": _ways(kind)})
    return _page(request, "admin/notifications/messages.html", "Messages", {"groups": groups})


def preview(request: HttpRequest, code: str) -> TemplateResponse:
    """One kind of message in one language, by every channel, with sample facts."""
    _require_preview(request)
    kind = kinds.find(code)
    if kind is None:
        raise Http404
    language = request.GET.get("language", "en")
    if language not in LANGUAGES:
        raise Http404
    message = _written(kind, language)
    subject, text, html = message.mail("Ana")
    context = {
        "kind": kind,
        "message": message,
        "languages": LANGUAGES,
        "language": language,
        "ways": _ways(kind),
        "mail": {"subject": subject, "text": text, "html": html},
        "push": dict(zip(("title", "text"), message.push, strict=True)),
        "without_button": bool(message.action) and "://" not in message.url,
        "setting": "CONSOLE_URL" if kind.for_officers else "APP_URL",
    }
    return _page(request, "admin/notifications/message.html", message.title, context)


def _written(kind: Kind, language: str) -> messages.Message:
    zone = ZoneInfo(settings.PLATFORM_TIME_ZONE)
    return messages.compose(kind, facts=kind.facts, seen=kind.seen, language=language, zone=zone)


def _ways(kind: Kind) -> list[tuple[str, str]]:
    """Each channel, and whether it is used: always, unless it is switched off, or only if it is switched on."""
    category = kind.category
    always = category.fixed | ({Channel.SMS} if kind.is_alarm else frozenset())
    return [
        (
            channel.label,
            "always" if channel in always else "on" if channel in category.by_default else "off",
        )
        for channel in Channel
        if channel in kind.offered
    ]


def _require_preview(request: HttpRequest) -> None:
    if not request.user.has_perm(PREVIEW):
        raise PermissionDenied


def _page(request: HttpRequest, template: str, title: str, context: dict[str, Any]) -> TemplateResponse:
    return TemplateResponse(request, template, {**admin.site.each_context(request), "title": title, **context})
