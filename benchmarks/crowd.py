"""A million positions at once: written by the server's administrator past all triggers, as no service may.

Each position has an owner of its own, a wallet and its principal in the ledger; principals are awkward amounts between
10,000 and 1,009,999 of the currency's units, so that every position earns a unit a day at least.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import psycopg

from ledger.accounts import require_currency

FIRST_DAY = date(2026, 6, 1)


def _id(room: str) -> str:
    """An identifier that grows with n as version 7 ones do with time; `room` tells the tables apart."""
    return f"('{room}-' || lpad(to_hex(n / 65536), 4, '0') || '-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid"


_PEOPLE = f"""
INSERT INTO accounts_user (id, password, is_superuser, email, email_index, phone, first_name, last_name, country,
                           time_zone, language, referral_code, kyc_level, vip_level, is_staff, created_at)
SELECT {_id("01900000")}, '!', false, '', sha256(n::text::bytea), '', '', '', 'BJ', 'UTC', 'en',
       translate(lpad(to_hex(n), 8, '0'), '0123456789abcdef', 'ACDEFGHJKMNPQRTU'), 1, 0, false, %(at)s
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""

_PRINCIPAL = "(10000 + n * 7919 %% 1000000) * %(unit)s::numeric"

# What the guard would write of an account, which this goes past.
_SIDE, _CREDIT = "normal_side, overdraft_allowed, keeps_balance", "'C', false, true"

_WALLETS = f"""
INSERT INTO ledger_account (id, kind, owner_id, subject, scope, currency_id, debits, credits, {_SIDE})
SELECT {_id("01900001")}, 'available', {_id("01900000")}, '', '', %(currency)s, 0, 0, {_CREDIT}
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""

_HELD = f"""
INSERT INTO ledger_account (id, kind, owner_id, subject, scope, currency_id, debits, credits, {_SIDE})
SELECT {_id("01900002")}, 'principal', {_id("01900000")}, {_id("01900003")}::text, %(scope)s, %(currency)s,
       0, {_PRINCIPAL}, {_CREDIT}
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""

_POSITIONS = f"""
INSERT INTO investments_position (id, number, owner_id, product_id, version_id, status, suspended_from,
    disclosure_version, initial_principal, principal, deposited, withdrawn, opened_at, funded_on)
OVERRIDING SYSTEM VALUE
SELECT {_id("01900003")}, n, {_id("01900000")}, %(product)s, %(version)s, 'active', '', %(disclosure)s,
       {_PRINCIPAL}, {_PRINCIPAL}, {_PRINCIPAL}, 0, %(at)s, %(funded_on)s
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""

_TERMS = f"""
INSERT INTO investments_positionterm (position_id, version_id, from_on, to_on, principal, rate, earns)
SELECT {_id("01900003")}, %(version)s, %(from_on)s, NULL, {_PRINCIPAL}, %(rate)s, true
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""


_INVESTMENTS = f"""
INSERT INTO offers_offerinvestment (id, offer_id, investor_id, status, requested_amount, accepted_amount, principal,
    disclosure_version, operation_id, asked_at, reserved_at, reflects_until)
SELECT {_id("01900004")}, %(offer)s, {_id("01900000")}, 'committed', {_PRINCIPAL}, {_PRINCIPAL}, {_PRINCIPAL},
       %(disclosure)s, {_id("01900005")}, %(at)s, %(at)s, %(at)s
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""


def invest(admin: psycopg.Connection, offer: Any, investors: int) -> None:
    """Write so many investors of a closed offer, each with a wallet and one investment that is at work."""
    given = {
        "first": 1,
        "last": investors,
        "at": datetime.combine(FIRST_DAY, time(12), UTC),
        "currency": offer.currency,
        "unit": str(require_currency(offer.currency).unit),
        "offer": offer.pk,
        "disclosure": offer.disclosure_version,
    }
    admin.execute("SET session_replication_role = replica")
    for statement in (_PEOPLE, _WALLETS, _INVESTMENTS):
        admin.execute(statement, given)
    admin.execute("RESET session_replication_role")
    admin.execute("VACUUM (ANALYZE)")


def seat(admin: psycopg.Connection, versions: Sequence[Any], positions: int, *, funded_on: date = FIRST_DAY) -> None:
    """Write `positions` positions, shared out evenly among the versions, each version's in one range of ids."""
    admin.execute("SET session_replication_role = replica")
    share = positions // len(versions)
    for place, version in enumerate(versions):
        product = version.product
        given = {
            "first": place * share + 1,
            "last": (place + 1) * share,
            "at": datetime.combine(funded_on, time(12), UTC),
            "currency": product.currency,
            "scope": product.scope,
            "product": product.pk,
            "version": version.pk,
            "disclosure": version.disclosure_version,
            "rate": version.rate,
            "unit": str(require_currency(product.currency).unit),
            "funded_on": funded_on,
            "from_on": funded_on + timedelta(days=1),
        }
        for statement in (_PEOPLE, _WALLETS, _HELD, _POSITIONS, _TERMS):
            admin.execute(statement, given)
    admin.execute("RESET session_replication_role")
    admin.execute("VACUUM (ANALYZE)")
