"""`verify_ledger` finds and names what the owner's role changed behind the triggers' back."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.management import call_command

from ledger import accounts, days, seals, verify
from ledger.models import Seal, Transaction, Transfer
from ledger.posting import Move
from ledger.tests.conftest import FIRST_DAY, NOON, SCOPE, Books


@pytest.fixture
def sealed(shared_books: Books) -> Books:
    """Three days with postings of many kinds, two of them sealed."""
    books = shared_books
    for place in range(3):
        books.deposit(books.ana, "100")
        books.deposit(books.eve, "50")
        books.fund(books.ana, "40", subject=f"p{place}")
        books.fill_pool("30")
        if place < 2:
            day = FIRST_DAY + timedelta(days=place)
            days.close(day, now=NOON + timedelta(days=place + 1))
            seals.seal_day(day)
    deployed = accounts.open_account("deployed", "USD", scope=SCOPE, subject="asset")
    books.with_approval("deploy", Move(deployed, books.cash, 50), evidence=books.statement_line())
    return books


def breaks() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for broken in verify.run():
        found.setdefault(broken.check, []).append(broken.what)
    return found


def tamper(as_owner, table: str, sql: str) -> None:
    as_owner(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    as_owner(sql)
    as_owner(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def test_all_is_well(sealed: Books) -> None:
    assert breaks() == {}
    call_command("verify_ledger")


def test_a_changed_amount(sealed: Books, as_owner) -> None:
    row = Transfer.objects.order_by("id").first()
    tamper(as_owner, "ledger_transfer", f"UPDATE ledger_transfer SET amount = amount + 1 WHERE id = {row.pk}")
    found = breaks()
    assert {"balances", "fingerprints", "seals"} <= set(found)
    assert str(row.transaction_id) in found["fingerprints"][0]
    assert FIRST_DAY.isoformat() in found["seals"][0]
    with pytest.raises(SystemExit) as stopped:
        call_command("verify_ledger")
    assert stopped.value.code == 1


def test_a_removed_transfer(sealed: Books, as_owner) -> None:
    row = Transfer.objects.order_by("id").first()
    tamper(as_owner, "ledger_transfer", f"DELETE FROM ledger_transfer WHERE id = {row.pk}")
    found = breaks()
    assert str(row.transaction_id) in found["transactions"][0]
    assert {"balances", "seals"} <= set(found)


def test_an_added_transfer(sealed: Books, as_owner) -> None:
    row = Transfer.objects.filter(transaction__kind="deposit").order_by("id").first()
    tamper(
        as_owner,
        "ledger_transfer",
        f"""INSERT INTO ledger_transfer (transaction_id, line, debit_account_id, credit_account_id, currency_id, amount,
            booked_on) SELECT transaction_id, 2, credit_account_id, '{sealed.pool.pk}', currency_id, amount, booked_on
            FROM ledger_transfer WHERE id = {row.pk}""",
    )
    found = breaks()
    assert {"balances", "rules", "transactions", "fingerprints", "business days"} <= set(found)
    assert "available" in found["rules"][0] or "no rule" in found["rules"][0]


def test_a_transfer_before_the_first_day(sealed: Books, as_owner) -> None:
    row = Transfer.objects.order_by("id").first()
    tamper(as_owner, "ledger_transfer", f"UPDATE ledger_transfer SET id = -1 WHERE id = {row.pk}")
    assert "transfer -1 comes before the first day" in breaks()["business days"]


def test_a_lost_line_that_another_transaction_gained(sealed: Books, as_owner) -> None:
    """As many lines as the transactions say: only the lines themselves tell."""
    lost, gained = Transfer.objects.filter(transaction__moves=1).order_by("id")[:2]
    tamper(
        as_owner,
        "ledger_transfer",
        f"UPDATE ledger_transfer SET transaction_id = '{gained.transaction_id}', line = 2 WHERE id = {lost.pk}",
    )
    named = " ".join(breaks()["transactions"])
    assert str(lost.transaction_id) in named and str(gained.transaction_id) in named


def test_a_forged_fingerprint_of_a_day_that_is_not_sealed_yet(sealed: Books, as_owner) -> None:
    row = Transaction.objects.latest("id")
    tamper(
        as_owner, "ledger_transaction", f"UPDATE ledger_transaction SET fingerprint = sha256('x') WHERE id = '{row.pk}'"
    )
    assert row.key in breaks()["fingerprints"][0]


def test_the_walk_tells_its_days(sealed: Books) -> None:
    told: list[tuple[str, int]] = []
    assert verify.run(on_day=lambda day, of: told.append((day, of))) == []
    # Days go side by side: whose turn comes first isn't promised.
    assert sorted(told) == [("2026-06-01", 3), ("2026-06-02", 3), ("not sealed yet", 3)]


def test_a_changed_transaction(sealed: Books, as_owner) -> None:
    row = Transaction.objects.order_by("id").first()
    tamper(
        as_owner,
        "ledger_transaction",
        f"UPDATE ledger_transaction SET effective_on = effective_on - 1 WHERE id = '{row.pk}'",
    )
    assert list(breaks()) == ["seals"]


def test_a_changed_balance(sealed: Books, as_owner) -> None:
    account = sealed.available(sealed.ana)
    tamper(as_owner, "ledger_account", f"UPDATE ledger_account SET credits = credits + 5 WHERE id = '{account.pk}'")
    found = breaks()
    assert list(found) == ["balances"] and str(account.pk) in found["balances"][0]


def test_a_changed_fund_and_snapshot(sealed: Books, as_owner) -> None:
    as_owner("UPDATE ledger_fund SET principal = principal + 5")
    tamper(as_owner, "ledger_accountsnapshot", "UPDATE ledger_accountsnapshot SET debits = debits + 5")
    assert {"funds", "snapshots"} <= set(breaks())


def test_an_approval_that_never_was(sealed: Books, as_owner) -> None:
    row = Transaction.objects.filter(kind="pool_fund").first()
    tamper(
        as_owner,
        "oversight_approvalrequest",
        f"UPDATE oversight_approvalrequest SET moves_hash = sha256('x') WHERE id = '{row.approval_id}'",
    )
    assert row.key in breaks()["approvals"][0]


def test_a_trigger_that_is_switched_off(sealed: Books, as_owner) -> None:
    as_owner("ALTER TABLE ledger_transfer DISABLE TRIGGER ledger_transfer_is_right")
    found = breaks()
    as_owner("ALTER TABLE ledger_transfer ENABLE TRIGGER ledger_transfer_is_right")
    assert "ledger_transfer_is_right" in found["triggers"][0]


def test_a_recomputed_seal_breaks_the_next(sealed: Books, as_owner) -> None:
    first = Seal.objects.earliest("day_id")
    first.sums = {"USD": "1"}
    forged = seals.digest(first).hex()
    tamper(
        as_owner,
        "ledger_seal",
        f"""UPDATE ledger_seal SET sums = '{{"USD": "1"}}', sha256 = decode('{forged}', 'hex')
            WHERE day = '{first.day_id}'""",
    )
    assert f"the seal of {FIRST_DAY + timedelta(days=1)} isn't chained to the day before" in breaks()["seals"]


def test_a_chain_recomputed_to_its_end_is_found_by_published_seals_alone(sealed: Books, as_owner, tmp_path) -> None:
    published = tmp_path / "seals.json"
    published.write_text(json.dumps({str(s.day_id): bytes(s.sha256).hex() for s in Seal.objects.all()}))
    row = Transaction.objects.order_by("id").first()
    tamper(as_owner, "ledger_transaction", f"UPDATE ledger_transaction SET memo = 'other' WHERE id = '{row.pk}'")
    tamper(as_owner, "ledger_seal", "DELETE FROM ledger_seal")
    for place in range(2):
        seals.seal_day(FIRST_DAY + timedelta(days=place))
    assert breaks() == {}
    found = verify.run(against=published)
    assert {broken.check for broken in found} == {"published seals"} and len(found) == 2
    with pytest.raises(SystemExit):
        call_command("verify_ledger", against=published)


def test_published_seals_are_read_from_any_document() -> None:
    document = {"results": [{"day": "2026-06-01", "seal": "ab", "currencies": [{"currency": "USD"}]}]}
    assert verify.published_seals(document) == {"2026-06-01": "ab"}
    assert verify.published_seals({"2026-06-01": "ab"}) == {"2026-06-01": "ab"}
