"""What an investor has done of all that is asked before they invest in one thing, read at once.

SQL, for rooms above to read it beside their own: an offer's place is asked for by many at a time, and each question of
its own would be a round trip.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection

from protection.models import Jurisdiction, LossSimulation

_UNASKED: Final = ("request", "recorded_at")
_ASKED: Final = [field.attname for field in Jurisdiction._meta.concrete_fields if field.name not in _UNASKED]
_SELECT: Final = f"""
    SELECT {", ".join(f"j.{name}" for name in _ASKED)}, d.id AS sheet,
           seen.this AS has_accepted, seen.first AS accepted_at,
           (SELECT max(k.taken_at) FROM protection_knowledgeresult k
            WHERE k.investor_id = %(investor)s AND k.passed) AS passed_at,
           s.id AS simulation, s.made_at AS declared_at, s.sealed, p.wrapped
    FROM (SELECT * FROM protection_jurisdiction WHERE country IN (%(country)s, '')
          ORDER BY country DESC, id DESC LIMIT 1) j
    LEFT JOIN protection_disclosure d ON d.subject = {{subject}} AND d.version = {{version}}
    CROSS JOIN LATERAL (
        SELECT min(accepted_at) AS first, coalesce(bool_or(disclosure_id = d.id), false) AS this
        FROM protection_acceptance WHERE investor_id = %(investor)s) seen
    LEFT JOIN LATERAL (
        SELECT id, sealed, made_at FROM protection_losssimulation
        WHERE investor_id = %(investor)s AND currency_id = {{currency}} ORDER BY made_at DESC LIMIT 1) s ON true
    LEFT JOIN oversight_personkey p ON p.person_id = %(investor)s
"""


def select(*, subject: str, version: str, currency: str) -> str:
    """Return the query of one row, whose columns `Standing.read` takes; what is given are SQL expressions.

    Its named parameters are those of `parameters`.
    """
    return _SELECT.format(subject=subject, version=version, currency=currency)


def parameters(investor: Any) -> dict[str, Any]:
    return {"investor": investor.pk, "country": investor.country}


class Standing(NamedTuple):
    """Where an investor stands before one product or offer: what is asked of them, and what of it was done when.

    `sheet` is the key information sheet's id, None where there is none; `simulation` that of the newest figures.
    """

    investor: Any
    subject: str
    asked: Jurisdiction
    sheet: UUID | None
    has_accepted: bool
    first_accepted_at: datetime | None
    passed_at: datetime | None
    simulation: UUID | None
    declared_at: datetime | None
    sealed: memoryview | None
    wrapped: memoryview | None

    @classmethod
    def read(cls, investor: Any, subject: str, row: Sequence[Any]) -> Standing:
        """Make it of a row of `select`."""
        asked = Jurisdiction.from_db(DEFAULT_DB_ALIAS, _ASKED, row[: len(_ASKED)])
        return cls(investor, subject, asked, *row[len(_ASKED) :])

    @classmethod
    def of(cls, investor: Any, *, subject: str, version: str, currency: str) -> Standing:
        """Read it alone."""
        asked = {"subject": subject, "version": version, "currency": currency}
        with connection.cursor() as cursor:
            cursor.execute(_ALONE, {**parameters(investor), **asked})
            return cls.read(investor, subject, cursor.fetchone())

    def net_worth(self) -> Decimal:
        """What the investor declared, decrypted; there must be figures. Raises PersonErased."""
        assert self.sealed is not None
        return LossSimulation.read(self.investor.pk, self.sealed, wrapped=self.wrapped).net_worth


_ALONE: Final = select(subject="%(subject)s", version="%(version)s", currency="%(currency)s")
