"""What stands between an investor and an investment, and how each of it is put out of the way."""

from __future__ import annotations

import copy
import logging
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.errors import DomainError, NotFound
from core.money import Money
from oversight import services as oversight
from oversight.encryption import DecryptionFailed
from oversight.models import ApprovalRequest, AuditEvent
from protection import errors, services
from protection.models import (
    Acceptance,
    Disclosure,
    Jurisdiction,
    KnowledgeResult,
    KnowledgeTest,
    LossSimulation,
    RiskConfirmation,
    RiskWarning,
)
from protection.rules import Figures
from protection.services import gate, warnings
from protection.services.jurisdictions import RULES
from protection.services.standing import Standing
from protection.tests.conftest import DAY, MEANS, NOON, SUBJECT, get_ready, publish, right_answers, take_test

pytestmark = pytest.mark.django_db


def missing(
    investor: Any, amount: str = "100", *, subject: str = SUBJECT, now: datetime = NOON, currency: str = "USD"
) -> list[str]:
    money = Money(Decimal(amount), currency)
    standing = Standing.of(investor, subject=subject, version="1", currency=currency)
    found = gate.missing(standing, amount=money, now=now)
    return [refusal.code for refusal in found]


def rows() -> list[int]:
    """How many rows there are of everything that an investor may leave here."""
    left = (Acceptance, KnowledgeResult, LossSimulation, RiskWarning, RiskConfirmation)
    return [model.objects.count() for model in left]


class TestGate:
    def test_everything_is_missing_at_first_and_the_first_thing_is_refused(self, ana: Any, sheet: Disclosure) -> None:
        assert missing(ana) == ["disclosure-not-accepted", "knowledge-test-missing", "loss-simulation-missing"]
        with pytest.raises(errors.DisclosureNotAccepted) as refused:
            services.require_ready(ana, subject=SUBJECT, version="1", amount=Money(Decimal(1), "USD"), now=NOON)
        assert refused.value.facts == {"disclosure": str(sheet.pk)}

    def test_who_has_done_all_of_it_may_invest(self, ana: Any, sheet: Disclosure) -> None:
        get_ready(ana, sheet)
        services.require_ready(ana, subject=SUBJECT, version="1", amount=Money(Decimal(100), "USD"), now=NOON)
        assert missing(ana) == []

    def test_what_another_has_done_counts_for_nobody_else(self, ana: Any, eve: Any, sheet: Disclosure) -> None:
        get_ready(ana, sheet)
        assert missing(eve) == ["disclosure-not-accepted", "knowledge-test-missing", "loss-simulation-missing"]

    def test_the_first_investment_waits_a_day_after_the_first_acceptance(self, ana: Any, sheet: Disclosure) -> None:
        get_ready(ana, sheet, now=NOON)
        assert missing(ana, now=NOON + DAY - timedelta(seconds=1)) == ["cooling-off"]
        assert missing(ana, now=NOON + DAY) == []

    def test_who_has_waited_once_doesnt_wait_again(self, ana: Any, sheet: Disclosure) -> None:
        get_ready(ana, sheet)
        other = publish(subject="offer:wind")
        services.accept_disclosure.inside(other.pk, investor=ana, now=NOON)
        assert missing(ana, subject="offer:wind") == []


class TestSheets:
    def test_another_version_has_to_be_accepted_anew(self, ana: Any, sheet: Disclosure) -> None:
        get_ready(ana, sheet)
        newer = publish("2", body="Dearer.")
        with pytest.raises(errors.DisclosureNotAccepted) as refused:
            services.require_ready(ana, subject=SUBJECT, version="2", amount=Money(Decimal(100), "USD"), now=NOON)
        assert refused.value.facts == {"disclosure": str(newer.pk)}

    def test_what_was_never_published_cant_be_accepted(self, ana: Any) -> None:
        with pytest.raises(errors.DisclosureNotAccepted) as refused:
            services.require_ready(ana, subject="offer:none", version="1", amount=Money(Decimal(1), "USD"), now=NOON)
        assert refused.value.facts == {"disclosure": None}

    def test_a_version_says_one_thing_for_ever(self, sheet: Disclosure) -> None:
        assert publish() == sheet
        for refused in (
            lambda: publish(body="More."),
            lambda: services.require_publishable(subject=SUBJECT, version="1", body="More."),
        ):
            with pytest.raises(errors.DisclosureChanged):
                refused()
        services.require_publishable(subject=SUBJECT, version="1", body="What it is.")
        services.require_publishable(subject=SUBJECT, version="2", body="More.")
        assert [row.body for row in Disclosure.objects.filter(subject=SUBJECT)] == ["What it is."]
        assert AuditEvent.objects.filter(action="protection.disclosure.published").count() == 1

    def test_accepting_twice_keeps_the_first_moment(self, ana: Any, sheet: Disclosure) -> None:
        for moment in (NOON - DAY, NOON):
            row = services.accept_disclosure.inside(sheet.pk, investor=ana, now=moment)
            assert row.accepted_at == NOON - DAY
        assert Acceptance.objects.count() == 1

    def test_what_isnt_there_isnt_accepted(self, ana: Any, sheet: Disclosure) -> None:
        with pytest.raises(NotFound):
            services.accept_disclosure.inside(ana.pk, investor=ana, now=NOON)
        assert rows() == [0, 0, 0, 0, 0]


class TestKnowledge:
    def test_six_of_eight_pass_it(self, ana: Any) -> None:
        failed = take_test(ana, now=NOON, wrong=3)
        assert (failed.right, failed.passed) == (5, False)
        assert KnowledgeResult.objects.last_passed(ana) is None
        passed = take_test(ana, now=NOON, wrong=2)
        assert (passed.right, passed.passed) == (6, True)

    def test_who_passed_and_then_fails_has_passed(self, ana: Any, sheet: Disclosure) -> None:
        get_ready(ana, sheet)
        take_test(ana, now=NOON - DAY, wrong=8)
        assert missing(ana) == []

    def test_it_is_asked_again_after_two_years(self, ana: Any, sheet: Disclosure) -> None:
        get_ready(ana, sheet)
        in_two_years = (NOON - 2 * DAY).replace(year=2028)
        assert "knowledge-test-missing" not in missing(ana, now=in_two_years - timedelta(seconds=1))
        assert "knowledge-test-missing" in missing(ana, now=in_two_years)

    @pytest.mark.parametrize(
        ("changed", "named"),
        [
            ({"loss": 3}, ["loss"]),
            ({"loss": -1}, ["loss"]),
            ({"weather": 0}, ["weather"]),
            ({"loss": None}, ["loss"]),
        ],
    )
    def test_what_is_not_asked_is_refused_and_leaves_nothing(self, ana: Any, changed: Any, named: list[str]) -> None:
        answers = {name: place for name, place in (right_answers() | changed).items() if place is not None}
        with pytest.raises(errors.AnswersRefused) as refused:
            services.take_test.inside(investor=ana, test=KnowledgeTest.objects.present().pk, answers=answers, now=NOON)
        assert refused.value.facts["questions"] == named
        assert rows() == [0, 0, 0, 0, 0]

    def test_a_test_that_isnt_asked_any_more_is_refused(self, ana: Any) -> None:
        with pytest.raises(errors.AnswersRefused):
            services.take_test.inside(investor=ana, test=ana.pk, answers=right_answers(), now=NOON)
        assert rows() == [0, 0, 0, 0, 0]

    def ask(self, by: Any, **changed: Any) -> ApprovalRequest:
        present = KnowledgeTest.objects.present()
        asked = {"version": "2027-01", "questions": present.questions, "pass_mark": 7} | changed
        return services.request_test.inside(**asked, by=by, reason="a clearer one", now=NOON)

    def test_two_officers_change_it_and_who_passed_has_passed(
        self, ana: Any, sheet: Disclosure, officers: tuple[Any, Any]
    ) -> None:
        get_ready(ana, sheet)
        former = KnowledgeTest.objects.present()
        request = self.ask(officers[0])
        assert KnowledgeTest.objects.present() == former
        assert ["To pass", "7 of 8"] in request.summary
        oversight.approve.inside(request.pk, by=officers[1], now=NOON)
        present = KnowledgeTest.objects.present()
        assert (present.version, present.pass_mark, present.request_id) == ("2027-01", 7, request.pk)
        assert missing(ana) == []

    @pytest.mark.parametrize(
        "changed",
        [
            {"version": "2026-11"},
            {"version": ""},
            {"pass_mark": 0},
            {"pass_mark": 9},
            {"questions": []},
            {"questions": "none"},
            {"questions": ["none"]},
            {"questions": [{}]},
            ("choices", ["one"]),
            ("choices", "ab"),
            ("choices", ["one", " "]),
            ("answer", 3),
            ("answer", -1),
            ("answer", True),
            ("answer", "1"),
            ("text", " "),
            ("id", 7),
            ("id", "guarantee"),
            ("weather", "fine"),
        ],
    )
    def test_what_cant_be_asked_is_refused(self, officers: tuple[Any, Any], changed: Any) -> None:
        if isinstance(changed, tuple):
            questions = copy.deepcopy(KnowledgeTest.objects.present().questions)
            questions[0][changed[0]] = changed[1]
            changed = {"questions": questions}
        with pytest.raises(errors.RulesRefused):
            self.ask(officers[0], **changed)
        assert not ApprovalRequest.objects.exists()

    def test_a_version_that_was_taken_meanwhile_is_refused_at_the_approval(self, officers: tuple[Any, Any]) -> None:
        first, second = self.ask(officers[0]), self.ask(officers[0], pass_mark=8)
        oversight.approve.inside(first.pk, by=officers[1], now=NOON)
        with pytest.raises(errors.RulesRefused):
            oversight.approve.inside(second.pk, by=officers[1], now=NOON)
        assert KnowledgeTest.objects.present().pass_mark == 7


class TestLosses:
    def test_what_is_declared_is_encrypted_with_the_persons_key(self, ana: Any, eve: Any) -> None:
        simulated = services.simulate_losses.inside(investor=ana, figures=MEANS, currency="USD", now=NOON)
        assert (simulated.net_worth, simulated.bearable_loss) == (Decimal(25_000), Decimal("2500.00"))
        row = LossSimulation.objects.get()
        assert row.figures == MEANS
        for figure in (b"24000", b"10000", b"9000", b"25000"):
            assert figure not in bytes(row.sealed)
        row.investor = eve
        with pytest.raises(DecryptionFailed):
            _ = row.figures

    def test_it_is_asked_in_the_currency_of_the_investment(self, ana: Any, sheet: Disclosure) -> None:
        get_ready(ana, sheet)
        assert missing(ana, currency="XOF") == ["loss-simulation-missing"]

    def test_it_is_asked_again_after_a_year(self, ana: Any, sheet: Disclosure) -> None:
        get_ready(ana, sheet)
        in_a_year = NOON - 2 * DAY + timedelta(days=365)
        assert "loss-simulation-missing" not in missing(ana, now=in_a_year - timedelta(seconds=1))
        assert "loss-simulation-missing" in missing(ana, now=in_a_year)


def warn(investor: Any, amount: str, *, now: datetime = NOON, subject: str = SUBJECT) -> RiskWarning:
    return services.show_warning.inside(
        investor=investor, subject=subject, amount=Decimal(amount), currency="USD", now=now
    )


class TestWarning:
    def test_a_twentieth_is_not_warned_of_and_a_cent_more_is(self, ana: Any, sheet: Disclosure) -> None:
        get_ready(ana, sheet)
        assert missing(ana, "1250") == []
        assert missing(ana, "1250.01") == ["risk-warning-unconfirmed"]
        with pytest.raises(errors.RiskWarningUnconfirmed) as refused:
            services.require_ready(ana, subject=SUBJECT, version="1", amount=Money(Decimal("1300.00"), "USD"), now=NOON)
        assert refused.value.facts == {"subject": SUBJECT, "amount": "1300", "currency": "USD"}

    def test_a_confirmed_one_holds_for_two_weeks_and_up_to_its_amount(self, ana: Any, sheet: Disclosure) -> None:
        get_ready(ana, sheet)
        shown = warn(ana, "2000")
        assert (shown.share, missing(ana, "2000")) == (Decimal("0.080"), ["risk-warning-unconfirmed"])
        services.confirm_warning.inside(shown.pk, investor=ana, now=NOON)
        assert missing(ana, "2000") == []
        assert missing(ana, "2000.01") == ["risk-warning-unconfirmed"]
        assert missing(ana, "2000", now=NOON + 14 * DAY - timedelta(seconds=1)) == []
        assert missing(ana, "2000", now=NOON + 14 * DAY) == ["risk-warning-unconfirmed"]

    def test_one_for_something_else_counts_for_nothing(self, ana: Any, sheet: Disclosure) -> None:
        get_ready(ana, sheet)
        services.confirm_warning.inside(warn(ana, "2000", subject="offer:wind").pk, investor=ana, now=NOON)
        assert missing(ana, "2000") == ["risk-warning-unconfirmed"]

    def test_newer_figures_ask_for_a_newer_warning(self, ana: Any, sheet: Disclosure) -> None:
        """8 % of what was declared first is two thirds of what is declared now."""
        get_ready(ana, sheet)
        services.confirm_warning.inside(warn(ana, "2000").pk, investor=ana, now=NOON)
        less = Figures(Decimal(3_000), Decimal(0), Decimal(0))
        services.simulate_losses.inside(investor=ana, figures=less, currency="USD", now=NOON)
        assert missing(ana, "2000") == ["risk-warning-unconfirmed"]
        assert "66.7 % of" in warnings.text(warn(ana, "2000").share)

    def test_who_owes_more_than_they_have_is_warned_of_everything(self, ana: Any, sheet: Disclosure) -> None:
        get_ready(ana, sheet)
        debts = Figures(Decimal(0), Decimal(0), Decimal(1))
        services.simulate_losses.inside(investor=ana, figures=debts, currency="USD", now=NOON)
        assert missing(ana, "0.01") == ["risk-warning-unconfirmed"]
        assert warn(ana, "0.01").share is None and "This is more than the net worth" in warnings.text(None)

    def test_without_figures_there_is_none(self, ana: Any) -> None:
        with pytest.raises(errors.LossSimulationMissing):
            warn(ana, "2000")
        assert rows() == [0, 0, 0, 0, 0]

    def test_saying_it_twice_keeps_the_first_time(self, ana: Any, sheet: Disclosure) -> None:
        get_ready(ana, sheet)
        shown = warn(ana, "2000")
        for moment in (NOON, NOON + DAY):
            row = services.confirm_warning.inside(shown.pk, investor=ana, now=moment)
            assert row.confirmation.confirmed_at == NOON
        assert RiskConfirmation.objects.count() == 1

    def test_nobody_confirms_for_another(self, ana: Any, eve: Any, sheet: Disclosure) -> None:
        get_ready(ana, sheet)
        shown = warn(ana, "2000")
        with pytest.raises(NotFound):
            services.confirm_warning.inside(shown.pk, investor=eve, now=NOON)
        assert not RiskConfirmation.objects.exists()


def terms(**changed: Any) -> dict[str, Any]:
    present = Jurisdiction.objects.of("")
    return {name: getattr(present, name) for name in RULES} | changed


def decide(officers: tuple[Any, Any], country: str, **changed: Any) -> ApprovalRequest:
    """Other rules, asked by one officer and approved by another."""
    request = services.request_jurisdiction.inside(
        country=country, terms=terms(**changed), by=officers[0], reason="the law there", now=NOON
    )
    oversight.approve.inside(request.pk, by=officers[1], now=NOON)
    return request


class TestJurisdictions:
    def test_two_officers_open_an_incentive_for_one_country(self, ana: Any, officers: tuple[Any, Any]) -> None:
        with pytest.raises(errors.IncentiveClosed):
            services.require_incentive(ana, "commissions")
        asked = services.request_jurisdiction.inside(
            country=ana.country, terms=terms(commissions=True), by=officers[0], reason="the regulator", now=NOON
        )
        assert ["Commissions", "no → yes"] in asked.summary and ["Warning share", "5 %"] in asked.summary
        assert services.jurisdiction_of(ana).commissions is False
        oversight.approve.inside(asked.pk, by=officers[1], now=NOON)
        services.require_incentive(ana, "commissions")
        assert services.jurisdiction_of(ana).request_id == asked.pk
        assert Jurisdiction.objects.of("FR").commissions is False

    def test_a_countrys_newest_rules_hold_and_everybody_elses_dont_touch_them(
        self, ana: Any, officers: tuple[Any, Any]
    ) -> None:
        decide(officers, ana.country, cooling_off_hours=48)
        decide(officers, ana.country, cooling_off_hours=36)
        decide(officers, "", cooling_off_hours=12)
        assert Jurisdiction.objects.of(ana.country).cooling_off_hours == 36
        assert Jurisdiction.objects.of("FR").cooling_off_hours == 12

    @pytest.mark.parametrize(
        ("country", "changed"),
        [
            ("XX", {}),
            ("BJ", {"warning_share": Decimal(2)}),
            ("BJ", {"bearable_share": Decimal(0)}),
            ("BJ", {"knowledge_years": 0}),
            ("BJ", {"knowledge_years": 11}),
            ("BJ", {"simulation_days": 0}),
            ("BJ", {"cooling_off_hours": 721}),
            ("BJ", {"reflection_days": 366}),
            ("BJ", {"loss_simulation": False}),
            ("BJ", {"knowledge_test": None}),
        ],
    )
    def test_rules_that_cannot_stand_are_refused(self, officers: Any, country: str, changed: dict[str, Any]) -> None:
        with pytest.raises(errors.RulesRefused):
            services.request_jurisdiction.inside(
                country=country, terms=terms(**changed), by=officers[0], reason="a slip", now=NOON
            )
        assert Jurisdiction.objects.count() == 1 and not ApprovalRequest.objects.exists()

    def test_it_takes_the_permission_and_another_person(self, ana: Any, officers: tuple[Any, Any]) -> None:
        with pytest.raises(DomainError) as refused:
            services.request_jurisdiction.inside(country="", terms=terms(), by=ana, reason="please", now=NOON)
        assert refused.value.code == "not-allowed-to-ask"
        request = services.request_jurisdiction.inside(
            country="", terms=terms(vip=False), by=officers[0], reason="the regulator", now=NOON
        )
        with pytest.raises(DomainError) as refused:
            oversight.approve.inside(request.pk, by=officers[0], now=NOON)
        assert refused.value.code == "own-request"
        assert Jurisdiction.objects.get().vip is True

    def test_a_country_can_ask_for_less(self, ana: Any, sheet: Disclosure, officers: tuple[Any, Any]) -> None:
        nothing = {"knowledge_test": False, "loss_simulation": False, "risk_warning": False, "cooling_off_hours": 0}
        decide(officers, ana.country, **nothing)
        assert missing(ana) == ["disclosure-not-accepted"]
        services.accept_disclosure.inside(sheet.pk, investor=ana, now=NOON)
        assert missing(ana, "1000000") == []

    def test_a_country_can_warn_of_nothing_and_still_ask_for_figures(
        self, ana: Any, sheet: Disclosure, officers: tuple[Any, Any]
    ) -> None:
        decide(officers, ana.country, risk_warning=False)
        get_ready(ana, sheet)
        assert missing(ana, "1000000") == []


def test_no_figure_of_a_person_is_written_in_the_clear(
    ana: Any, sheet: Disclosure, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in the trail nor in the log; of a warning, its amount says nothing of the net worth."""
    with caplog.at_level(logging.DEBUG):
        get_ready(ana, sheet)
        services.confirm_warning.inside(warn(ana, "2000").pk, investor=ana, now=NOON)
        missing(ana, "9999")
    said = [str(event) for event in AuditEvent.objects.values_list("action", "before", "after", "reason")]
    spoken = [record.getMessage() for record in caplog.records if not record.name.startswith("django.db")]
    assert said
    for figure in ("24000", "25000", "0.080", "10000"):
        assert not [text for text in (*said, *spoken) if figure in text]


def test_the_trail_keeps_each_step_once_and_no_figure(ana: Any, sheet: Disclosure) -> None:
    """Who, when and from where: said twice, a step is in the trail as often as it is in the rows."""
    for _ in range(2):
        services.accept_disclosure.inside(sheet.pk, investor=ana, now=NOON)
    take_test(ana, now=NOON)
    services.simulate_losses.inside(investor=ana, figures=MEANS, currency="USD", now=NOON)
    warning = services.show_warning.inside(
        investor=ana, subject=SUBJECT, amount=Decimal(60_000), currency="USD", now=NOON
    )
    for _ in range(2):
        services.confirm_warning.inside(warning.pk, investor=ana, now=NOON)
    events = AuditEvent.objects.filter(actor=ana, action__startswith="protection.").order_by("id")
    assert [(event.action, event.after) for event in events] == [
        ("protection.disclosure.accepted", None),
        ("protection.test.taken", {"passed": True}),
        ("protection.losses.simulated", {"currency": "USD"}),
        ("protection.warning.confirmed", None),
    ]
