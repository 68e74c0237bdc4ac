"""What officers hear of four eyes: that a request waits for one of them, and what became of their own."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Permission

from accounts.models import User
from notifications import kinds, services
from notifications.kinds import APPROVALS, Facts, Kind, look_by
from oversight import signals, verbs
from oversight.models import ApprovalRequest

PATH = "/admin/oversight/approvalrequest/{request}/change/"
SAMPLE = {"request": "01997f3e-5c1a-7d2b-9e4f-8a6b7c5d4e3f"}


def requests(ids: set[UUID]) -> dict[UUID, Facts]:
    """Read the requests that messages are about."""
    return {request.pk: _of(request) for request in ApprovalRequest.objects.filter(pk__in=ids)}


def _of(request: ApprovalRequest) -> Facts:
    return {"title": request.title, "expires": request.expires_at}


LOOK = look_by("request", requests)
KINDS = (
    Kind(
        code="approval_waits",
        category=APPROVALS,
        path=PATH,
        for_officers=True,
        look=LOOK,
        facts=SAMPLE,
        seen={"title": "Grant or take a role", "expires": datetime.fromisoformat("2026-03-09T08:00:00+00:00")},
    ),
    Kind(
        code="approval_ended",
        category=APPROVALS,
        path=PATH,
        for_officers=True,
        look=LOOK,
        facts={**SAMPLE, "status": "rejected"},
        seen={"title": "Grant or take a role", "expires": datetime.fromisoformat("2026-03-09T08:00:00+00:00")},
    ),
)


def register() -> None:
    """Make the kinds known, and hear of requests."""
    kinds.register(*KINDS)
    signals.requested.connect(tell_deciders, dispatch_uid="notifications.requested")
    signals.ended.connect(tell_requester, dispatch_uid="notifications.ended")


def tell_deciders(sender: Any, *, request: ApprovalRequest, now: datetime, **_: Any) -> None:
    """Tell the officers whose permission decides it, but for who asked and who gains: one query, one statement."""
    facts = {"request": str(request.pk)}
    not_these = {request.requested_by_id, request.beneficiary_id}
    ids = holders(verbs.get(request.verb).approve_permission).exclude(pk__in=not_these - {None})
    rows = [(person, str(request.pk), facts) for person in ids.values_list("pk", flat=True)]
    services.notify_each("approval_waits", rows, now=now)


def tell_requester(sender: Any, *, request: ApprovalRequest, now: datetime, **_: Any) -> None:
    """Tell the officer who asked what became of it; an investor hears of the deed itself."""
    if request.requested_by.is_staff:
        facts = {"request": str(request.pk), "status": str(request.status)}
        services.notify(request.requested_by, "approval_ended", facts=facts, key=str(request.pk), now=now)


def holders(permission: str) -> Any:
    """The officers who have a permission, by their roles."""
    app, _, codename = permission.partition(".")
    named = Permission.objects.filter(content_type__app_label=app, codename=codename)
    return User.objects.officers().filter(groups__permissions__in=named).distinct()
