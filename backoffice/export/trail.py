"""What the audit trail holds about the person, and what two officers decided of them.

Officers stand as roles. What an officer wrote, from where, and what is still open or was refused stays out: words may
name others, and a suspicion that was only asked about must not be told to whom it is about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final
from uuid import UUID

from django.db.models import Model, QuerySet, TextField
from django.db.models.functions import Cast

from accounts.models import Session, User
from backoffice.export.subject import Subject
from backoffice.export.tables import CHUNK, QUIET, Row, Told
from investments.models import ExitRequest, Position
from offers.models import OfferInvestment
from oversight import audit
from oversight.models import ApprovalRequest, AuditEvent, Decision
from payments.models import BankCredit, Deposit
from protection.models import Acceptance, KnowledgeResult, LossSimulation, RiskWarning
from treasury.models import TreasuryMovement

TARGETS: Final[dict[type[Model], str]] = {
    User: "pk",
    Session: "user",
    Deposit: "investor",
    BankCredit: "deposit__investor",
    TreasuryMovement: "investor",
    Position: "owner",
    ExitRequest: "position__owner",
    OfferInvestment: "investor",
    Acceptance: "investor",
    KnowledgeResult: "investor",
    LossSimulation: "investor",
    RiskWarning: "simulation__investor",
}
"""Rows of a person that an event or a request may be about, with the look-up of whose they are."""

OFFICER, PLATFORM, SOMEBODY, YOU = "an officer", "the platform", "somebody else", "you"
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _about(rows: Any, subject: Subject) -> list[QuerySet[Any]]:
    """One query for each kind of row that is theirs: an index each, where one OR would read the whole trail."""
    found = []
    for model, owner in TARGETS.items():
        theirs = model._base_manager.filter(**{owner: subject.user.pk}).annotate(text=Cast("pk", TextField()))
        found.append(rows.filter(target_type=model._meta.label_lower, target_id__in=theirs.values("text")))
    return found


def _all(model: type[Model], parts: list[QuerySet[Any]]) -> QuerySet[Any]:
    ids = [part.order_by().values("pk") for part in parts]
    return model._base_manager.filter(pk__in=ids[0].union(*ids[1:])).order_by("-pk")


def _events(subject: Subject) -> Iterator[Row]:
    rows = AuditEvent.objects.all()
    own = [rows.filter(actor=subject.user), rows.filter(person=subject.user)]
    found = _all(AuditEvent, [*own, *_about(rows, subject)])
    theirs = {model._meta.label_lower for model in TARGETS}
    for chunk in _chunks(found.iterator(chunk_size=CHUNK)):
        named = _names(subject, [event.actor_id for event in chunk], [_ids(event) for event in chunk])
        mine = _mine(subject, chunk)
        for event in chunk:
            is_mine = not event.target_type or (event.target_type in theirs and event.target_id in mine)
            yield _event(event, subject, named, is_mine=is_mine)


def _chunks(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


def _event(event: AuditEvent, subject: Subject, named: dict[UUID, str], *, is_mine: bool) -> Row:
    by_them = event.actor_id == subject.user.pk
    is_told = by_them or event.actor_id is None
    own = event.person_id == subject.user.pk
    return {
        "id": event.pk,
        "at": event.at,
        "action": event.action,
        "by": PLATFORM if event.actor_id is None else named[event.actor_id],
        "ip": event.ip if by_them else None,
        "about": event.target_type if is_mine else "something that isn't yours",
        "about_id": event.target_id if is_mine else None,
        "before": _without_others(event.before, named) if is_mine else None,
        "after": _without_others(event.after, named) if is_mine else None,
        "reason": event.reason if is_told and is_mine else "",
        "personal": subject.read(lambda wrapped: audit.personal_of(event, wrapped=wrapped)) if own else None,
    }


def _ids(event: AuditEvent) -> list[UUID]:
    return [UUID(text) for text in _ID.findall(f"{event.before} {event.after}")]


def _mine(subject: Subject, events: Iterable[AuditEvent]) -> set[str]:
    """Which targets of these events are theirs: a query for each kind of row among them."""
    found: set[str] = set()
    for model, owner in TARGETS.items():
        label = model._meta.label_lower
        ids = {UUID(event.target_id) for event in events if event.target_type == label}
        if ids:
            rows = model._base_manager.filter(**{owner: subject.user.pk}, pk__in=ids)
            found |= {str(pk) for pk in rows.values_list("pk", flat=True)}
    return found


def _names(subject: Subject, actors: Iterable[UUID | None], others: Iterable[list[UUID]]) -> dict[UUID, str]:
    """Name people as the person may hear of them: themselves, an officer by role, somebody else."""
    wanted = {pk for pk in actors if pk is not None} | {pk for ids in others for pk in ids}
    people = User.objects.filter(pk__in=wanted).prefetch_related("groups")
    return {each.pk: YOU if each.pk == subject.user.pk else _role(each) for each in people}


def _role(user: User) -> str:
    if not user.is_staff:
        return SOMEBODY
    roles = sorted(group.name for group in user.groups.all() if group.name != "investor")
    return f"{OFFICER} ({', '.join(roles)})" if roles else OFFICER


def _without_others(content: Any, named: dict[UUID, str]) -> Any:
    """Put a role in the place of every person's id but their own."""
    if isinstance(content, dict):
        return {name: _without_others(value, named) for name, value in content.items()}
    if isinstance(content, list):
        return [_without_others(value, named) for value in content]
    if isinstance(content, str):
        return _ID.sub(lambda match: _said(match.group(), named), content)
    return content


def _said(text: str, named: dict[UUID, str]) -> str:
    name = named.get(UUID(text))
    return text if name in {None, YOU} else str(name)


def _approvals(subject: Subject) -> Iterator[Row]:
    """Requests about them that were carried out: those that are open, or came to nothing, aren't told."""
    rows = ApprovalRequest.objects.filter(status=ApprovalRequest.Status.APPROVED)
    found = _all(ApprovalRequest, [rows.filter(beneficiary=subject.user), *_about(rows, subject)])
    for chunk in _chunks(found.prefetch_related("decisions").iterator(chunk_size=CHUNK)):
        officers = [[request.requested_by_id, *_deciders(request)] for request in chunk]
        named = _names(subject, [], officers)
        for request in chunk:
            yield {
                "id": request.pk,
                "requested_at": request.requested_at,
                "verb": request.verb,
                "title": request.title,
                "asked_by": named[request.requested_by_id],
                "decided_by": [named[pk] for pk in _deciders(request)],
                "decided_at": request.decided_at,
                "about": request.target_type,
            }


def _deciders(request: ApprovalRequest) -> list[UUID]:
    return [decision.approver_id for decision in request.decisions.all()]


PARTS: list[Any] = [
    Told(
        "approvals",
        "What officers decided about you",
        (ApprovalRequest, Decision),
        _approvals,
        note="Officers are named by their roles. What they wrote isn't here, since it may name others; ask for it.",
        quiet=QUIET | {"verb"},
    ),
    Told(
        "events",
        "What was done, when and by whom",
        (AuditEvent,),
        _events,
        note="Officers are named by their roles. What they wrote isn't here, since it may name others; ask for it.",
        quiet=QUIET | {"about_id"},
    ),
]
