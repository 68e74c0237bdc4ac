"""What the caller wants to hear. Beside the contract: GET, PATCH /notifications/preferences."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import person_of
from accounts.api.fields import StrictSerializer
from api.pagination import require_known_parameters
from api.permissions import IsInvestor
from notifications import services
from notifications.api.inbox import TAGS, StrictBooleanField
from notifications.kinds import CATEGORIES, Category
from notifications.services.preferences import UNCHANGED, Wishes

CLOCK = "%H:%M"


@extend_schema_field({"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$"})
class ClockField(serializers.TimeField):
    """Hours and minutes; OpenAPI's own `time` has seconds and an offset."""


class QuietHoursField(StrictSerializer):
    """When nothing that can wait is pushed or sent by SMS, on the clock of the person's time zone."""

    begins = ClockField(format=CLOCK, input_formats=[CLOCK], help_text="such as 21:00")
    ends = ClockField(format=CLOCK, input_formats=[CLOCK], help_text="such as 08:00, on the next day")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["begins"] == attrs["ends"]:
            raise serializers.ValidationError({"ends": "They begin and end at once; null wants none."}, "empty")
        return attrs


class SwitchesIn(StrictSerializer):
    """At least one of its fields."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError("This changes nothing.", "empty")
        return attrs


def _of_category(category: Category) -> SwitchesIn:
    """The switches of a category: one a channel."""
    switches = {channel: StrictBooleanField(required=False) for channel in sorted(category.offered)}
    name = f"{category.code.capitalize()}Channels"
    made = type(name, (SwitchesIn,), {**switches, "__doc__": f"{category.title}: what goes out by which channel."})
    return made(required=False)


ChannelsIn = type(
    "ChannelsIn",
    (SwitchesIn,),
    {"__doc__": "Categories.", **{code: _of_category(category) for code, category in CATEGORIES.items()}},
)


class PreferencesIn(StrictSerializer):
    """What to change; the rest stays."""

    channels = ChannelsIn(required=False)
    quiet_hours = QuietHoursField(required=False, allow_null=True, help_text="null: none")


class PreferencesOut(serializers.Serializer[Any]):
    """Every category with its channels. What is in `fixed` can't be switched off; the inbox has everything."""

    channels = ChannelsIn()
    fixed = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))
    quiet_hours = QuietHoursField(allow_null=True)

    @classmethod
    def write(cls, wishes: Wishes) -> Any:
        hours = wishes.quiet_hours
        quiet = None if hours is None else {"begins": hours[0], "ends": hours[1]}
        return cls({"channels": wishes.channels, "fixed": wishes.fixed, "quiet_hours": quiet}).data


class Preferences(APIView):
    """What I am told beside the inbox, by which channel, and when not."""

    permission_classes = [IsInvestor]

    @extend_schema(operation_id="preferences_retrieve", tags=TAGS, responses=PreferencesOut)
    def get(self, request: Request) -> Response:
        """Show what I want to hear."""
        require_known_parameters(request, self)
        return Response(PreferencesOut.write(services.wishes_of(person_of(request))))

    @extend_schema(
        operation_id="preferences_change",
        tags=TAGS,
        request=PreferencesIn,
        responses=PreferencesOut,
        examples=[
            OpenApiExample(
                "Returns by mail, and a longer night",
                request_only=True,
                value={
                    "channels": {"returns": {"email": True}},
                    "quiet_hours": {"begins": "22:00", "ends": "09:30"},
                },
            )
        ],
    )
    def patch(self, request: Request) -> Response:
        """Change what I want to hear. What can't be switched off is a 422."""
        form = PreferencesIn.parse(request)
        hours = form.get("quiet_hours", UNCHANGED)
        quiet = (hours["begins"], hours["ends"]) if isinstance(hours, dict) else hours
        wishes = services.change_preferences(
            person_of(request), channels=form.get("channels"), quiet_hours=quiet, now=timezone.now()
        )
        return Response(PreferencesOut.write(wishes))
