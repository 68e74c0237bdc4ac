"""Recompute what the ledger says of itself from its rows. Source: docs/rules/ledger.md §3.

It doesn't trust that a trigger was there: every rule is checked again on the rows. Memory is flat: all but the
offenders stays in the database.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from django.db import connection

from ledger import guards, seals
from ledger.models import BusinessDay, Seal

NAMED_AT_MOST = 100
"""Offenders that one check names; more are counted."""


@dataclass(frozen=True, slots=True)
class Break:
    """One thing that isn't as it must be."""

    check: str
    what: str


Check = Callable[[], Iterable[str]]


@dataclass(slots=True)
class _Registry:
    """Checks that rooms above add: principal against terms, returns due against settlements."""

    checks: dict[str, Check] = field(default_factory=dict)


_registered = _Registry()


def register(name: str, check: Check) -> None:
    """Add a check of a room above; it yields a sentence for each break. Called from `AppConfig.ready`."""
    _registered.checks[name] = check


def checks(against: Path | None = None) -> dict[str, Check]:
    """Return every check by name, in the order in which they run."""
    found: dict[str, Check] = {name: _query(sql) for name, sql in _QUERIES.items()}
    found["triggers"] = _missing_triggers
    found["seals"] = _broken_seals
    if against is not None:
        found["published seals"] = lambda: _against(against)
    return found | _registered.checks


def run(*, against: Path | None = None, on_check: Callable[[str], None] = lambda name: None) -> list[Break]:
    """Run every check; return the breaks, none if all is well.

    `against` is a JSON file of published seals, {"2026-11-20": "<hex>", …} or the coverage document itself.
    """
    breaks: list[Break] = []
    for name, check in checks(against).items():
        on_check(name)
        breaks.extend(Break(name, what) for what in _named(check()))
    return breaks


def _named(offenders: Iterable[str]) -> Iterator[str]:
    more = 0
    for place, what in enumerate(offenders):
        if place < NAMED_AT_MOST:
            yield what
        else:
            more += 1
    if more:
        yield f"and {more} more"


def _query(sql: str) -> Check:
    def offenders() -> Iterator[str]:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT f.what, count(*) OVER () FROM ({sql}) f (what) LIMIT {NAMED_AT_MOST}")
            rows = cursor.fetchall()
        yield from (row[0] for row in rows)
        if rows and rows[0][1] > NAMED_AT_MOST:
            yield f"and {rows[0][1] - NAMED_AT_MOST} more"

    return offenders


def _missing_triggers() -> Iterator[str]:
    """Name each guard of any model that isn't in the database, enabled."""
    from django.apps import apps

    from core.guards import Guard

    with connection.cursor() as cursor:
        cursor.execute("SELECT tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A') AND NOT tgisinternal")
        standing = {row[0] for row in cursor.fetchall()}
    for model in apps.get_models():
        for constraint in model._meta.constraints:
            if isinstance(constraint, Guard) and constraint.name not in standing:
                yield f"the guard {constraint.name} is missing or disabled on {model._meta.db_table}"


def _broken_seals() -> Iterator[str]:
    previous: Seal | None = None
    for seal in Seal.objects.order_by("day_id").iterator(chunk_size=500):
        yield from _broken_seal(seal, previous)
        previous = seal
    latest = previous.day_id if previous else None
    unsealed = BusinessDay.objects.filter(closed_at__isnull=False, seal__isnull=True)
    if latest is not None:
        yield from (f"{row.day} is closed and has no seal" for row in unsealed.filter(day__lt=latest))


def _broken_seal(seal: Seal, previous: Seal | None) -> Iterator[str]:
    chained_to = bytes(previous.sha256) if previous else seals.EMPTY
    if bytes(seal.previous_sha256) != chained_to:
        yield f"the seal of {seal.day_id} isn't chained to the day before"
    if bytes(seal.sha256) != seals.digest(seal):
        yield f"the seal of {seal.day_id} isn't the hash of its own fields"
    if seal.last_transfer_id != seal.day.last_transfer_id:
        yield f"the seal of {seal.day_id} ends at another transfer than the day"
    contents = seals.contents_of(seal.last_transfer_id, seal.audit_until, previous=previous)
    if contents.ledger_sha256 != bytes(seal.ledger_sha256):
        yield f"the ledger's rows of {seal.day_id} aren't those that were sealed"
    if (contents.transfers, contents.sums) != (seal.transfers, seal.sums):
        yield (
            f"{seal.day_id} was sealed with {seal.transfers} transfers of {seal.sums}, "
            f"there are {contents.transfers} of {contents.sums}"
        )
    if contents.audit_sha256 != bytes(seal.audit_sha256) or contents.audit_events != seal.audit_events:
        yield f"the audit trail of {seal.day_id} isn't what was sealed"


def _against(path: Path) -> Iterator[str]:
    """Compare with seals that somebody kept: only so is a chain found that was recomputed to its end."""
    published = published_seals(json.loads(path.read_text()))
    kept = {str(day): bytes(sha256).hex() for day, sha256 in Seal.objects.values_list("day_id", "sha256")}
    for day, sha256 in sorted(published.items()):
        if kept.get(day) is None:
            yield f"{day} was published with a seal and has none"
        elif kept[day] != sha256:
            yield f"{day} was published with the seal {sha256[:16]}…, it has {kept[day][:16]}…"


def published_seals(document: Any) -> dict[str, str]:
    """Return seals by day from {"day": "hex"} or from any document whose objects have `day` and `seal`."""
    if isinstance(document, dict) and document and all(_is_day(key) for key in document):
        return {day: str(sha256) for day, sha256 in document.items()}
    found: dict[str, str] = {}
    if isinstance(document, dict) and isinstance(document.get("seal"), str) and "day" in document:
        found[document["day"]] = document["seal"]
    nested = document if isinstance(document, list) else document.values() if isinstance(document, dict) else []
    for item in nested:
        if isinstance(item, dict | list):
            found |= published_seals(item)
    return found


def _is_day(key: str) -> bool:
    try:
        date.fromisoformat(key)
    except ValueError:
        return False
    return True


_RECOMPUTED = """
    SELECT id, sum(debit) AS debits, sum(credit) AS credits FROM (
        SELECT debit_account_id AS id, amount AS debit, 0 AS credit FROM ledger_transfer
        UNION ALL SELECT credit_account_id, 0, amount FROM ledger_transfer) x GROUP BY id
"""
_FUND_ACCOUNT = guards.FUND_SIDE

_QUERIES: dict[str, str] = {
    "balances": f"""
        SELECT format('account %s (%s %s %s) holds %s / %s, its transfers sum to %s / %s', COALESCE(a.id, s.id), a.kind,
                      a.scope, a.currency_id, trim_scale(a.debits), trim_scale(a.credits),
                      trim_scale(COALESCE(s.debits, 0)), trim_scale(COALESCE(s.credits, 0)))
        FROM ledger_account a FULL JOIN ({_RECOMPUTED}) s ON s.id = a.id
        WHERE a.id IS NULL
           OR a.keeps_balance AND (a.debits, a.credits) <> (COALESCE(s.debits, 0), COALESCE(s.credits, 0))
           OR NOT a.keeps_balance AND (a.debits, a.credits) <> (0, 0)
           OR NOT a.overdraft_allowed
              AND (COALESCE(s.debits, 0) - COALESCE(s.credits, 0)) * CASE a.normal_side WHEN 'D' THEN 1 ELSE -1 END < 0
    """,
    "trial balance": f"""
        SELECT format('%s: debits %s, credits %s', a.currency_id, sum(s.debits), sum(s.credits))
        FROM ({_RECOMPUTED}) s JOIN ledger_account a ON a.id = s.id
        GROUP BY a.currency_id HAVING sum(s.debits) <> sum(s.credits)
    """,
    "snapshots": """
        SELECT format('the snapshot of account %s at %s is %s / %s, its transfers say %s / %s', w.account_id, w.day,
                      trim_scale(w.debits), trim_scale(w.credits),
                      trim_scale(w.was_debits + r.debits), trim_scale(w.was_credits + r.credits))
        FROM (
            SELECT p.*, lag(p.last_transfer_id, 1, 0::bigint) OVER o AS was_id,
                   lag(p.debits, 1, 0::numeric) OVER o AS was_debits,
                   lag(p.credits, 1, 0::numeric) OVER o AS was_credits
            FROM ledger_accountsnapshot p WINDOW o AS (PARTITION BY p.account_id ORDER BY p.day)) w
        CROSS JOIN LATERAL (
            SELECT COALESCE((SELECT sum(amount) FROM ledger_transfer x WHERE x.debit_account_id = w.account_id
                             AND x.id > w.was_id AND x.id <= w.last_transfer_id), 0) AS debits,
                   COALESCE((SELECT sum(amount) FROM ledger_transfer x WHERE x.credit_account_id = w.account_id
                             AND x.id > w.was_id AND x.id <= w.last_transfer_id), 0) AS credits) r
        WHERE (w.debits, w.credits) <> (w.was_debits + r.debits, w.was_credits + r.credits)
    """,
    "funds": f"""
        SELECT format('fund %s %s is %s / %s / %s, its accounts say %s / %s / %s', COALESCE(f.scope, s.scope),
                      COALESCE(f.currency_id, s.currency_id), trim_scale(f.principal), trim_scale(f.deployed),
                      trim_scale(f.shortfall), trim_scale(s.principal), trim_scale(s.deployed), trim_scale(s.shortfall))
        FROM ledger_fund f FULL JOIN (
            SELECT a.scope, a.currency_id,
                   COALESCE(sum(r.credits - r.debits) FILTER (WHERE a.kind = 'principal'), 0) AS principal,
                   COALESCE(sum(r.debits - r.credits) FILTER (WHERE a.kind = 'deployed'), 0) AS deployed,
                   COALESCE(sum(r.debits - r.credits) FILTER (WHERE a.kind = 'shortfall'), 0) AS shortfall
            FROM ledger_account a JOIN ({_RECOMPUTED}) r ON r.id = a.id
            WHERE {_FUND_ACCOUNT} GROUP BY a.scope, a.currency_id) s
            ON s.scope = f.scope AND s.currency_id = f.currency_id
        WHERE f.scope IS NULL OR s.scope IS NULL AND (f.principal, f.deployed, f.shortfall) <> (0, 0, 0)
           OR (f.principal, f.deployed, f.shortfall) <> (s.principal, s.deployed, s.shortfall)
           OR f.deployed + f.shortfall > f.principal
    """,
    "rules": f"""
        SELECT format('transfer %s (%s): %s', n.id, t.key, CASE
            WHEN d.id IS NULL OR c.id IS NULL THEN 'an account is missing'
            WHEN ({guards.AMOUNT_OK}) IS NOT TRUE THEN
                format('the amount %s is not right in %s', n.amount, n.currency_id)
            WHEN ({guards.CURRENCY_OK}) IS NOT TRUE THEN 'the accounts are in other currencies'
            ELSE format('no rule lets a %s debit %s (%s) and credit %s (%s)', t.kind, d.kind, d.scope, c.kind, c.scope)
            END)
        {guards.JOIN.replace("FROM new_rows n", "FROM ledger_transfer n")}
        WHERE t.id IS NOT NULL AND (n.line BETWEEN 1 AND t.moves AND {guards.AMOUNT_OK} AND {guards.CURRENCY_OK}
               AND {guards.RULE_OK}) IS NOT TRUE
    """,
    "transactions": """
        SELECT format('transaction %s (%s) says %s transfers, there are %s', COALESCE(t.id, g.transaction_id), t.key,
                      COALESCE(t.moves, 0), COALESCE(g.lines, 0))
        FROM ledger_transaction t
        FULL JOIN (SELECT transaction_id, count(*) AS lines FROM ledger_transfer GROUP BY transaction_id) g
            ON g.transaction_id = t.id
        WHERE t.moves IS DISTINCT FROM g.lines
    """,
    "fingerprints": """
        SELECT format('the moves of transaction %s (%s) are not those that were posted', t.id, t.key)
        FROM ledger_transaction t JOIN ledger_transfer x ON x.transaction_id = t.id
        GROUP BY t.id
        HAVING t.fingerprint <> sha256(convert_to(t.kind || '|' || string_agg(
            x.line || ':' || x.debit_account_id || ':' || x.credit_account_id || ':'
            || x.currency_id || ':' || x.amount,
            '|' ORDER BY x.line), 'UTF8'))
    """,
    "business days": """
        SELECT format('transfer %s is booked on %s, its place in the ledger says %s', x.id, x.booked_on, b.day)
        FROM (SELECT day, lag(last_transfer_id, 1, 0::bigint) OVER (ORDER BY day) AS first,
                     COALESCE(last_transfer_id, 9223372036854775807) AS last FROM ledger_businessday) b
        JOIN ledger_transfer x ON x.id > b.first AND x.id <= b.last
        WHERE x.booked_on <> b.day
    """,
    "reversals": """
        SELECT format('reversal %s doesn''t mirror %s', t.id, t.reverses_id)
        FROM ledger_transaction t LEFT JOIN ledger_transaction o ON o.id = t.reverses_id
        WHERE t.kind = 'reversal' AND (o.id IS NULL OR o.reverses_id IS NOT NULL OR o.moves <> t.moves OR EXISTS (
            SELECT 1 FROM ledger_transfer n WHERE n.transaction_id = t.id AND NOT EXISTS (
                SELECT 1 FROM ledger_transfer x WHERE x.transaction_id = t.reverses_id AND x.line = n.line
                  AND x.debit_account_id = n.credit_account_id AND x.credit_account_id = n.debit_account_id
                  AND x.amount = n.amount)))
    """,
    "evidence": """
        SELECT DISTINCT format('transaction %s (%s) needs evidence and has none', t.id, t.key)
        FROM ledger_transaction t
        JOIN (SELECT DISTINCT kind FROM ledger_postingrule WHERE needs_evidence) r ON r.kind = t.kind
        LEFT JOIN ledger_evidence e ON e.id = t.evidence_id
        WHERE e.id IS NULL
        UNION ALL
        SELECT format('evidence %s stands behind %s transactions', t.evidence_id, count(*))
        FROM ledger_transaction t
        WHERE t.evidence_id IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM ledger_transaction b WHERE b.reverses_id = t.id)
        GROUP BY t.evidence_id HAVING count(*) > 1
    """,
    "approvals": """
        SELECT format('transaction %s (%s) has no approval of its moves', t.id, t.key)
        FROM ledger_transaction t
        LEFT JOIN ledger_evidence e ON e.id = t.evidence_id
        LEFT JOIN oversight_approvalrequest q ON q.id = t.approval_id
        WHERE (t.kind = 'reversal' OR e.type = 'document'
               OR t.kind IN (SELECT kind FROM ledger_postingrule WHERE needs_approval))
          AND (q.status = 'approved' AND q.moves_hash = t.fingerprint) IS NOT TRUE
    """,
    "ledger open": """
        SELECT format('%s business days are open', count(*)) FROM ledger_businessday WHERE closed_at IS NULL
        HAVING count(*) > 1
    """,
}
