"""What keeps an investor from investing yet, each with what to do about it."""

from __future__ import annotations

from core.errors import DomainError, Forbidden


class DisclosureNotAccepted(DomainError):
    """`facts["disclosure"]` is the sheet's id; None where none was published."""

    code = "disclosure-not-accepted"
    title = "Read and accept the key information sheet first: POST /disclosures/{id}/accept"


class KnowledgeTestMissing(DomainError):
    code = "knowledge-test-missing"
    title = "Pass the knowledge test first: GET and POST /knowledge-test"


class LossSimulationMissing(DomainError):
    """`facts["currency"]` says in which currency."""

    code = "loss-simulation-missing"
    title = "Simulate first what you can bear to lose, in this currency: POST /loss-simulation"


class CoolingOff(DomainError):
    """`facts["until"]` says from when on the investor may invest."""

    code = "cooling-off"
    title = "A first investment waits for a while after the first key information sheet was accepted"


class RiskWarningUnconfirmed(DomainError):
    """`facts` say what the warning must be made out to: `subject`, `amount`, `currency`."""

    code = "risk-warning-unconfirmed"
    title = "This is a large part of what you declared: ask for the warning and confirm it, POST /risk-warnings"


class IncentiveClosed(Forbidden):
    code = "incentive-closed"
    title = "This isn't open to investors of your country"


class DisclosureChanged(DomainError):
    code = "disclosure-changed"
    title = "This version of the key information sheet says something else already; publish another version"


class AnswersRefused(DomainError):
    """`facts["questions"]` names those that were left out, aren't asked, or have no such choice."""

    code = "answers-refused"
    title = "Answer each question of the present test with one of its choices"
    status = 422


class RulesRefused(DomainError):
    code = "rules-refused"
    title = "These rules can't stand"
    status = 422
