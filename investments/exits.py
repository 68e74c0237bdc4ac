"""Who waits in line for principal, and where. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from investments.holdings import Held


class ExitInLine(NamedTuple):
    """A waiting exit; `place` is its place in its product's line, 1 is next."""

    id: UUID
    kind: str
    amount: Decimal
    asked_at: datetime
    place: int


_PLACES = """
SELECT e.position_id, e.id, e.kind, e.amount, e.asked_at,
       (SELECT count(*) FROM investments_exitrequest b
        WHERE b.status = 'waiting' AND b.product_id = e.product_id AND (b.asked_at, b.id) <= (e.asked_at, e.id))
FROM investments_exitrequest e
WHERE e.status = 'waiting' AND e.position_id = ANY (%s)
ORDER BY e.asked_at, e.id
"""


def of(positions: Iterable[Held]) -> dict[UUID, list[ExitInLine]]:
    """Return the waiting exits of each position, first come first; one query, or none where nobody is leaving."""
    leaving = [position.id for position in positions if position.is_leaving]
    if not leaving:
        return {}
    found: dict[UUID, list[ExitInLine]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_PLACES, [leaving])
        for position_id, *row in cursor.fetchall():
            found[position_id].append(ExitInLine(*row))
    return found
