"""What went out, what didn't, and why."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display

from notifications import services
from notifications.models import Channel, Delivery
from oversight.console import ActionPage, ListPage, ReadOnlyAdmin, label, link_to, moment

RETRY = "notifications.retry_delivery"
STATUS_LABELS = {"queued": "info", "sent": "success", "failed": "danger", "dropped": "warning"}
LATELY = timedelta(days=1)
MOST_AT_ONCE = 1_000


class TryAgain(ActionPage):
    """Queue one failed message again."""

    title = "Try again"
    icon = "refresh"
    permission = RETRY

    def is_offered(self, user: Any, obj: Delivery) -> bool:
        return _failed(timezone.now()).filter(pk=obj.pk).exists()

    def preview(self, obj: Delivery, form: Any) -> Iterable[tuple[str, Any]]:
        yield "Message", obj.notification.kind
        yield "Failed", obj.reason
        yield "Then", "it is queued again, with all its attempts"

    def run(self, obj: Delivery, form: Any, by: Any, now: datetime) -> int:
        return services.retry(ids=[obj.pk], by=by, now=now)


class TryAllAgain(ListPage):
    """Queue what failed since yesterday again, once a provider is back."""

    title = "Try those again that failed since yesterday"
    button_text = "Try failed ones again"
    icon = "refresh"
    permission = RETRY

    def preview(self, obj: Any, form: Any) -> Iterable[tuple[str, Any]]:
        now = timezone.now()
        failed = _failed_lately(now).values("channel").annotate(count=Count("pk")).order_by("channel")
        for each in failed:
            yield Channel(each["channel"]).label, f"{each['count']:,}"
        yield "Then", f"the first {MOST_AT_ONCE:,} of them are queued again, with all their attempts"

    def run(self, obj: Any, form: Any, by: Any, now: datetime) -> int:
        ids: list[UUID] = list(_failed_lately(now).order_by("pk").values_list("pk", flat=True)[:MOST_AT_ONCE])
        return services.retry(ids=ids, by=by, now=now)


def _failed_lately(now: datetime) -> QuerySet[Delivery]:
    return _failed(now).filter(ended_at__gt=now - LATELY)


def _failed(now: datetime) -> QuerySet[Delivery]:
    """What is too old would be dropped at once."""
    return Delivery.objects.all().fresh(now).filter(status=Delivery.Status.FAILED)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """Messages by mail, SMS and push."""

    pages = (TryAgain, TryAllAgain)
    list_before_template = "admin/notifications/figures.html"
    list_display = ("kind", "channel", "show_status", "show_person", "attempts", "reason", "created_at", "ended_at")
    list_select_related = ("notification", "user")
    list_filter = ("status", "channel")
    search_fields = ("=user__referral_code", "=notification__kind")
    search_help_text = "a person's referral code, or a kind of message"
    fields = (
        "kind",
        "channel",
        "show_status",
        "reason",
        "link_person",
        "attempts",
        "show_next",
        "created_at",
        "ended_at",
    )
    readonly_fields = fields

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {"figures": figures(timezone.now()), **(extra_context or {})})

    @display(description="message", ordering="notification__kind")
    def kind(self, row: Delivery) -> str:
        return row.notification.kind

    @display(description="status", ordering="status")
    def show_status(self, row: Delivery) -> SafeString:
        return label(row.get_status_display(), STATUS_LABELS[row.status])

    @display(description="person")
    def show_person(self, row: Delivery) -> str:
        return row.user.referral_code

    @display(description="person")
    def link_person(self, row: Delivery) -> SafeString | str:
        return link_to("accounts.user", str(row.user_id), row.user.referral_code)

    @display(description="next attempt")
    def show_next(self, row: Delivery) -> str:
        return moment(row.next_try_at if row.status == Delivery.Status.QUEUED else None)


def figures(now: datetime) -> list[dict[str, Any]]:
    """What became of the messages of the last day, and how many wait: a line a channel."""
    ended = Delivery.objects.exclude(status="queued").filter(status__in=STATUS_LABELS, ended_at__gt=now - LATELY)
    counts = {
        (each["channel"], each["status"]): each["count"]
        for rows in (ended, Delivery.objects.filter(status="queued"))
        for each in rows.values("channel", "status").order_by().annotate(count=Count("pk"))
    }
    return [
        {"channel": channel.label, **{status: counts.get((channel.value, status), 0) for status in STATUS_LABELS}}
        for channel in Channel
    ]
