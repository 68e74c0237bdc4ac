"""What a request would do as things stand, beside what was frozen, and a digest of what somebody was shown of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from core.errors import DomainError
from oversight import audit, verbs
from oversight.models import ApprovalRequest, Decision
from oversight.verbs import Verb

Lines = list[tuple[str, str]]


class FiguresChanged(DomainError):
    code = "figures-changed"
    title = "The figures have changed since they were shown"
    status = 409


def figures(asked: ApprovalRequest) -> Lines:
    """Return the frozen summary; beside a figure that has changed since it was asked stands what it is now."""
    try:
        now = _look_again(asked)
    except DomainError as refusal:
        return [*_frozen(asked), ("As things stand", f"it would be refused: {refusal.detail}")]
    return [(label, _beside(value, now.get(label, value))) for label, value in _frozen(asked)]


def digest(asked: ApprovalRequest, lines: Lines) -> str:
    """Hash what was shown of a request and how many have approved it: SHA-256, hexadecimal.

    Of figures that drift with everyday traffic only the label counts (`Verb.drifts`).
    """
    given = sum(each.verdict == Decision.Verdict.APPROVE for each in asked.decisions.all())
    told = [str(asked.pk), given, asked.approvals, asked.reason, steady(lines, drifting(asked))]
    return hashlib.sha256(audit.canonical(told)).hexdigest()


def require_seen(asked: ApprovalRequest, seen: str) -> None:
    """Raise FiguresChanged unless this is the digest of what would be shown now."""
    if digest(asked, figures(asked)) != seen:
        raise FiguresChanged


def drifting(asked: ApprovalRequest) -> tuple[str, ...]:
    """How the labels of those figures begin that drift with everyday traffic."""
    known = _known(asked)
    return known.drifts if known else ()


def steady(lines: Iterable[tuple[str, Any]], drifts: tuple[str, ...]) -> list[list[str]]:
    """Return the lines without the values of those that drift."""
    return [[label, "" if label.startswith(drifts) else str(value)] for label, value in lines]


def _look_again(asked: ApprovalRequest) -> dict[str, str]:
    known = _known(asked)
    if asked.status != ApprovalRequest.Status.REQUESTED or known is None or known.look is None:
        return {}
    return dict(known.look(asked))


def _known(asked: ApprovalRequest) -> Verb | None:
    return next((verb for verb in verbs.every() if verb.name == asked.verb), None)


def _frozen(asked: ApprovalRequest) -> Lines:
    return [(label, value) for label, value in asked.summary]


def _beside(value: str, now: str) -> str:
    return value if value == now else f"{value} (when asked); now {now}"
