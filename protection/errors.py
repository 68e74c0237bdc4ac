"""What keeps an investor from investing yet, each with what to do about it."""

from __future__ import annotations

from core.errors import DomainError, Forbidden


class DisclosureOutdated(DomainError):
    code = "disclosure-outdated"
    title = "Accept the present key information sheet first"


class DisclosureNotAccepted(DomainError):
    code = "disclosure-not-accepted"
    title = "Read and accept the key information sheet first: POST /disclosures/{id}/accept"


class DisclosureChanged(DomainError):
    code = "disclosure-changed"
    title = "This version of the key information sheet says something else; publish another version"


class KnowledgeTestMissing(DomainError):
    code = "knowledge-test-missing"
    title = "Pass the knowledge test first: GET and POST /knowledge-test"


class LossSimulationMissing(DomainError):
    code = "loss-simulation-missing"
    title = "Simulate first what you can bear to lose, in this currency: POST /loss-simulation"


class CoolingOff(DomainError):
    """`facts["until"]` says from when on the investor may invest."""

    code = "cooling-off"
    title = "A first investment waits for a day after the first step"


class RiskWarningUnconfirmed(DomainError):
    code = "risk-warning-unconfirmed"
    title = "This is a large part of what you have: ask for the warning and confirm it, POST /risk-warnings"


class IncentiveClosed(Forbidden):
    code = "incentive-closed"
    title = "This isn't open to investors of your country"


class AnswersRefused(DomainError):
    code = "answers-refused"
    title = "Answer each question of the present test with one of its choices"
    status = 422


class RulesRefused(DomainError):
    code = "rules-refused"
    title = "These rules can't stand"
    status = 422
