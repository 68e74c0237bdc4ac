"""What offers refuse, and the code that a client acts on."""

from __future__ import annotations

from core.errors import DomainError, NotFound


class OfferNotFound(NotFound):
    code = "offer-not-found"
    title = "There is no such offer"


class OfferNotLive(DomainError):
    code = "offer-not-live"
    title = "This offer takes no money now"


class OfferCurrencyMismatch(DomainError):
    code = "offer-currency-mismatch"
    title = "This offer is in another currency"
    status = 422


class OfferFull(DomainError):
    """Nothing is left, or those who wait come first; `join_waiting_list` asks for a place in their line."""

    code = "offer-full"
    title = "Nothing is left of this offer"


class BelowTicket(DomainError):
    code = "below-ticket"
    title = "This is less than the offer's minimum ticket"
    status = 422


class AboveTicket(DomainError):
    code = "above-ticket"
    title = "This is more than one investor may hold of the offer"
    status = 422


class KycLevelRequired(DomainError):
    code = "kyc-level-required"
    title = "This offer needs a higher KYC level"
    status = 422


class DisclosureOutdated(DomainError):
    code = "disclosure-outdated"
    title = "Accept the offer's present key information sheet first"
    status = 422


class AlreadyWaiting(DomainError):
    code = "already-waiting"
    title = "You are on this offer's waiting list already"


class NotWaiting(NotFound):
    code = "not-waiting"
    title = "You aren't on this offer's waiting list"


class ReflectionOver(DomainError):
    code = "reflection-over"
    title = "The time in which it could be taken back is over"


class ReflectionRunning(DomainError):
    """`facts["until"]` says when the last one ends."""

    code = "reflection-running"
    title = "An investor may still take money back, so the offer can't close yet"


class TargetNotReached(DomainError):
    code = "target-not-reached"
    title = "What came isn't enough to close this offer"


class IncomeLeft(DomainError):
    code = "income-left"
    title = "The offer's pool still holds income, which belongs to its investors"


class TermsRefused(DomainError):
    """`facts["fields"]` says what is wrong with which."""

    code = "terms-refused"
    title = "These terms don't make an offer"
    status = 422


class TermsFixed(DomainError):
    code = "terms-fixed"
    title = "A published offer keeps its terms; anything else is a new offer"


class CapBelowCommitted(DomainError):
    code = "cap-below-committed"
    title = "The cap can't be less than what is committed"
    status = 422


class CapBelowTarget(DomainError):
    code = "cap-below-target"
    title = "Under such a cap an all-or-nothing offer could never reach its target"
    status = 422


class DeadlineOver(DomainError):
    code = "deadline-over"
    title = "The deadline of this offer is over"


class NothingAtWork(DomainError):
    code = "nothing-at-work"
    title = "No investor's money is at work in this offer"


class DeedRefused(DomainError):
    """`facts["field"]` names what is wrong."""

    code = "deed-refused"
    title = "This can't be shared so"
    status = 422


class SharesChanged(DomainError):
    code = "shares-changed"
    title = "The investors' shares aren't those that were approved"
