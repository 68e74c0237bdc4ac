"""What an investor has done of all that is asked before they invest in one thing, read at once.

One statement: an offer's place is asked for by many at a time, and each question of its own would be a round trip.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from protection.models import Jurisdiction, LossSimulation

_STANDING = """
SELECT j.*, d.id AS sheet,
       EXISTS (SELECT FROM protection_acceptance a
               WHERE a.investor_id = %(investor)s AND a.disclosure_id = d.id) AS has_accepted,
       (SELECT min(a.accepted_at) FROM protection_acceptance a WHERE a.investor_id = %(investor)s) AS first_accepted_at,
       (SELECT max(k.taken_at) FROM protection_knowledgeresult k
        WHERE k.investor_id = %(investor)s AND k.passed) AS passed_at,
       s.id AS simulation, s.sealed, s.made_at AS declared_at,
       (SELECT max(w.amount) FROM protection_riskwarning w
        JOIN protection_riskconfirmation c ON c.warning_id = w.id
        WHERE w.simulation_id = s.id AND w.subject = %(subject)s AND c.confirmed_at > %(confirmed_since)s) AS warned_of
FROM (SELECT * FROM protection_jurisdiction WHERE country IN (%(country)s, '') ORDER BY country DESC, id DESC LIMIT 1) j
LEFT JOIN protection_disclosure d ON d.subject = %(subject)s AND d.version = %(version)s
LEFT JOIN LATERAL (
    SELECT id, sealed, made_at FROM protection_losssimulation
    WHERE investor_id = %(investor)s AND currency_id = %(currency)s ORDER BY made_at DESC LIMIT 1) s ON true
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an investor stands before one subject: what is asked of them, and what of it was done when.

    `sheet` is the key information sheet's id, None where there is none; `warned_of` the largest amount whose warning,
    by the newest figures, was confirmed lately.
    """

    investor: Any
    asked: Jurisdiction
    sheet: UUID | None
    has_accepted: bool
    first_accepted_at: datetime | None
    passed_at: datetime | None
    simulation: LossSimulation | None
    warned_of: Decimal | None

    @classmethod
    def of(cls, investor: Any, *, subject: str, version: str, currency: str, confirmed_since: datetime) -> Standing:
        given = {
            "investor": investor.pk,
            "country": investor.country,
            "subject": subject,
            "version": version,
            "currency": currency,
            "confirmed_since": confirmed_since,
        }
        row: Any = Jurisdiction.objects.raw(_STANDING, given)[0]
        simulation = LossSimulation(
            id=row.simulation, investor=investor, currency_id=currency, sealed=row.sealed, made_at=row.declared_at
        )
        return cls(
            investor=investor,
            asked=row,
            sheet=row.sheet,
            has_accepted=row.has_accepted,
            first_accepted_at=row.first_accepted_at,
            passed_at=row.passed_at,
            simulation=None if row.simulation is None else simulation,
            warned_of=row.warned_of,
        )
