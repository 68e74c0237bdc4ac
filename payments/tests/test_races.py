"""Officers who press at the same moment: real threads, real PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connections

from core.errors import DomainError
from ledger.models import Evidence, Transaction
from oversight.models import ApprovalRequest
from payments.models import BankCredit
from payments.services import credits, deposits, suspense
from payments.tests.conftest import NOON, Desk

LONG_ENOUGH = 0.3


def at_once(*works: Callable[[], Any]) -> list[str]:
    """Run all in threads of their own, together; return what became of each: a status, or a refusal's class."""
    start = Barrier(len(works))

    def run(work: Callable[[], Any]) -> str:
        start.wait()
        try:
            return str(getattr(work(), "status", "done"))
        except DomainError as refusal:
            return type(refusal).__name__
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return sorted(pool.map(run, works))


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str], None]:
    """Make a step dawdle before it begins, so that the other thread has read what it is going to read."""

    def dawdle(module: Any, name: str) -> None:
        real = getattr(module, name)

        def late(*args: Any, **kwargs: Any) -> Any:
            time.sleep(LONG_ENOUGH)
            return real(*args, **kwargs)

        monkeypatch.setattr(module, name, late)

    return dawdle


def test_two_credits_of_one_deposit_are_approved_at_once(shared_desk: Desk, slow: Any) -> None:
    """One confirms it, the other is refused and stays open.

    Seen to fail with the row locks out (`lock` a plain get, oversight's of the target too): the second was stopped
    by `payments_credit_one_per_deposit` alone, as DuplicateEvidence; with that constraint dropped as well, the
    wallet held 200.
    """
    slow(credits, "_book")
    desk = shared_desk
    deposit = desk.announce()
    requests = [desk.record(deposit, reference=f"BANK-{n:04}") for n in range(2)]
    outcome = at_once(*(lambda request=request: desk.approve(request) for request in requests))
    assert outcome == ["IllegalMove", "approved"]
    deposit.refresh_from_db()
    assert (deposit.status, desk.available(), desk.cash()) == ("confirmed", 100, 100)
    assert BankCredit.objects.count() == Evidence.objects.count() == 1
    assert sorted(ApprovalRequest.objects.values_list("status", flat=True)) == ["approved", "requested"]


def test_one_bank_reference_for_two_deposits_is_approved_at_once(
    shared_desk: Desk, slow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The evidence's unique key makes the second wait for the first, and then refuses it."""
    desk = shared_desk
    monkeypatch.setattr(credits, "_require_unused", lambda credit: None)
    slow(credits, "record_document")
    ours, theirs = desk.announce(), desk.announce(investor=desk.eve)
    requests = [desk.record(deposit) for deposit in (ours, theirs)]
    outcome = at_once(*(lambda request=request: desk.approve(request) for request in requests))
    assert outcome == ["DuplicateEvidence", "approved"]
    assert desk.available() + desk.available(desk.eve) == desk.cash() == 100
    assert Transaction.objects.filter(kind="deposit").count() == 1


def test_one_reference_reused_after_a_reversal_is_approved_at_once(
    shared_desk: Desk, slow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both find the evidence of the reversed booking; the ledger's key and the credit's are each taken once."""
    desk = shared_desk
    wrong = desk.confirm(desk.announce())
    desk.approve(desk.reverse(wrong))
    monkeypatch.setattr(credits, "_require_unused", lambda credit: None)
    slow(credits, "next_key")
    requests = [desk.record(desk.announce(investor=person)) for person in (desk.ana, desk.eve)]
    outcome = at_once(*(lambda request=request: desk.approve(request) for request in requests))
    assert len(outcome) == 2
    assert outcome.count("approved") == 1
    assert desk.available() + desk.available(desk.eve) == desk.cash() == 100


def test_one_credit_is_allotted_to_two_deposits_at_once(shared_desk: Desk, slow: Any) -> None:
    """One gets it; the other request is void, since the credit changed.

    Seen to fail with the locks out: the second was stopped by the ledger's key alone, as FingerprintMismatch.
    """
    desk = shared_desk
    desk.approve(desk.record_unmatched("70.00"))
    credit = BankCredit.objects.get()
    requests = [desk.allot(credit, desk.announce(investor=person)) for person in (desk.ana, desk.eve)]
    slow(suspense, "allotment_moves")
    outcome = at_once(*(lambda request=request: desk.approve(request) for request in requests))
    assert outcome == ["approved", "void"]
    assert desk.available() + desk.available(desk.eve) == 70
    assert desk.suspense() == 0


def test_two_reversals_at_once(shared_desk: Desk) -> None:
    """The second request is void. Seen to fail with the locks out: it was approved as well."""
    desk = shared_desk
    deposit = desk.confirm(desk.announce())
    requests = [desk.reverse(deposit) for _ in range(2)]
    outcome = at_once(*(lambda request=request: desk.approve(request) for request in requests))
    assert outcome == ["approved", "void"]
    assert (desk.available(), desk.cash()) == (0, 0)
    assert Transaction.objects.filter(kind="reversal").count() == 1


def test_a_deposit_is_confirmed_and_expired_at_once(shared_desk: Desk, slow: Any) -> None:
    """What somebody confirms right now is left alone by the expiry.

    Seen to fail with the locks out: the expiry, which had read `pending`, wrote `expired` over `confirmed`, and the
    CHECK refused it.
    """
    slow(deposits, "move_to")
    desk = shared_desk
    deposit = desk.announce()
    request = desk.record(deposit)

    def expire() -> Any:
        time.sleep(LONG_ENOUGH * 0.8)
        return deposits.expire_deposits(now=NOON + timedelta(days=15))

    assert at_once(lambda: desk.approve(request), expire) == ["approved", "done"]
    deposit.refresh_from_db()
    assert (deposit.status, desk.available()) == ("confirmed", 100)
