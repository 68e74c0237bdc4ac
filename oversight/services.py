"""Four eyes: ask, approve, reject, expire."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.core.files import File
from django.db import connection
from django.db.models import Model
from uuid_utils.compat import uuid7

from core.commands import command
from core.errors import DomainError, Forbidden, NotFound
from oversight import audit, documents, looks, signals, verbs
from oversight.models import ApprovalRequest, Decision, label_and_id
from oversight.states import move_to
from oversight.verbs import Verb

__all__ = ["approve", "ask", "expire_requests", "move_to", "reject", "require_carried_out"]

Status = ApprovalRequest.Status


class NotAllowedToAsk(Forbidden):
    code = "not-allowed-to-ask"
    title = "Asking for this takes a permission that you don't have"


class NotAllowedToDecide(Forbidden):
    code = "not-allowed-to-decide"
    title = "Deciding this takes a permission that you don't have"


class OwnRequest(Forbidden):
    code = "own-request"
    title = "Nobody decides what they asked for, or what is to their own benefit"


class RequesterShutOut(DomainError):
    code = "requester-shut-out"
    title = "Who asked for this is blocked or deleted: reject it, or ask for it anew"
    status = 409


class AlreadyDecided(DomainError):
    code = "already-decided"
    title = "This is decided already"
    status = 409


class ReasonMissing(DomainError):
    code = "reason-missing"
    title = "This needs a reason"
    status = 422


class WrongTarget(DomainError):
    code = "wrong-target"
    title = "This can't be asked of that"
    status = 422


class PayloadChanged(DomainError):
    code = "payload-changed"
    title = "The request isn't what was asked for"
    status = 409


class RequestExpired(DomainError):
    code = "request-expired"
    title = "This request has expired"
    status = 409


class RequestVoid(DomainError):
    code = "request-void"
    title = "What this request is about has changed since; it is void"
    status = 409


def ask(
    verb: str,
    *,
    by: Any,
    at: datetime,
    payload: Mapping[str, Any],
    summary: Iterable[tuple[str, str]],
    target: Model | None = None,
    approvals: int = 1,
    beneficiary: Any = None,
    moves_hash: bytes | None = None,
    reason: str,
    document: File | None = None,
) -> ApprovalRequest:
    """Freeze what is asked for and open a request that `approvals` others must approve.

    STEP. `payload` is JSON-safe without floats and personal data; `summary` are the lines that approvers read.
    Raises UnknownVerb, NotAllowedToAsk, OwnRequest, WrongTarget, ReasonMissing, DocumentRefused.
    """
    known = verbs.get(verb)
    _require_may_ask(known, by, beneficiary, target)
    if not reason.strip():
        raise ReasonMissing
    if known.target_model is not None and not isinstance(target, known.target_model):
        raise WrongTarget(f"{known.title} is asked of a {known.target_model._meta.verbose_name}.")
    request = ApprovalRequest(
        pk=uuid7(),
        verb=verb,
        title=known.title,
        summary=[[str(label), str(value)] for label, value in summary],
        payload=audit.plain(dict(payload)),
        payload_hash=_payload_hash(verb, dict(payload)),
        target_hash=target_hash(known, target),
        moves_hash=moves_hash,
        approvals=approvals,
        requested_by=by,
        beneficiary=beneficiary,
        reason=reason.strip(),
        requested_at=at,
        expires_at=at + known.expires_after,
        **label_and_id(target),
    )
    if document is not None:
        documents.attach(request, document)
    request.save(force_insert=True)
    audit.record("oversight.requested", actor=by, at=at, target=request, after=facts(request), reason=request.reason)
    signals.requested.send(ApprovalRequest, request=request, now=at)
    return request


@command
def approve(request_id: UUID, *, by: Any, now: datetime, note: str = "", seen: str | None = None) -> ApprovalRequest:
    """Approve; the last approval that is needed carries the deed out in this same transaction.

    `seen` is the digest of what the approver was shown (`looks.digest`), where they come with one.

    The answer may be `expired` or `void` instead: an outcome that is kept and must be shown
    (`require_carried_out` turns it into a refusal, after the commit). What the deed itself refuses
    rolls the decision back and leaves the request open.
    Raises NotFound, NotAllowedToDecide, OwnRequest, AlreadyDecided, RequesterShutOut, FiguresChanged, PayloadChanged,
    and what the deed raises.
    """
    request, verb = _locked_for_decision(request_id, by)
    if request.is_over(now):
        return _expire(request, now=now)
    # An officer's word: whoever was shut out may have asked with a stolen hand. What investors ask for stays theirs.
    if verb.request_permission and not request.requested_by.is_active:
        raise RequesterShutOut
    if not _target_unchanged(request, verb):
        move_to(request, Status.VOID, by=by, at=now, reason="the target has changed since", decided_at=now)
        return _told(request, now=now)
    if bytes(request.payload_hash) != _payload_hash(request.verb, request.payload):
        raise PayloadChanged
    if seen is not None:
        looks.require_seen(request, seen)
    _decide(request, by, now, Decision.Verdict.APPROVE, note)
    if request.decisions.filter(verdict=Decision.Verdict.APPROVE).count() >= request.approvals:
        move_to(request, Status.APPROVED, by=by, at=now, reason=note, decided_at=now)
        verb.apply(request, by, now)
        _told(request, now=now)
    return request


@command
def reject(request_id: UUID, *, by: Any, now: datetime, note: str) -> ApprovalRequest:
    """Reject: one word against it ends a request. It may turn out to be `expired` instead.

    Raises NotFound, NotAllowedToDecide, OwnRequest, AlreadyDecided, ReasonMissing.
    """
    if not note.strip():
        raise ReasonMissing("Say why you reject it.")
    request, _ = _locked_for_decision(request_id, by)
    if request.is_over(now):
        return _expire(request, now=now)
    _decide(request, by, now, Decision.Verdict.REJECT, note)
    move_to(request, Status.REJECTED, by=by, at=now, reason=note, decided_at=now)
    return _told(request, now=now)


@command
def expire_requests(*, now: datetime) -> int:
    """Expire the open requests whose time is over; return how many. One that is being decided is left alone."""
    due = list(ApprovalRequest.objects.all().lock_due(now))
    for request in due:
        _expire(request, now=now)
    return len(due)


def _expire(request: ApprovalRequest, *, now: datetime) -> ApprovalRequest:
    move_to(request, Status.EXPIRED, by=None, at=now, decided_at=now)
    return _told(request, now=now)


def _told(request: ApprovalRequest, *, now: datetime) -> ApprovalRequest:
    """Tell the rooms above that a request has ended."""
    signals.ended.send(ApprovalRequest, request=request, now=now)
    return request


def require_carried_out(request: ApprovalRequest) -> ApprovalRequest:
    """Turn an outcome that the decider didn't want into a refusal; call it after the commit.

    Raises RequestExpired, RequestVoid.
    """
    if request.status == Status.EXPIRED:
        raise RequestExpired(f"It expired at {request.expires_at:%Y-%m-%d %H:%M} UTC.")
    if request.status == Status.VOID:
        raise RequestVoid
    return request


def target_hash(verb: Verb, target: Model | None) -> bytes | None:
    """Hash those fields of the target that the verb names; None when it names none."""
    if target is None or not verb.target_fields:
        return None
    fields = {field.name: field for field in target._meta.concrete_fields}
    values = {name: fields[name].value_to_string(target) for name in verb.target_fields}
    return hashlib.sha256(audit.canonical(values)).digest()


def facts(request: ApprovalRequest) -> dict[str, Any]:
    """Return what the audit trail keeps of a request, so that a change of its row is found: hashes, not contents."""
    return {
        "verb": request.verb,
        "approvals": request.approvals,
        "beneficiary": request.beneficiary_id,
        "expires_at": request.expires_at.astimezone(UTC),
        "payload_hash": _payload_hash(request.verb, request.payload).hex(),
        "summary_hash": hashlib.sha256(audit.canonical(request.summary)).hexdigest(),
        "moves_hash": _hex(request.moves_hash),
        "document_hash": _hex(request.document_hash),
    }


def _hex(digest: bytes | memoryview | None) -> str | None:
    return None if digest is None else bytes(digest).hex()


def _require_may_ask(verb: Verb, by: Any, beneficiary: Any, target: Model | None) -> None:
    if not verb.request_permission:
        return
    if not by.has_perm(verb.request_permission):
        raise NotAllowedToAsk(f"{verb.title} takes {verb.request_permission} to ask for.")
    if beneficiary is not None and beneficiary.pk == by.pk:
        raise OwnRequest("An officer doesn't ask for what is to their own benefit.")
    if target is not None:
        _require_no_interest(verb, str(target.pk), by)


def _require_no_interest(verb: Verb, target_id: str, by: Any) -> None:
    if verb.has_interest is not None and verb.has_interest(target_id, by):
        raise OwnRequest("You have a part in this yourself, so others ask for it and decide it.")


def _locked_for_decision(request_id: UUID, by: Any) -> tuple[ApprovalRequest, Verb]:
    request = ApprovalRequest.objects.all().lock(request_id)
    if request is None:
        raise NotFound("There is no such request.")
    verb = verbs.get(request.verb)
    if not by.is_staff or not by.has_perm(verb.approve_permission):
        raise NotAllowedToDecide(f"{verb.title} takes {verb.approve_permission} to decide.")
    if by.pk in {request.requested_by_id, request.beneficiary_id}:
        raise OwnRequest
    _require_no_interest(verb, request.target_id, by)
    if request.status != Status.REQUESTED:
        raise AlreadyDecided(f"It is {request.get_status_display()}.", status=request.status)
    return request, verb


def _decide(request: ApprovalRequest, by: Any, now: datetime, verdict: str, note: str) -> None:
    if request.decisions.filter(approver=by).exists():
        raise AlreadyDecided("You have decided on this already.", status=request.status)
    decision = Decision.objects.create(request=request, approver=by, verdict=verdict, note=note.strip(), at=now)
    audit.record(
        f"oversight.{verdict}",
        actor=by,
        at=now,
        target=request,
        after={"verb": request.verb, "decision": str(decision.pk)},
        reason=decision.note,
    )


def _target_unchanged(request: ApprovalRequest, verb: Verb) -> bool:
    if verb.target_model is None:
        return True
    rows = verb.target_model._base_manager.filter(pk=request.target_id)
    if _may_lock(verb.target_model):
        rows = rows.select_for_update(of=("self",), no_key=True)
    try:
        target = rows.get()
    except ObjectDoesNotExist:
        return False
    known = bytes(request.target_hash) if request.target_hash is not None else None
    return known == target_hash(verb, target)


def _may_lock(model: type[Model]) -> bool:
    """A row lock takes the right to update; a row that nobody may update needs none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_any_column_privilege(%s::text, 'UPDATE')", [f'"{model._meta.db_table}"'])
        return bool(cursor.fetchone()[0])


def _payload_hash(verb: str, payload: dict[str, Any]) -> bytes:
    return hashlib.sha256(audit.canonical({"verb": verb, "payload": payload})).digest()
