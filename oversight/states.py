"""The one way in which a row changes its status."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Model

from core.states import require_move
from oversight import audit


def move_to(row: Model, status: str, *, by: Any, at: datetime, reason: str = "", **changes: Any) -> None:
    """Move a locked row to `status`, with the columns that this status needs, and write the audit event.

    STEP: the caller holds the row's lock. `row.MOVES` says what is allowed.
    Raises IllegalMove.
    """
    before = str(row.status)  # type: ignore[attr-defined]
    require_move(row.MOVES, before, status)  # type: ignore[attr-defined]
    row.status = status  # type: ignore[attr-defined]
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(update_fields=["status", *changes])
    audit.record(
        f"{row._meta.label_lower}.{status}",
        actor=by,
        at=at,
        target=row,
        before={"status": before},
        after={"status": str(status)},
        reason=reason,
    )
