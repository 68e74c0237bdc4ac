"""People in the console."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pycountry
from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from accounts import lockout
from accounts.admin import pages
from accounts.models import Session, User
from accounts.services import factors, people
from oversight.console import ReadOnlyAdmin, ReadOnlyInline, lines, link_to, moment
from oversight.console.shown import NOTHING, and_more
from oversight.models import ApprovalRequest, AuditEvent

MASKED = ("show_email", "show_phone")
WHOLE = ("show_whole_email", "show_whole_phone")
DOORS = {lockout.LOGGED_IN: "the API", lockout.ENTERED_CONSOLE: "the console"}
EXITS = {
    "accounts.logged_out": "left the API",
    "accounts.left_console": "left the console",
    "accounts.session_ended": "a session of the API was ended",
    "accounts.sessions_ended": "the sessions were ended",
    "accounts.refresh_token_reused": "a session of the API ended: an old token came back",
    "accounts.password_changed": "the other sessions ended: another password",
    "accounts.password_reset": "all sessions ended: another password",
    "accounts.factors_reset": "all sessions ended: the second factors were taken away",
    "accounts.phone_unverified": "all sessions ended: the number counts no more",
    "accounts.blocked": "all sessions ended: blocked",
    "accounts.deleted": "all sessions ended: deleted",
}
"""What ends where somebody is logged in, by the name of its event; a console ends by itself after twelve hours."""
LOG_INS_SHOWN = 10
STANDING_LABELS = {"active": "success", "blocked": "danger", "deleted": "default"}


def _way(event: AuditEvent, user: User) -> str:
    """Say which door somebody came in by, or what ended it and who."""
    if event.action in DOORS:
        return f"{DOORS[event.action]}, from {event.ip or 'an unknown address'}"
    return EXITS[event.action] if event.actor_id == user.pk else f"{EXITS[event.action]}, by {event.actor or 'us'}"


class StandingFilter(admin.SimpleListFilter):
    title = "standing"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("active", "active"), ("blocked", "blocked"), ("deleted", "deleted"), ("officer", "officers")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        chosen: dict[str | None, dict[str, Any]] = {
            "active": {"blocked_at": None, "deleted_at": None},
            "blocked": {"blocked_at__isnull": False},
            "deleted": {"deleted_at__isnull": False},
            "officer": {"is_staff": True},
        }
        return queryset.filter(**chosen.get(self.value(), {}))


class SessionInline(ReadOnlyInline):
    """Where the person is logged in now."""

    model = Session
    hide_title = True
    verbose_name_plural = "Sessions that are open"
    fields = ("show_since", "last_used_at", "show_address", "user_agent")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Session]:
        return super().get_queryset(request).filter(revoked_at=None)

    @display(description="since")
    def show_since(self, row: Session) -> SafeString | str:
        return link_to("accounts.session", str(row.pk), moment(row.created_at))

    @display(description="address")
    def show_address(self, row: Session) -> str:
        return row.ip or NOTHING


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    """Everybody; identifiers are masked unless the role may see them."""

    pages = (
        pages.SetKycLevel,
        pages.GrantRole,
        pages.TakeRole,
        pages.BlockNow,
        pages.AskToBlock,
        pages.AskToUnblock,
        pages.EndSessions,
        pages.AskToResetFactors,
        pages.AskToDelete,
        pages.AskToRestore,
    )
    list_display = (
        "show_person",
        "show_email",
        "show_phone",
        "show_country",
        "show_kyc_level",
        "show_vip_level",
        "show_roles",
        "show_standing",
        "show_since",
    )
    list_filter = (StandingFilter, "groups", "kyc_level")
    list_filter_submit = False
    search_fields = ("referral_code",)
    search_help_text = "A whole e-mail address, phone number, referral code or id"
    inlines = (SessionInline,)
    fieldsets = (
        (None, {"fields": ("show_name", *MASKED, "show_country", "time_zone", "show_language")}),
        ("Standing", {"fields": ("show_block", "show_kyc_level", "show_vip_level", "show_roles", "show_requests")}),
        ("Where from", {"fields": ("referral_code", "show_referrer", "show_since")}),
        ("Log-ins", {"fields": ("show_factors", "show_log_ins")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).select_related("referrer", "blocked_by").prefetch_related("groups")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[User], search_term: str
    ) -> tuple[QuerySet[User], bool]:
        """Find one person exactly: identifiers stand encrypted, so that nothing else can be found."""
        if not search_term.strip():
            return queryset, False
        found = people.find(search_term)
        return queryset.filter(pk=found.pk) if found else queryset.none(), False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show identifiers in full, log-ins and what is asked of others to the roles that may see each of them."""
        sees = request.user.has_perm
        hidden = set() if sees("oversight.view_approvalrequest") else {"show_requests"}
        whole = dict(zip(MASKED, WHOLE, strict=True)) if sees("accounts.see_identifiers") else {}
        return [
            (title, {**rows, "fields": tuple(whole.get(name, name) for name in rows["fields"] if name not in hidden)})
            for title, rows in super().get_fieldsets(request, obj)
            if title != "Log-ins" or sees("accounts.view_session")
        ]

    def get_inlines(self, request: HttpRequest, obj: Any) -> Iterator[Any]:
        return iter(self.inlines if request.user.has_perm("accounts.view_session") else ())

    @display(description="Person", ordering="id", header=True)
    def show_person(self, user: User) -> list[str]:
        return [user.get_full_name(), user.referral_code]

    @display(description="Name")
    def show_name(self, user: User) -> str:
        return user.get_full_name()

    @display(description="E-mail")
    def show_email(self, user: User) -> str:
        return user.masked_email or NOTHING

    @display(description="Phone")
    def show_phone(self, user: User) -> str:
        return user.masked_phone or NOTHING

    @display(description="E-mail")
    def show_whole_email(self, user: User) -> str:
        return user.email or NOTHING

    @display(description="Phone")
    def show_whole_phone(self, user: User) -> str:
        return user.phone or NOTHING

    @display(description="Roles")
    def show_roles(self, user: User) -> str:
        return ", ".join(sorted(group.name for group in user.groups.all())) or NOTHING

    @display(description="Standing", label=STANDING_LABELS)
    def show_standing(self, user: User) -> tuple[str, str]:
        standing = "deleted" if user.deleted_at else "blocked" if user.is_blocked else "active"
        return standing, standing

    @display(description="Standing")
    def show_block(self, user: User) -> str:
        if user.deleted_at:
            return f"deleted {moment(user.deleted_at)}"
        if user.is_blocked:
            return f"blocked {moment(user.blocked_at)} by {user.blocked_by or 'the platform'}"
        return "active"

    @display(description="Second factor")
    def show_factors(self, user: User) -> str:
        held = (["an app"] if factors.has_app(user) else []) + [f"passkey {key}" for key in user.passkeys.all()]
        return ", ".join(held) or NOTHING

    @display(description="KYC level", ordering="kyc_level")
    def show_kyc_level(self, user: User) -> int:
        return user.kyc_level

    @display(description="VIP level", ordering="vip_level")
    def show_vip_level(self, user: User) -> int:
        return user.vip_level

    @display(description="Country", ordering="country")
    def show_country(self, user: User) -> str:
        country = pycountry.countries.get(alpha_2=user.country)
        return country.name if country else user.country

    @display(description="Language")
    def show_language(self, user: User) -> str:
        return str(dict(settings.LANGUAGES).get(user.language, user.language))

    @display(description="With us since", ordering="created_at")
    def show_since(self, user: User) -> str:
        return moment(user.created_at)

    @display(description="The latest")
    def show_log_ins(self, user: User) -> Any:
        about = AuditEvent.objects.filter(target_type=User._meta.label_lower, target_id=str(user.pk))
        events = about.filter(action__in=[*DOORS, *EXITS]).select_related("actor").order_by("-id")
        latest = list(events[:LOG_INS_SHOWN])
        if not latest:
            return "never"
        told = [(moment(event.at), _way(event, user)) for event in latest]
        address = f"{reverse('admin:accounts_session_changelist')}?user={user.pk}"
        every = format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">every one</a>', address)
        return lines([*told, *and_more(events.count(), latest), ("Sessions", every)])

    @display(description="Waiting for approval")
    def show_requests(self, user: User) -> Any:
        waiting = ApprovalRequest.objects.all().about(user).open()
        links = ((link_to("oversight.approvalrequest", str(request.pk), request.title),) for request in waiting)
        return format_html_join(SafeString("<br>"), "{}", links) or "nothing"

    @display(description="Referred by")
    def show_referrer(self, user: User) -> Any:
        if user.referrer is None:
            return NOTHING
        return link_to("accounts.user", str(user.referrer_id), user.referrer.referral_code)
