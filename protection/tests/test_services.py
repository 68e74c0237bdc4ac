"""What stands between an investor and an investment, and how each of it is put out of the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.errors import DomainError, NotFound
from core.money import Money
from oversight import services as oversight
from protection import errors, services
from protection.models import Acceptance, Disclosure, Jurisdiction, KnowledgeResult, LossSimulation, RiskWarning
from protection.rules import Figures
from protection.services.jurisdictions import RULES
from tests.people import make_investor, make_officer

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MEANS = Figures(Decimal(24_000), Decimal(10_000), Decimal(9_000))


@pytest.fixture
def ana() -> Any:
    return make_investor("Ana")


@pytest.fixture
def sheet(ana: Any) -> Disclosure:
    return services.publish(
        subject="offer:solar", version="1", title="Solar", body="What it is.", by=None, now=NOON - 9 * DAY
    )


def missing(investor: Any, amount: str = "100", *, now: datetime = NOON, currency: str = "USD") -> list[str]:
    found = services.readiness(
        investor, subject="offer:solar", version="1", amount=Money(Decimal(amount), currency), now=now
    )
    return [refusal.code for refusal in found.missing]


def pass_test(investor: Any, *, now: datetime, wrong: int = 0) -> KnowledgeResult:
    test = services.present_test()
    answers = {one.id: one.answer for one in test.asked()}
    for one in test.asked()[:wrong]:
        answers[one.id] = (one.answer + 1) % len(one.choices)
    return services.take_test.inside(investor=investor, test=test.pk, answers=answers, now=now)


def make_ready(investor: Any, sheet: Disclosure, *, now: datetime = NOON - 2 * DAY) -> None:
    services.accept_disclosure.inside(sheet.pk, investor=investor, now=now)
    pass_test(investor, now=now)
    services.simulate_losses.inside(investor=investor, figures=MEANS, currency="USD", now=now)


def test_everything_is_missing_at_first_and_the_first_thing_is_refused(ana: Any, sheet: Disclosure) -> None:
    assert missing(ana) == [
        "disclosure-not-accepted",
        "knowledge-test-missing",
        "loss-simulation-missing",
        "cooling-off",
    ]
    with pytest.raises(errors.DisclosureNotAccepted):
        services.require_ready(ana, subject="offer:solar", version="1", amount=Money(Decimal(1), "USD"), now=NOON)


def test_who_has_done_all_of_it_may_invest(ana: Any, sheet: Disclosure) -> None:
    make_ready(ana, sheet)
    found = services.require_ready(
        ana, subject="offer:solar", version="1", amount=Money(Decimal(100), "USD"), now=NOON
    )
    assert found == sheet


def test_another_version_has_to_be_accepted_anew(ana: Any, sheet: Disclosure) -> None:
    make_ready(ana, sheet)
    services.publish(subject="offer:solar", version="2", title="Solar", body="Dearer.", by=None, now=NOON)
    money = Money(Decimal(100), "USD")
    with pytest.raises(errors.DisclosureNotAccepted):
        services.require_ready(ana, subject="offer:solar", version="2", amount=money, now=NOON)


def test_a_version_says_one_thing_for_ever(sheet: Disclosure) -> None:
    again = services.publish(
        subject="offer:solar", version="1", title="Solar", body="What it is.", by=None, now=NOON
    )
    assert again == sheet
    with pytest.raises(errors.DisclosureChanged):
        services.publish(subject="offer:solar", version="1", title="Solar", body="More.", by=None, now=NOON)
    assert Disclosure.objects.get().body == "What it is."


def test_accepting_twice_keeps_the_first_moment(ana: Any, sheet: Disclosure) -> None:
    for moment in (NOON - DAY, NOON):
        services.accept_disclosure.inside(sheet.pk, investor=ana, now=moment)
    assert [row.accepted_at for row in Acceptance.objects.all()] == [NOON - DAY]


def test_the_first_investment_waits_a_day_after_the_first_step(ana: Any, sheet: Disclosure) -> None:
    make_ready(ana, sheet, now=NOON)
    almost = NOON + DAY - timedelta(seconds=1)
    assert missing(ana, now=almost) == ["cooling-off"]
    assert missing(ana, now=NOON + DAY) == []


class TestKnowledge:
    def test_six_of_eight_pass_it(self, ana: Any) -> None:
        assert pass_test(ana, now=NOON, wrong=3).passed is False
        assert KnowledgeResult.objects.last_passed(ana) is None
        assert pass_test(ana, now=NOON, wrong=2).passed is True

    def test_it_is_asked_again_after_two_years(self, ana: Any, sheet: Disclosure) -> None:
        make_ready(ana, sheet)
        in_two_years = (NOON - 2 * DAY).replace(year=2028)
        assert "knowledge-test-missing" not in missing(ana, now=in_two_years - timedelta(seconds=1))
        assert "knowledge-test-missing" in missing(ana, now=in_two_years)

    @pytest.mark.parametrize("answers", [{}, {"loss": 2}, "out of range", "another question"])
    def test_what_is_not_asked_is_refused_and_leaves_nothing(self, ana: Any, answers: Any) -> None:
        test = services.present_test()
        right = {one.id: one.answer for one in test.asked()}
        given = {
            "out of range": right | {"loss": 3},
            "another question": right | {"weather": 0},
        }.get(answers, answers) if isinstance(answers, str) else answers
        with pytest.raises(errors.AnswersRefused):
            services.take_test.inside(investor=ana, test=test.pk, answers=given, now=NOON)
        assert not KnowledgeResult.objects.exists()


class TestLosses:
    def test_what_is_declared_is_encrypted_with_the_persons_key(self, ana: Any) -> None:
        row = services.simulate_losses.inside(investor=ana, figures=MEANS, currency="USD", now=NOON)
        row = LossSimulation.objects.get(pk=row.pk)
        assert b"24000" not in bytes(row.sealed)
        assert row.figures == MEANS

    def test_it_is_asked_in_the_currency_of_the_investment(self, ana: Any, sheet: Disclosure) -> None:
        make_ready(ana, sheet)
        assert missing(ana, currency="XOF") == ["loss-simulation-missing"]

    def test_it_is_asked_again_after_a_year(self, ana: Any, sheet: Disclosure) -> None:
        make_ready(ana, sheet)
        in_a_year = NOON - 2 * DAY + timedelta(days=365)
        assert "loss-simulation-missing" not in missing(ana, now=in_a_year - timedelta(seconds=1))
        assert "loss-simulation-missing" in missing(ana, now=in_a_year)


class TestWarning:
    def test_a_twentieth_is_not_warned_of_and_a_cent_more_is(self, ana: Any, sheet: Disclosure) -> None:
        make_ready(ana, sheet)
        assert missing(ana, "1250") == []
        assert missing(ana, "1250.01") == ["risk-warning-unconfirmed"]

    def test_a_confirmed_one_holds_for_a_day_and_up_to_its_amount(self, ana: Any, sheet: Disclosure) -> None:
        make_ready(ana, sheet)
        shown = services.show_warning.inside(
            investor=ana, subject="offer:solar", amount=Decimal(2_000), currency="USD", now=NOON
        )
        assert missing(ana, "2000") == ["risk-warning-unconfirmed"]
        services.confirm_warning.inside(shown.pk, investor=ana, now=NOON)
        assert missing(ana, "2000") == []
        assert missing(ana, "2000.01") == ["risk-warning-unconfirmed"]
        assert missing(ana, "2000", now=NOON + DAY + timedelta(seconds=1)) == ["risk-warning-unconfirmed"]

    def test_nobody_confirms_for_another(self, ana: Any, sheet: Disclosure) -> None:
        make_ready(ana, sheet)
        shown = services.show_warning.inside(
            investor=ana, subject="offer:solar", amount=Decimal(2_000), currency="USD", now=NOON
        )
        with pytest.raises(NotFound):
            services.confirm_warning.inside(shown.pk, investor=make_investor("Eve"), now=NOON)
        assert RiskWarning.objects.get().confirmed_at is None


class TestJurisdictions:
    @pytest.fixture
    def officers(self) -> tuple[Any, Any]:
        return make_officer("Omar", "compliance"), make_officer("Lin", "compliance")

    def terms(self, **changed: Any) -> dict[str, Any]:
        present = Jurisdiction.objects.of("")
        return {name: getattr(present, name) for name in RULES} | changed

    def test_two_officers_open_an_incentive_for_one_country(self, ana: Any, officers: tuple[Any, Any]) -> None:
        with pytest.raises(errors.IncentiveClosed):
            services.require_incentive(ana, "commissions")
        asked = services.request_jurisdiction.inside(
            country=ana.country, terms=self.terms(commissions=True), by=officers[0], reason="the regulator", now=NOON
        )
        assert services.jurisdiction_of(ana).commissions is False
        oversight.approve.inside(asked.pk, by=officers[1], now=NOON)
        services.require_incentive(ana, "commissions")
        assert Jurisdiction.objects.of("FR").commissions is False

    def test_rules_that_cannot_stand_are_refused(self, officers: tuple[Any, Any]) -> None:
        for country, changed in (("XX", {}), ("BJ", {"warning_share": Decimal(2)})):
            with pytest.raises(DomainError) as refused:
                services.request_jurisdiction.inside(
                    country=country, terms=self.terms(**changed), by=officers[0], reason="a slip", now=NOON
                )
            assert refused.value.code == "rules-refused"
        assert Jurisdiction.objects.count() == 1

    def test_a_country_can_ask_for_less(self, ana: Any, sheet: Disclosure, officers: tuple[Any, Any]) -> None:
        less = self.terms(knowledge_test=False, loss_simulation=False, cooling_off_hours=0)
        asked = services.request_jurisdiction.inside(
            country=ana.country, terms=less, by=officers[0], reason="the law there", now=NOON
        )
        oversight.approve.inside(asked.pk, by=officers[1], now=NOON)
        services.accept_disclosure.inside(sheet.pk, investor=ana, now=NOON)
        assert missing(ana) == []
