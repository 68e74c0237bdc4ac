"""The inbox. Contract: API.md, "Who you are"."""

from __future__ import annotations

import logging
from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import words
from accounts.api.callers import person_of
from accounts.api.fields import StrictSerializer
from accounts.models import User
from api.pagination import MAXIMUM_LIMIT, CursorPagination
from api.permissions import IsInvestor
from ledger.api import Query
from notifications import kinds, messages, services
from notifications.models import Notification

log = logging.getLogger(__name__)

TAGS = ["Notifications"]
PRIORITIES = [priority.word for priority in kinds.Priority]


class NotificationOut(serializers.Serializer[Any]):
    """What the caller is told, in their language. `action_url` is where it leads; empty if it leads nowhere."""

    id = serializers.UUIDField()
    type = serializers.CharField(help_text="the kind of message, such as deposit_confirmed; new ones may come")
    category = serializers.ChoiceField(choices=list(kinds.CATEGORIES))
    priority = serializers.ChoiceField(choices=PRIORITIES)
    title = serializers.CharField()
    text = serializers.CharField(help_text="plain text; an empty line between paragraphs")
    action_url = serializers.CharField(
        help_text="a path in the app (deposits/… as in this API), after the app's address where the platform has one"
    )
    created_at = serializers.DateTimeField()
    read_at = serializers.DateTimeField(allow_null=True)


class NotificationPage(serializers.Serializer[Any]):
    """A page of the inbox; `unread_count` is over all of it."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    unread_count = serializers.IntegerField(min_value=0)
    results = NotificationOut(many=True)


class UnreadOut(serializers.Serializer[Any]):
    unread_count = serializers.IntegerField(min_value=0)


class StrictBooleanField(serializers.BooleanField):
    """true or false, as JSON has them."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class InboxQuery(Query):
    """Which notifications."""

    unread = serializers.ChoiceField(choices=["true", "false"], required=False)
    type = serializers.ChoiceField(choices=[], required=False)
    category = serializers.ChoiceField(choices=list(kinds.CATEGORIES), required=False)

    def get_fields(self) -> dict[str, Any]:
        known = [kind.code for kind in kinds.every()]
        return {**super().get_fields(), "type": serializers.ChoiceField(choices=known, required=False)}


class ReadIn(StrictSerializer):
    """Which to mark as read: some by id, or all."""

    ids = serializers.ListField(child=serializers.UUIDField(), required=False, min_length=1, max_length=MAXIMUM_LIMIT)
    all = StrictBooleanField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("ids" in attrs) == bool(attrs.get("all")):
            raise serializers.ValidationError({"ids": "Give ids, or all: true."}, "one-of-two")
        return attrs


class NotificationList(APIView):
    """What the caller is told, newest first."""

    permission_classes = [IsInvestor]
    pagination_class = CursorPagination
    orderings = ("-id", "id")
    query_parameters = ("unread", "type", "category")

    @extend_schema(
        operation_id="notifications_list",
        tags=TAGS,
        parameters=[
            OpenApiParameter("unread", OpenApiTypes.STR, enum=["true", "false"]),
            OpenApiParameter("type", OpenApiTypes.STR, description="a kind of message, such as deposit_confirmed"),
            OpenApiParameter("category", OpenApiTypes.STR, enum=list(kinds.CATEGORIES)),
            *(
                OpenApiParameter(each["name"], OpenApiTypes.STR, description=each["description"])
                for each in CursorPagination().get_schema_operation_parameters(None)
                if each["name"] != "ordering"
            ),
            OpenApiParameter("ordering", OpenApiTypes.STR, enum=list(orderings)),
        ],
        responses=NotificationPage,
    )
    def get(self, request: Request) -> Response:
        """List my notifications, with how many I haven't read."""
        query = InboxQuery.parse(request, paging=CursorPagination.known_parameters)
        person = person_of(request)
        found = Notification.objects.owned_by(person)
        if "unread" in query:
            found = found.filter(read_at__isnull=query["unread"] == "true")
        if "type" in query:
            found = found.filter(kind=query["type"])
        if "category" in query:
            found = found.filter(kind__in=kinds.codes_of(query["category"]))
        paginator = CursorPagination()
        page = paginator.paginate_queryset(found, request, view=self) or []
        answer = paginator.get_paginated_response(NotificationOut(shown(page, person), many=True).data)
        answer.data["unread_count"] = services.unread_count(person)
        return answer


class NotificationsRead(APIView):
    """Mark notifications as read."""

    permission_classes = [IsInvestor]

    @extend_schema(
        operation_id="notifications_read",
        tags=TAGS,
        request=ReadIn,
        responses=UnreadOut,
        examples=[
            OpenApiExample("Some", request_only=True, value={"ids": ["01997f3e-5c1a-7d2b-9e4f-8a6b7c5d4e3f"]}),
            OpenApiExample("All", request_only=True, value={"all": True}),
        ],
    )
    def post(self, request: Request) -> Response:
        """Mark some of mine, or all, as read; what was read keeps its time. Ids that aren't mine are passed over."""
        form = ReadIn.parse(request)
        unread = services.mark_read(person_of(request), ids=form.get("ids"), now=timezone.now())
        return Response(UnreadOut({"unread_count": unread}).data)


def shown(page: list[Notification], person: User) -> list[dict[str, Any]]:
    """Write a page of notifications in a person's language; one that can't be written doesn't take the page with it."""
    seen = kinds.looked_up(page)
    return [_shown(each, seen.get(each.pk, {}), person) for each in page]


def _shown(each: Notification, seen: kinds.Facts, person: User) -> dict[str, Any]:
    kind = kinds.find(each.kind)
    category, priority = (kind.category, kind.priority) if kind else (kinds.ACCOUNT, kinds.Priority.LOW)
    row = {
        "id": each.pk,
        "type": each.kind,
        "category": category.code,
        "priority": priority.word,
        "title": category.title,
        "text": "",
        "action_url": "",
        "created_at": each.created_at,
        "read_at": each.read_at,
    }
    if kind is None:
        return row
    language, zone = words.language_of(person.language), messages.zone_of(person)
    try:
        message = messages.compose(kind, facts=each.facts, seen=seen, language=language, zone=zone)
    except Exception:
        log.exception("a notification can't be written", extra={"notification": str(each.pk), "kind": each.kind})
        return row
    return row | {"title": message.title, "text": message.inbox, "action_url": message.url}
