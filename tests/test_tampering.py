"""What the owner of the tables changes, removes or adds with the triggers off, verify_ledger finds and names.

One small platform, told through the services and closed for three days; each attack is rolled back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.core.files.base import ContentFile
from django.db import connection, connections, transaction

from api.keys import RequestKey
from backoffice import end_of_day
from core.money import Money
from investments import services as investing
from investments.tests.closing import after
from investments.tests.worlds import World
from ledger import verify
from offers import services as offering
from offers.tests.worlds import World as OffersWorld
from offers.tests.worlds import broken
from payments.services import credits, deposits
from tests.people import make_investor
from treasury import services as treasury
from treasury.services import Counterparty, Paper

pytestmark = [pytest.mark.django_db(transaction=True, databases=["default", "owner"]), pytest.mark.slow]

MILL = Counterparty("Sika Oil Mill SA", "BJ", "unrelated")


def pay_in(world: World, owner: Any, amount: str, position: Any = None) -> None:
    """A deposit as it comes: announced by the investor, booked by two officers."""
    announced = deposits.request_deposit(
        owner,
        amount=Money(Decimal(amount), "USD"),
        method="bank_transfer",
        position_id=position and position.pk,
        key=RequestKey(owner.pk, "POST", "/deposits", amount, b"f" * 32),
        now=world.now,
    )
    world.approve(
        credits.request_confirmation(
            announced.pk,
            by=world.officers[0],
            now=world.now,
            bank_reference=f"BANK-{announced.reference}",
            amount=Money(announced.amount, announced.currency_id),
            value_on=None,
            document=ContentFile(b"advice", name="advice.pdf"),
            reason="on the statement",
        )
    )


def do(world: World, request: Any, **asked: Any) -> None:
    world.references += 1
    paper = Paper(source="Bank", reference=f"P-{world.references}", name="paper.pdf", content=b"%PDF")
    world.approve(request(paper=paper, reason="as it says", by=world.officers[0], now=world.now, **asked))


def close(world: World) -> None:
    end_of_day.close_days(now=after(world.day), until=world.day)
    world.day = after(world.day).date()


@pytest.fixture
def platform(settings: Any, tmp_path: Any) -> World:
    settings.MEDIA_ROOT = tmp_path
    world = World()
    ana = make_investor("Ana", kyc_level=1)
    position = world.open(ana, "basic")
    pay_in(world, ana, "1000", position)
    dollars = {"cash": "bank", "currency": "USD"}
    do(world, treasury.request_pay_in_capital, amount=Decimal(300), counterparty=MILL, **dollars)
    do(world, treasury.request_fund_pool, amount=Decimal(200), scope="product:basic", currency="USD")
    asset = treasury.open_asset(
        scope="product:basic", currency="USD", name="Oil mill loan", by=world.officers[0], now=world.now
    )
    do(world, treasury.request_deploy, amount=Decimal(600), asset=asset.pk, cash="bank", counterparty=MILL)
    close(world)
    do(world, treasury.request_value_asset, amount=Decimal(590), asset=asset.pk, valued_on=world.day)
    do(world, treasury.request_record_statement_balance, balance=Decimal(700), day=world.day, **dollars)
    do(
        world,
        treasury.request_record_income,
        amount=Decimal(20),
        asset=asset.pk,
        cash="bank",
        counterparty=MILL,
        income_basis="interest, says the advice",
    )
    investing.withdraw(position.pk, owner=ana, amount=Decimal(50), now=world.now)
    close(world)
    close(world)
    return world


def first(table: str, where: str = "true") -> str:
    return f"ctid = (SELECT ctid FROM {table} WHERE {where} LIMIT 1)"


def changed(table: str, change: str, where: str = "true") -> str:
    return f"UPDATE {table} SET {change} WHERE {first(table, where)}"


def removed(table: str, where: str = "true") -> str:
    return f"DELETE FROM {table} WHERE {first(table, where)}"


def copied(table: str, **columns: str) -> str:
    fields = ", ".join(f"'{name}', {value}" for name, value in columns.items())
    return (
        f"INSERT INTO {table} SELECT (jsonb_populate_record(x.r, jsonb_build_object({fields}))).* "
        f"FROM (SELECT r FROM {table} r LIMIT 1) x"
    )


INCOME = "verb = 'record_income'"
BEHIND = "id IN (SELECT evidence_id FROM ledger_transaction WHERE kind = 'deposit')"
NEWEST = "day = (SELECT max(day) FROM ledger_seal)"
FORGED = """
    WITH t AS (
        INSERT INTO ledger_transaction (kind, key, fingerprint, moves, effective_on, memo)
        SELECT kind, 'forged', fingerprint, moves, effective_on, memo FROM ledger_transaction
        WHERE kind = 'position_fund' RETURNING id)
    INSERT INTO ledger_transfer (transaction_id, line, debit_account_id, credit_account_id, currency_id, amount,
                                 booked_on)
    SELECT t.id, 1, x.debit_account_id, x.credit_account_id, 'USD', x.amount, (SELECT max(day) FROM ledger_businessday)
    FROM t, ledger_transfer x JOIN ledger_transaction o ON o.id = x.transaction_id WHERE o.key LIKE 'position_fund:%'
"""


# What is done, by which check it is found, and what that says.
def opened(kind: str, *, side: str = "C", keeps_balance: str = "true") -> str:
    return (
        "INSERT INTO ledger_account (id, kind, currency_id, normal_side, overdraft_allowed, keeps_balance)"
        f" VALUES (uuidv7(), '{kind}', 'USD', '{side}', false, {keeps_balance})"
    )


ATTACKS = [
    (changed("ledger_evidence", "reference = 'X'", BEHIND), "seals", "ledger_evidence isn't what was sealed"),
    (changed("ledger_evidence", "sha256 = sha256('x')", BEHIND), "seals", "ledger_evidence isn't what was sealed"),
    (removed("ledger_evidence", BEHIND), "evidence", "deposit:cash:bank:USD"),
    (copied("ledger_evidence", id="uuidv7()", reference="'NEW'"), "seals", "ledger_evidence isn't what was sealed"),
    (
        changed("ledger_evidence", "sha256 = sha256('x')", "id IN (SELECT evidence_id FROM treasury_valuation)"),
        "treasury proofs",
        "valuation",
    ),
    (opened("pot"), "accounts", "of kind pot"),
    (opened("principal"), "accounts", "of kind principal, belongs to nobody"),
    (opened("fees", side="D"), "accounts", "of kind fees, belongs to nobody, grows on side D"),
    (changed("ledger_account", "overdraft_allowed = true", "kind = 'available'"), "accounts", "may be overdrawn"),
    (opened("fees", keeps_balance="false"), "accounts", "of kind fees"),
    (FORGED, "business rows", "(forged) stands for nothing"),
    ("DELETE FROM ledger_accountsnapshot", "snapshots", "has no snapshot of"),
    (changed("ledger_accountsnapshot", "debits = debits + 1"), "snapshots", "the snapshot of account"),
    (copied("ledger_accountsnapshot", day="'2026-05-01'"), "snapshots", "at 2026-05-01"),
    (removed("ledger_seal", NEWEST), "closes", "2026-06-03"),
    (removed("ledger_seal", "day = '2026-06-01'"), "seals", "2026-06-01 is closed and has no seal"),
    ("DELETE FROM ledger_seal", "seals", "2026-06-02 is closed and has no seal"),
    (changed("ledger_seal", "transfers = transfers + 1", NEWEST), "seals", "isn't the hash of its own fields"),
    (changed("oversight_auditevent", "reason = 'x'"), "seals", "oversight_auditevent isn't what was sealed"),
    (removed("oversight_auditevent"), "seals", "oversight_auditevent isn't what was sealed"),
    (copied("oversight_auditevent", id="uuidv7()"), "seals", "oversight_auditevent isn't what was sealed"),
    (changed("oversight_decision", "note = 'x'"), "seals", "oversight_decision isn't what was sealed"),
    (removed("oversight_decision"), "requests", "by 0 of 1 others"),
    (copied("oversight_decision", id="uuidv7()", approver_id="gen_random_uuid()"), "seals", "oversight_decision"),
    (changed("oversight_approvalrequest", "payload = '{}'"), "requests", "isn't what was asked"),
    (changed("oversight_approvalrequest", "summary = '[]'"), "requests", "isn't what was asked"),
    (changed("oversight_approvalrequest", "moves_hash = sha256('x')"), "requests", "isn't what was asked"),
    (removed("oversight_approvalrequest"), "requests", "was asked and is gone"),
    (copied("oversight_approvalrequest", id="uuidv7()"), "requests", "is in no audit trail"),
    (
        changed(
            "oversight_decision",
            "approver_id = (SELECT requested_by_id FROM oversight_approvalrequest q WHERE q.id = request_id)",
        ),
        "requests",
        "others",
    ),
    (changed("treasury_valuation", "amount = amount + 1"), "treasury proofs", "valuation"),
    (removed("treasury_valuation"), "treasury proofs", "valuation missing"),
    (
        copied("treasury_valuation", id="uuidv7()", request_id="uuidv7()", evidence_id="uuidv7()"),
        "treasury proofs",
        "isn't what was approved",
    ),
    (changed("treasury_statementbalance", "day = day - 1"), "treasury proofs", "statement balance"),
    (removed("treasury_statementbalance"), "treasury proofs", "statement balance missing"),
    (changed("treasury_treasurymovement", "amount = 21", INCOME), "treasury movements", "says 21 USD"),
    (changed("treasury_treasurymovement", "counterparty_relation = 'owner'", INCOME), "treasury movements", "income"),
    (changed("treasury_treasurymovement", "scope = 'product:x'", INCOME), "treasury movements", "(record_income)"),
    (changed("treasury_treasurymovement", "verb = 'divest'", INCOME), "treasury movements", "(divest)"),
    (removed("treasury_treasurymovement", INCOME), "business rows", "(record_income:"),
    (changed("treasury_asset", "name = 'Gold'"), "seals", "treasury_asset isn't what was sealed"),
    (changed("treasury_coverage", "ratio = 1"), "coverage", "isn't what was stored"),
    (removed("treasury_coveragepart"), "coverage", "isn't what was stored"),
    (
        "WITH a AS (DELETE FROM treasury_coveragepart), b AS (DELETE FROM treasury_coverage), "
        "c AS (DELETE FROM treasury_productcoverage) DELETE FROM treasury_coverageday",
        "coverage",
        "the coverage of 2026-06-01 was sealed and is gone",
    ),
    (changed("payments_deposit", "arrived_amount = 1, amount = 1"), "deposits", "says that 1 USD arrived"),
    (removed("payments_deposit"), "deposits", "pays a deposit that isn't there"),
    (changed("payments_bankcredit", "amount = 1"), "deposits", "says 1 USD"),
    (removed("payments_bankcredit"), "business rows", "(deposit:cash:bank:USD"),
    (removed("investments_positionevent"), "seals", "investments_positionevent isn't what was sealed"),
    (changed("investments_accrual", "amount = amount + 1"), "accruals", "isn't what its terms give"),
    (removed("investments_accrual"), "missing accruals", "has no accrual for"),
    (changed("investments_positionterm", "rate = rate * 2"), "rates of positions", "its version says"),
    (changed("ledger_currency", "exponent = 6", "code = 'USD'"), "posting rules", "the currency USD"),
    (changed("ledger_postingrule", "needs_approval = false", "kind = 'deploy'"), "posting rules", "deploy: debit"),
    (removed("ledger_postingrule", "kind = 'deploy'"), "posting rules", "deploy: debit deployed, credit cash"),
    (removed("ledger_businessday", "day = '2026-06-02'"), "ledger open", "don't follow each other"),
    ("DROP TRIGGER ledger_seal_append_only ON ledger_seal", "triggers", "ledger_seal_append_only is missing"),
    (
        "ALTER TABLE ledger_transfer ENABLE REPLICA TRIGGER ledger_transfer_is_right",
        "triggers",
        "ledger_transfer_is_right is missing",
    ),
    (
        "DROP TRIGGER ledger_account_grows ON ledger_account;"
        " CREATE TRIGGER ledger_account_grows AFTER UPDATE OF debits ON ledger_account FOR EACH ROW"
        " WHEN (NEW.debits < OLD.debits) EXECUTE FUNCTION ledger_account_grows()",
        "triggers",
        "ledger_account_grows on ledger_account does something else",
    ),
    (
        "CREATE OR REPLACE FUNCTION ledger_transfer_is_right() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RETURN NULL; END'",
        "triggers",
        "ledger_transfer_is_right on ledger_transfer does something else",
    ),
    (
        "CREATE OR REPLACE FUNCTION ledger_enter(account_ids uuid[]) RETURNS date LANGUAGE sql"
        " AS 'SELECT current_date'",
        "functions",
        "ledger_enter",
    ),
    (
        "ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_no_overdraft",
        "constraints",
        "ledger_account_no_overdraft",
    ),
    ("ALTER TABLE ledger_evidence DROP CONSTRAINT ledger_evidence_is_one", "constraints", "ledger_evidence_is_one"),
    ("DROP INDEX ledger_one_open_day", "constraints", "ledger_one_open_day"),
    ("ALTER TABLE ledger_transaction DROP CONSTRAINT ledger_transaction_key_once", "constraints", "_key_once"),
    ("DROP INDEX ledger_transaction_reverses_id_key", "constraints", "no more"),
]


@contextmanager
def owner_at_work(sql: str) -> Iterator[None]:
    """As the owner, triggers off, let this be so within the block; then undo it. No foreign key is asked before."""
    mine, connections["default"] = connections["default"], connections["owner"]
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                for table in re.findall(r"(?:UPDATE|INTO|FROM) ((?:ledger|over|trea|pay|inv|off)\w+)", sql):
                    cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
                cursor.execute(sql)
                assert cursor.rowcount, sql
            yield
            transaction.set_rollback(True)
    finally:
        connections["default"] = mine


def test_nothing_is_found_where_nothing_was_done(platform: World) -> None:
    assert verify.run() == []


def test_every_tampering_is_found_and_named(platform: World) -> None:
    missed = []
    for sql, check, says in ATTACKS:
        with owner_at_work(sql):
            found = list(verify.checks()[check]())
        if not any(says in what for what in found):
            missed.append((sql, check, says, found))
    assert missed == []


@pytest.fixture
def offered() -> OffersWorld:
    """A closed offer with a distribution and a loss in it, one that gathers, and one that has matured."""
    world = OffersWorld()
    offers = [world.offer(code=code) for code in ("harbour", "mill")]
    people = [world.investor(name, offers[0]) for name in ("Ana", "Kofi")]
    for offer in offers:
        for person in people:
            if offer is not offers[0]:
                world.make_ready(person)
            world.invest(person, offer, "400")
    taken = world.invest(people[0], offers[0], "100")
    offering.withdraw(taken.pk, investor=people[0], now=world.now)
    world.later()
    given = {"by": world.officers[0], "reason": "as agreed", "now": world.now}
    closed, matured = (offering.close_offer(offer.pk, **given) for offer in offers)
    world.fill_pool(closed, "10")
    world.put_to_work(closed, "100")
    world.write_down(closed, "100")
    world.approve(offering.request_distribution(closed.pk, amount=Decimal(10), **given))
    world.approve(offering.request_loss(closed.pk, amount=Decimal(100), **given))
    offering.mature_offer(matured.pk, on=matured.maturity_date, now=world.now)
    gathering = world.offer(code="quay")
    world.make_ready(people[0])
    world.invest(people[0], gathering, "300")
    return world


def held(kind: str, offer: str, *, debits: int = 0, credits: int = 0) -> str:
    """An account of an offer, with money in it."""
    return (
        "INSERT INTO ledger_account (id, kind, subject, scope, currency_id, debits, credits, normal_side,"
        f" overdraft_allowed, keeps_balance) VALUES (uuidv7(), '{kind}', 'x', 'offer:{offer}', 'AED', {debits},"
        f" {credits}, '{'D' if debits else 'C'}', false, true)"
    )


COMMITTED, REPAID = "status = 'committed'", "status = 'repaid'"
OUT, IN = {"debits": 40}, {"credits": 40}
PAID = "deed_id IN (SELECT id FROM offers_offerdeed WHERE verb = 'distribute')"
ATTACKS_ON_OFFERS = [
    (changed("offers_offer", "committed_amount = 301", "code = 'quay'"), "committed offers", "quay: 301 committed"),
    (removed("offers_offerinvestment", "status = 'reserved'"), "committed offers", "quay: 300"),
    (changed("offers_offerinvestment", "accepted_amount = 1", "status = 'reserved'"), "committed offers", "say 1"),
    (changed("offers_offerinvestment", "principal = 351", COMMITTED), "principal of offers", "its row holds 351"),
    (
        changed("offers_offerinvestment", "status = 'repaid', principal = 0", COMMITTED),
        "principal of offers",
        "holds 0",
    ),
    (removed("offers_offerinvestment", COMMITTED), "principal of offers", "its row holds 0, the ledger 350"),
    (changed("offers_offerinvestment", "accepted_amount = 399", COMMITTED), "offer transactions", "offers say 399"),
    (changed("offers_offerinvestment", "status = 'released'", REPAID), "offer transactions", "offer_release:"),
    (changed("offers_offerinvestment", "status = 'withdrawn'", REPAID), "offer transactions", "posted 0"),
    (changed("offers_offerinvestment", "status = 'committed'", "status = 'withdrawn'"), "offer transactions", "offer_"),
    (removed("offers_offerinvestment", "status = 'withdrawn'"), "offer transactions", "offers say 0, posted 100"),
    (copied("offers_offerinvestment", id="uuidv7()", operation_id="uuidv7()"), "offer transactions", "posted 0"),
    (changed("offers_offershare", "amount = 6", PAID), "offer transactions", "offers say 6"),
    (changed("offers_offershare", "amount = 6", PAID), "shares of deeds", "its shares are 11"),
    (removed("offers_offershare", PAID), "shares of deeds", "its shares are 5"),
    (changed("offers_offerdeed", "amount = 11", "verb = 'distribute'"), "shares of deeds", "its shares are 10"),
    (removed("offers_offerdeed", "verb = 'distribute'"), "offer transactions", "distribution_reserve:"),
    (
        changed("offers_offerdeed", "verb = 'lose', reserve = NULL", "verb = 'distribute'"),
        "offer transactions",
        "investor",
    ),
    *(
        (held(kind, "mill", **grown), "ends of offers", f"offer:mill: its {kind} holds 40 AED, but it has ended")
        for kind, grown in (("deployed", OUT), ("shortfall", OUT), ("returns_due", IN))
    ),
    *(
        (held(kind, "quay", **grown), "ends of offers", f"offer:quay: its {kind} holds 40 AED, but it never closed")
        for kind, grown in (("deployed", OUT), ("shortfall", OUT), ("returns_due", IN), ("returns_pool", IN))
    ),
    (held("returns_pool", "nowhere", **IN), "ends of offers", "offer:nowhere: its returns_pool holds 40 AED"),
    (
        changed("offers_offer", "status = 'matured', ended_on = closed_on", "code = 'harbour'"),
        "ends of offers",
        "offer:harbour: its principal holds 350 AED, but it has ended",
    ),
    (
        changed("offers_offer", "status = 'live', closed_on = NULL", "code = 'harbour'"),
        "ends of offers",
        "offer:harbour: its principal holds 350 AED, but it never closed",
    ),
]


def test_every_tampering_with_offers_is_found_and_named(offered: OffersWorld) -> None:
    assert broken() == []
    missed = []
    for sql, check, says in ATTACKS_ON_OFFERS:
        with owner_at_work(sql):
            found = list(verify.checks()[check]())
        if not any(says in what for what in found):
            missed.append((sql, check, says, found))
    assert missed == []


def test_a_right_that_nobody_listed_is_found(platform: World) -> None:
    with psycopg.connect(**connections["owner"].get_connection_params(), autocommit=True) as owner:
        owner.execute("GRANT UPDATE (credits) ON ledger_account TO fiducia_app")
        found = list(verify.checks()["rights"]())
        owner.execute("REVOKE UPDATE (credits) ON ledger_account FROM fiducia_app")
    assert found == ["fiducia_app may update ledger_account (credits)"]
    assert list(verify.checks()["rights"]()) == []
