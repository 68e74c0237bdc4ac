"""Two officers of the finance desk at once, and two closes of one day.

Each lock has its control beside it: the same race with the lock or the check under it taken out, seen to go wrong.
"""

from __future__ import annotations

import time
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError

from accounts import obstacles
from accounts.models import User
from accounts.services import deletion
from core.errors import DomainError
from tests.people import make_officer
from tests.races.test_deletion import deleting, is_deleted
from tests.races.threads import at_once
from treasury import books, coverage, services
from treasury.models import CoverageDay, TreasuryMovement
from treasury.services import checks, papers
from treasury.tests.conftest import BASIC, PARENT, Desk, desk, media, no_products
from treasury.tests.test_coverage import cover

pytestmark = pytest.mark.django_db(transaction=True)

__all__ = ["desk", "media", "no_products"]

USD = {"currency": "USD"}


@pytest.fixture
def kim(db: None) -> Any:
    return make_officer("Kim", "finance", "compliance")


def codes(outcomes: list[object]) -> list[str]:
    return sorted(end.code if isinstance(end, DomainError) else type(end).__name__ for end in outcomes)


class TestRelease:
    """A pool of 400 that must keep 100; two surpluses of 200 are approved at once: one goes out.

    The pool is read again after the posting, under the lock of its account. Seen to fail without that: both read
    400 before either had posted, and the pool was left with nothing of the 100 that it owed.
    """

    @pytest.fixture
    def twice(self, desk: Desk, kim: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        desk.do(services.request_pay_in_capital, cash="bank", amount="400", counterparty=PARENT, **USD)
        desk.do(services.request_fund_pool, scope=BASIC, amount="400", **USD)
        desk.cover(cover(owed=Decimal(100), accrued=Decimal(0), mean_accrual=Decimal(0)))
        asked = [desk.ask(services.request_release_pool, scope=BASIC, amount="200", **USD) for _ in range(2)]
        before = checks.require_allowed

        def slowly(case: Any) -> None:
            before(case)
            time.sleep(0.3)

        monkeypatch.setattr(checks, "require_allowed", slowly)
        return [partial(desk.approve, request, by=by) for request, by in zip(asked, (desk.lin, kim), strict=True)]

    def test_one_goes_out(self, desk: Desk, twice: list[Any]) -> None:
        assert codes(at_once(twice)) == ["ApprovalRequest", "pool-must-keep"]
        assert desk.balance("returns_pool") == 200

    def test_without_the_second_look_both_would(
        self, desk: Desk, twice: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(checks, "require_still_allowed", lambda case: None)
        assert codes(at_once(twice)) == ["ApprovalRequest", "ApprovalRequest"]
        assert desk.balance("returns_pool") == 0


class TestPaper:
    """Two requests on one paper are approved at once: the database lets one be recorded."""

    def test_one_is_posted(self, desk: Desk, kim: Any) -> None:
        desk.deposit("100")
        paper = desk.paper("INT-06")
        asked = [desk.ask(services.request_bank_interest, cash="bank", amount="5", paper=paper, **USD) for _ in "12"]
        works = [partial(desk.approve, request, by=by) for request, by in zip(asked, (desk.lin, kim), strict=True)]
        assert codes(at_once(works)) == ["ApprovalRequest", "duplicate-evidence"]
        assert desk.balance("fees") == 5


class TestReversal:
    """Two reversals of one posting are approved at once: it is mirrored once."""

    def test_one_is_posted(self, desk: Desk, kim: Any) -> None:
        desk.deposit("100")
        wrong = desk.do(services.request_bank_interest, cash="bank", amount="5", **USD)
        desk.do(services.request_bank_interest, cash="bank", amount="50", **USD)
        asked = [desk.ask(services.request_reversal, movement_id=wrong.pk) for _ in range(2)]
        works = [partial(desk.approve, request, by=by) for request, by in zip(asked, (desk.lin, kim), strict=True)]
        assert codes(at_once(works)) == ["ApprovalRequest", "not-reversible"]
        assert desk.balance("fees") == 50
        assert TreasuryMovement.objects.filter(verb="reverse").count() == 1


class TestDeletion:
    """Eve is credited, for nothing that she asked, while she is deleted: she keeps both, or gets nothing."""

    @pytest.fixture(params=["suspense_allot", "goodwill", "reversal"])
    def both(self, request: Any, desk: Desk, kim: Any, eve: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """The credit was asked for after the deletion had looked at what is asked; each takes its time."""
        desk.deposit("100")
        desk.do(services.request_correction, cash="bank", investor=desk.ana.pk, amount="40", **USD)
        desk.do(services.request_bank_interest, cash="bank", amount="40", **USD)
        delete = deleting(eve, desk.omar, desk.lin)
        credit = self.asked(desk, eve, request.param)
        monkeypatch.setattr(obstacles, "open_requests", lambda person, **more: [])
        self.slow_down(monkeypatch, papers, "record", 1.0)
        self.slow_down(monkeypatch, deletion, "revoke_sessions", 0.5)
        return [delete, partial(desk.approve, credit, by=kim)]

    def asked(self, desk: Desk, eve: Any, way: str) -> Any:
        if way == "reversal":
            desk.deposit("30", owner=eve)
            taken = desk.do(services.request_correction, cash="bank", investor=eve.pk, amount="30", **USD)
            return desk.ask(services.request_reversal, movement_id=taken.pk)
        purse = {"cash": "bank"} if way == "suspense_allot" else {"purse": "fees"}
        return desk.ask(getattr(services, f"request_{way}"), investor=eve.pk, amount="30", **purse, **USD)

    def slow_down(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, seconds: float) -> None:
        before = getattr(owner, name)

        def slowly(*args: Any, **more: Any) -> Any:
            time.sleep(seconds)
            return before(*args, **more)

        monkeypatch.setattr(owner, name, slowly)

    def outcome(self, desk: Desk, eve: Any) -> tuple[bool, Decimal]:
        return is_deleted(eve), desk.balance("available", owner=eve)

    def test_she_keeps_both_or_gets_nothing(self, desk: Desk, eve: Any, both: list[Any]) -> None:
        ends = codes(at_once(both))
        assert (ends, *self.outcome(desk, eve)) in [
            (["ApprovalRequest", "person-deleted"], True, 0),
            (["ApprovalRequest", "something-stands"], False, 30),
        ]

    def test_without_the_lock_who_is_deleted_has_money(
        self, desk: Desk, eve: Any, both: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(deletion, "require_there", lambda person_id: User.objects.get(pk=person_id))
        assert codes(at_once(both)) == ["ApprovalRequest", "ApprovalRequest"]
        assert self.outcome(desk, eve) == (True, 30)


class TestCoverage:
    """Two closes store one day at once: the second finds what the first stored.

    Seen to fail without taking turns: both found nothing, and the second broke on the day's key.
    """

    @pytest.fixture
    def twice(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        desk.deposit("100")
        closed = desk.close()
        before = books.count_holders

        def slowly(*given: Any) -> Any:
            time.sleep(0.3)
            return before(*given)

        monkeypatch.setattr(books, "count_holders", slowly)
        return [partial(coverage.compute_and_store, closed, [], desk.now)] * 2

    def test_both_have_the_same_day(self, twice: list[Any]) -> None:
        first, second = at_once(twice)
        assert isinstance(first, CoverageDay)
        assert isinstance(second, CoverageDay)
        assert bytes(first.digest) == bytes(second.digest)
        assert CoverageDay.objects.count() == 1

    def test_without_taking_turns_one_breaks(self, twice: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(coverage, "take_turns", lambda day: None)
        assert sum(isinstance(end, IntegrityError) for end in at_once(twice)) == 1
