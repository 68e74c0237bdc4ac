"""Log-ins in the console."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display

from accounts.admin import pages
from accounts.models import Session
from oversight.console import ReadOnlyAdmin, link_to, moment


class AliveFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "open"), ("ended", "ended")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(revoked_at__isnull=self.value() == "open") if self.value() else queryset


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    """Every log-in, how it was used and how it ended."""

    pages = (pages.EndSession,)
    list_display = ("show_begun", "show_user", "show_last_used", "ip", "show_state")
    list_filter = (AliveFilter, "revoke_reason")
    linked_by = ("user",)
    list_select_related = ("user",)
    fieldsets = (
        (None, {"fields": ("show_user", "ip", "user_agent", "show_begun", "show_last_used")}),
        ("Its end", {"fields": ("show_end",)}),
    )

    @display(description="Person", ordering="user")
    def show_user(self, session: Session) -> Any:
        return link_to("accounts.user", str(session.user_id), str(session.user))

    @display(description="Logged in", ordering="created_at")
    def show_begun(self, session: Session) -> str:
        return moment(session.created_at)

    @display(description="Last used", ordering="last_used_at")
    def show_last_used(self, session: Session) -> str:
        return moment(session.last_used_at)

    @display(description="End")
    def show_end(self, session: Session) -> str:
        if session.revoked_at is None:
            return f"unused, on {moment(session.expires_at)}"
        return f"{moment(session.revoked_at)}: {session.get_revoke_reason_display()}"

    @display(description="State", label={"open": "success", "ended": "default"})
    def show_state(self, session: Session) -> tuple[str, str]:
        return ("ended", session.get_revoke_reason_display()) if session.revoked_at else ("open", "open")
