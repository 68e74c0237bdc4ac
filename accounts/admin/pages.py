"""What officers do to people: each deed with its figures before it is done."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.http import HttpRequest
from unfold.enums import ActionVariant

from accounts import obstacles, roles, services
from accounts.models import KYC_LEVELS, Session, User
from accounts.services import factors, lost_factors
from accounts.services.deletion import DeletionMove
from accounts.services.roles import RoleMove, role_names
from accounts.services.standing import BlockMove
from oversight.console import ActionPage, moment

Figures = Iterable[tuple[str, Any]]
WAITS = "it waits for another officer's approval"


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=2000, widget=forms.Textarea(attrs={"rows": 3}), help_text="Kept with the audit trail."
    )


class RoleForm(ReasonForm):
    field_order = ("role", "reason")
    role = forms.ChoiceField()

    def __init__(self, *args: Any, names: Iterable[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["role"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(name, f"{name}: {roles.ROLES[name]}") for name in names]


class LevelForm(ReasonForm):
    field_order = ("level", "reason")
    level = forms.IntegerField(min_value=KYC_LEVELS[0], max_value=KYC_LEVELS[1], label="KYC level")


class LostForm(ReasonForm):
    field_order = ("with_number", "reason")
    with_number = forms.BooleanField(
        required=False, label="The number as well", help_text="For who lost it: codes by SMS are asked for no more."
    )


class OnAnother(ActionPage):
    """Nobody acts on their own account."""

    form_class: ClassVar[type[forms.Form]] = ReasonForm

    def is_offered(self, user: Any, obj: User) -> bool:
        return bool(user.pk != obj.pk)


class RolePage(OnAnother):
    """What granting and taking a role have in common."""

    permission = "accounts.request_role"
    form_class = RoleForm
    move: RoleMove

    def names(self, obj: User) -> list[str]:
        """The roles to choose from."""
        raise NotImplementedError

    def make_form(self, request: HttpRequest, obj: User, **arguments: Any) -> forms.Form:
        return RoleForm(names=self.names(obj), **arguments)

    def is_offered(self, user: Any, obj: User) -> bool:
        return super().is_offered(user, obj) and bool(self.names(obj))

    def preview(self, obj: User, form: forms.Form) -> Figures:
        now, role = set(role_names(obj)), form.cleaned_data["role"]
        then = now | {role} if self.move == RoleMove.GRANT else now - {role}
        yield "Person", f"{obj.get_full_name()} ({obj.referral_code})"
        yield "Roles now", ", ".join(sorted(now)) or "none"
        yield "Roles then", ", ".join(sorted(then)) or "none"
        yield "May enter the console then", "yes" if then & set(roles.OFFICER_ROLES) else "no"
        yield "Then", WAITS

    def run(self, obj: User, form: forms.Form, by: Any, now: datetime) -> Any:
        role, reason = form.cleaned_data["role"], form.cleaned_data["reason"]
        return services.request_role(obj.pk, role=role, move=self.move, by=by, now=now, reason=reason)


class GrantRole(RolePage):
    title = "Grant a role"
    icon = "add_moderator"
    move = RoleMove.GRANT

    def names(self, obj: User) -> list[str]:
        return [name for name in roles.ROLES if name not in set(role_names(obj))]


class TakeRole(RolePage):
    title = "Take a role away"
    icon = "remove_moderator"
    move = RoleMove.REVOKE

    def names(self, obj: User) -> list[str]:
        return role_names(obj)


class SetKycLevel(OnAnother):
    title = "Set the KYC level"
    icon = "badge"
    permission = "accounts.request_kyc_level"
    form_class = LevelForm

    def initial(self, request: HttpRequest, obj: User) -> dict[str, Any]:
        return {"level": min(obj.kyc_level + 1, KYC_LEVELS[1])}

    def preview(self, obj: User, form: forms.Form) -> Figures:
        yield "Person", f"{obj.get_full_name()} ({obj.referral_code})"
        yield "KYC level now", obj.kyc_level
        yield "KYC level then", form.cleaned_data["level"]
        yield "Then", WAITS

    def run(self, obj: User, form: forms.Form, by: Any, now: datetime) -> Any:
        level, reason = form.cleaned_data["level"], form.cleaned_data["reason"]
        return services.request_kyc_level(obj.pk, level=level, by=by, now=now, reason=reason)


class BlockNow(OnAnother):
    title = "Block at once"
    icon = "block"
    permission = "accounts.block_user"
    variant = ActionVariant.DANGER
    words = "For an emergency: one officer blocks an investor at once; unblocking takes two."

    def is_offered(self, user: Any, obj: User) -> bool:
        return super().is_offered(user, obj) and not obj.is_blocked and not obj.is_staff

    def preview(self, obj: User, form: forms.Form) -> Figures:
        yield "Person", f"{obj.get_full_name()} ({obj.referral_code})"
        yield "Sessions that end", obj.sessions.filter(revoked_at=None).count()
        yield "Then", "they can't log in; what would leave is held, what comes in is still credited"

    def run(self, obj: User, form: forms.Form, by: Any, now: datetime) -> Any:
        return services.block_user(obj.pk, by=by, now=now, reason=form.cleaned_data["reason"])


class BlockPage(OnAnother):
    """What asking for a block and for its end have in common."""

    permission = "accounts.request_block"
    move: BlockMove

    def preview(self, obj: User, form: forms.Form) -> Figures:
        yield "Person", f"{obj.get_full_name()} ({obj.referral_code})"
        yield "Blocked now", f"since {moment(obj.blocked_at)}" if obj.is_blocked else "no"
        yield "Blocked then", "yes" if self.move == BlockMove.BLOCK else "no"
        if self.move == BlockMove.BLOCK:
            yield "Sessions that end", obj.sessions.filter(revoked_at=None).count()
        yield "Then", WAITS

    def run(self, obj: User, form: forms.Form, by: Any, now: datetime) -> Any:
        return services.request_block(obj.pk, move=self.move, by=by, now=now, reason=form.cleaned_data["reason"])


class AskToBlock(BlockPage):
    title = "Ask to block"
    icon = "block"
    variant = ActionVariant.DANGER
    move = BlockMove.BLOCK

    def is_offered(self, user: Any, obj: User) -> bool:
        return super().is_offered(user, obj) and not obj.is_blocked


class AskToUnblock(BlockPage):
    title = "Ask to unblock"
    icon = "lock_open"
    move = BlockMove.UNBLOCK

    def is_offered(self, user: Any, obj: User) -> bool:
        return super().is_offered(user, obj) and obj.is_blocked


class AskToResetFactors(OnAnother):
    title = "Reset the second factor"
    icon = "phonelink_erase"
    permission = "accounts.request_reset_of_factors"
    variant = ActionVariant.DANGER
    form_class = LostForm
    words = "For who lost app, passkeys and recovery codes, or the number. Be sure of who asks: a thief asks like that."

    def is_offered(self, user: Any, obj: User) -> bool:
        return super().is_offered(user, obj) and (factors.has_factor(obj) or obj.phone_verified_at is not None)

    def preview(self, obj: User, form: forms.Form) -> Figures:
        yield "Person", f"{obj.get_full_name()} ({obj.referral_code})"
        yield "Sessions that end", obj.sessions.filter(revoked_at=None).count()
        if form.cleaned_data["with_number"]:
            yield "Number", "counts as theirs no more until they verify it anew, or another; told there and by mail"
        yield "Payouts", "held for a day"
        yield "Then", f"{WAITS}; after it the password alone lets them in, and enrol another factor; they are told"

    def run(self, obj: User, form: forms.Form, by: Any, now: datetime) -> Any:
        return lost_factors.request_reset_of_factors(obj.pk, by=by, now=now, **form.cleaned_data)


class EndSessions(OnAnother):
    title = "End all sessions"
    icon = "logout"
    permission = "accounts.revoke_session"
    variant = ActionVariant.DANGER

    def is_offered(self, user: Any, obj: User) -> bool:
        return super().is_offered(user, obj) and (obj.is_staff or obj.sessions.filter(revoked_at=None).exists())

    def preview(self, obj: User, form: forms.Form) -> Figures:
        yield "Person", f"{obj.get_full_name()} ({obj.referral_code})"
        yield "Sessions that end", obj.sessions.filter(revoked_at=None).count()
        yield "The console", "ends wherever it is open" if obj.is_staff else "isn't theirs"
        yield "Then", "they can log in again"

    def run(self, obj: User, form: forms.Form, by: Any, now: datetime) -> None:
        services.end_sessions(obj.pk, by=by, now=now, reason=form.cleaned_data["reason"])


class DeletionPage(OnAnother):
    """What asking for a deletion and for its end have in common."""

    permission = "accounts.request_deletion"
    move: DeletionMove

    def run(self, obj: User, form: forms.Form, by: Any, now: datetime) -> Any:
        return services.request_deletion(obj.pk, move=self.move, by=by, now=now, reason=form.cleaned_data["reason"])


class AskToDelete(DeletionPage):
    title = "Ask to delete"
    icon = "person_remove"
    variant = ActionVariant.DANGER
    move = DeletionMove.DELETE

    def is_offered(self, user: Any, obj: User) -> bool:
        return super().is_offered(user, obj) and obj.deleted_at is None and not obj.is_staff

    def preview(self, obj: User, form: forms.Form) -> Figures:
        yield "Person", f"{obj.get_full_name()} ({obj.referral_code})"
        yield "Sessions that end", obj.sessions.filter(revoked_at=None).count()
        found = [*obstacles.open_requests(obj), *obstacles.found_for(obj)]
        yield "Stands in the way", "; ".join(each.title for each in found) or "nothing"
        yield "Then", WAITS


class AskToRestore(DeletionPage):
    title = "Ask to restore"
    icon = "restore_from_trash"
    move = DeletionMove.RESTORE

    def is_offered(self, user: Any, obj: User) -> bool:
        return super().is_offered(user, obj) and obj.deleted_at is not None

    def preview(self, obj: User, form: forms.Form) -> Figures:
        yield "Person", f"{obj.get_full_name()} ({obj.referral_code})"
        yield "Deleted", moment(obj.deleted_at)
        yield "Then", WAITS


class EndSession(ActionPage):
    title = "End the session"
    icon = "logout"
    permission = "accounts.revoke_session"
    variant = ActionVariant.DANGER

    def is_offered(self, user: Any, obj: Session) -> bool:
        return obj.revoked_at is None

    def preview(self, obj: Session, form: forms.Form) -> Figures:
        yield "Person", obj.user.referral_code
        yield "Last used", moment(obj.last_used_at)
        yield "Then", "its access and refresh tokens end at once; the person can log in again"

    def run(self, obj: Session, form: forms.Form, by: Any, now: datetime) -> None:
        services.end_session(obj.pk, by=by, now=now)
