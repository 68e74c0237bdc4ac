"""What investments refuse, and the code that a client acts on."""

from __future__ import annotations

from core.errors import DomainError


class KycLevelRequired(DomainError):
    code = "kyc-level-required"
    title = "This product needs a higher KYC level before it can be funded"
    status = 422


class BelowMinimum(DomainError):
    code = "below-minimum"
    title = "The principal would be less than the product's minimum"
    status = 422


class AboveMaximum(DomainError):
    code = "above-maximum"
    title = "The principal would be more than the product's maximum"
    status = 422


class InsufficientPrincipal(DomainError):
    code = "insufficient-principal"
    title = "The position holds less than this"
    status = 422


class ProductRetired(DomainError):
    code = "product-retired"
    title = "This product is not on offer"


class DisclosureOutdated(DomainError):
    code = "disclosure-outdated"
    title = "Accept the product's present disclosure first"
    status = 422


class NotOpenForFunding(DomainError):
    code = "not-open-for-funding"
    title = "In its present state the position takes no money"


class NotToppedUp(DomainError):
    code = "not-topped-up"
    title = "A product with a term is funded once"


class ExitWaiting(DomainError):
    code = "exit-waiting"
    title = "The position is leaving already"


class PrincipalHeld(DomainError):
    code = "principal-held"
    title = "The principal can't leave while the position or its owner is suspended"


class LockedUntilMaturity(DomainError):
    code = "locked-until-maturity"
    title = "The principal can't leave before maturity"


class NotPausable(DomainError):
    code = "not-pausable"
    title = "This product can't be paused"


class NotReversible(DomainError):
    code = "not-reversible"
    title = "This can't be reversed any more"


class JustificationMissing(DomainError):
    code = "justification-missing"
    title = "A rate above the ceiling needs a written justification"
    status = 422


class ApprovalsMissing(DomainError):
    code = "approvals-missing"
    title = "This rate needs more approvals than were asked for; ask again"


class TermsRefused(DomainError):
    code = "terms-refused"
    title = "These terms don't make a product"
    status = 422
