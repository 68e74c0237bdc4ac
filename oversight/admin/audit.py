"""The trail of who did what."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display

from oversight import audit
from oversight.console import ReadOnlyAdmin, link_to, pretty
from oversight.encryption import DecryptionFailed
from oversight.models import AuditEvent, PersonErased


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """The trail, newest first."""

    list_display = ("at", "action", "show_actor", "show_target", "reason", "ip")
    list_filter = (("at", admin.DateFieldListFilter), "target_type", "action")
    list_select_related = ("actor",)
    search_fields = ("target_id", "request_id", "action", "reason")
    date_hierarchy = None
    linked_by = ("target_type", "target_id", "actor", "request_id")
    fields = (
        "at",
        "recorded_at",
        "action",
        "show_actor",
        "show_target",
        "show_before",
        "show_after",
        "reason",
        "ip",
        "request_id",
        "show_personal",
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [
            name for name in self.fields if name != "show_personal" or request.user.has_perm("oversight.see_personal")
        ]

    @display(description="Who", ordering="actor")
    def show_actor(self, event: AuditEvent) -> str:
        return str(event.actor) if event.actor else "the platform"

    @display(description="What about")
    def show_target(self, event: AuditEvent) -> Any:
        return link_to(event.target_type, event.target_id)

    @display(description="Before")
    def show_before(self, event: AuditEvent) -> Any:
        return pretty(event.before)

    @display(description="After")
    def show_after(self, event: AuditEvent) -> Any:
        return pretty(event.after)

    @display(description="Personal part")
    def show_personal(self, event: AuditEvent) -> Any:
        try:
            return pretty(audit.personal_of(event))
        except PersonErased:
            return "erased"
        except DecryptionFailed:
            return "can't be decrypted"
