"""Draft, activate and retire product versions, and set the rate ceiling: all with four eyes.

Source: docs/rules/returns.md §1.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Max

from core.commands import command
from core.errors import NotFound
from core.states import require_move
from investments.errors import ApprovalsMissing, JustificationMissing, ProductRetired, TermsRefused
from investments.models import Product, ProductVersion, RateCeiling
from investments.terms import TERMS
from ledger import amounts
from ledger.amounts import percent
from oversight import audit
from oversight import services as oversight
from oversight.models import ApprovalRequest
from oversight.permissions import require_permission
from oversight.states import move_to
from oversight.verbs import Verb
from protection import services as protection

Status = ProductVersion.Status

# Above the ceiling two others approve what one officer asks for.
APPROVALS_BELOW, APPROVALS_ABOVE = 1, 2
DRAFT = "investments.request_version"


@command
def draft_version(product_id: UUID, terms: Mapping[str, Any], *, by: Any, now: datetime) -> ProductVersion:
    """Write a further version of a product as a draft; nobody can open a position in it yet.

    `terms` names all of TERMS. Raises Forbidden, NotFound, TermsRefused.
    """
    require_permission(by, DRAFT)
    product = Product.objects.filter(pk=product_id).first()
    if product is None:
        raise NotFound("There is no such product.")
    return add_draft(Product.objects.lock(product.pk), terms, by=by, now=now)


def add_draft(product: Product, terms: Mapping[str, Any], *, by: Any, now: datetime) -> ProductVersion:
    """Append a draft to a locked product (step). Raises TermsRefused."""
    last = product.versions.aggregate(last=Max("number"))["last"] or 0
    version = ProductVersion(product=product, number=last + 1, **{name: terms[name] for name in TERMS})
    try:
        version.full_clean()
    except ValidationError as refused:
        raise TermsRefused(" ".join(refused.messages)) from refused
    version.save(force_insert=True)
    version.refresh_from_db()  # An approval hashes the figures as they are stored.
    figures = {"product": product.code, "number": version.number, "rate": str(version.rate)}
    audit.record("investments.version.drafted", actor=by, at=now, target=version, after=figures)
    return version


@command
def request_activation(
    version_id: UUID, *, by: Any, reason: str, now: datetime, justification: str = ""
) -> ApprovalRequest:
    """Ask that a draft become the version in which positions are opened.

    Raises NotFound, DisclosureChanged, IllegalMove, JustificationMissing, and what oversight refuses.
    """
    return ask_activation(_locked(version_id), by=by, reason=reason, now=now, justification=justification)


def ask_activation(
    version: ProductVersion, *, by: Any, reason: str, now: datetime, justification: str = ""
) -> ApprovalRequest:
    """Ask for a version of a locked product (step). Raises what `request_activation` raises."""
    protection.require_publishable(**_sheet(version))
    above = version.is_above(RateCeiling.objects.current())
    if above and not justification.strip():
        raise JustificationMissing
    if version.status == Status.DRAFT:
        move_to(version, Status.PENDING_APPROVAL, by=by, at=now, justification=justification.strip())
    else:
        require_move(ProductVersion.MOVES, version.status, Status.ACTIVE)
        version.justification = justification.strip()
        version.save(update_fields=["justification"])
    return oversight.ask(
        ACTIVATE.name,
        by=by,
        at=now,
        payload={"version": str(version.pk)},
        summary=_summary(version),
        target=version,
        approvals=approvals_needed(above_ceiling=above),
        reason=reason,
    )


def approvals_needed(*, above_ceiling: bool) -> int:
    return APPROVALS_ABOVE if above_ceiling else APPROVALS_BELOW


def apply_activation(request: ApprovalRequest, by: Any, now: datetime) -> ProductVersion:
    """Retire the active version and put this one in its place, for positions opened from now on (step).

    Its key information sheet is published. Raises ApprovalsMissing when the ceiling has fallen below its rate since,
    JustificationMissing, DisclosureChanged, IllegalMove.
    """
    version = _locked(UUID(request.payload["version"]))
    above = version.is_above(RateCeiling.objects.current())
    if request.approvals < approvals_needed(above_ceiling=above):
        raise ApprovalsMissing
    if above and not version.justification:
        raise JustificationMissing
    for former in version.product.versions.active():
        move_to(former, Status.RETIRED, by=by, at=now, reason=f"version {version.number} follows", retired_at=now)
    move_to(version, Status.ACTIVE, by=by, at=now, reason=request.reason, activated_at=now)
    protection.publish(**_sheet(version), title=version.product.display_name, by=by, now=now)
    return version


@command
def request_retirement(product_id: UUID, *, by: Any, reason: str, now: datetime) -> ApprovalRequest:
    """Ask that a product be taken off: nobody opens, funds or tops up a position in it any more.

    Raises ProductRetired when it isn't on offer, and what oversight refuses.
    """
    version = ProductVersion.objects.active().select_related("product").filter(product_id=product_id).first()
    if version is None:
        raise ProductRetired
    summary = [("Product", version.product.display_name), ("Version", str(version.number))]
    return oversight.ask(
        RETIRE.name,
        by=by,
        at=now,
        payload={"version": str(version.pk)},
        summary=[*summary, ("Open positions", "stay as they are")],
        target=version,
        reason=reason,
    )


def apply_retirement(request: ApprovalRequest, by: Any, now: datetime) -> ProductVersion:
    """Retire the active version without a successor (step)."""
    version = _locked(UUID(request.payload["version"]))
    move_to(version, Status.RETIRED, by=by, at=now, reason=request.reason, retired_at=now)
    return version


@command
def request_ceiling(rate: Decimal, *, by: Any, reason: str, now: datetime) -> ApprovalRequest:
    """Ask for another rate ceiling: a yearly fraction (0.36 is 36 %).

    Raises TermsRefused, and what oversight refuses.
    """
    if not rate.is_finite() or not 0 < rate < 100_000 or rate != round(rate, 12):
        raise TermsRefused("The ceiling is a positive yearly rate of at most 12 decimals.")
    present = RateCeiling.objects.current()
    return oversight.ask(
        CEILING.name,
        by=by,
        at=now,
        payload={"rate": str(rate)},
        summary=[("Ceiling now", percent(present)), ("Ceiling then", percent(rate))],
        reason=reason,
    )


def apply_ceiling(request: ApprovalRequest, by: Any, now: datetime) -> RateCeiling:
    """Append the new ceiling (step). Products on offer keep their terms; the badge follows."""
    return RateCeiling.objects.create(
        rate=Decimal(request.payload["rate"]), set_at=now, set_by=request.requested_by, approval=request.pk
    )


def rate(version: ProductVersion) -> str:
    """Write a version's rate for people: 25 % a month."""
    return f"{percent(version.rate)} a {version.rate_period}"


def _locked(version_id: UUID) -> ProductVersion:
    """Lock the product, and read its version: whatever writes one holds its product."""
    product_id = ProductVersion.objects.filter(pk=version_id).values_list("product_id", flat=True).first()
    if product_id is None:
        raise NotFound("There is no such version.")
    Product.objects.lock(product_id)
    return ProductVersion.objects.select_related("product").get(pk=version_id)


def _sheet(version: ProductVersion) -> dict[str, str]:
    """Name the key information sheet that an investor accepts for this version."""
    return {
        "subject": version.product.scope,
        "version": version.disclosure_version,
        "body": version.disclosure,
    }


def _summary(version: ProductVersion) -> list[tuple[str, str]]:
    ceiling = RateCeiling.objects.current()
    above = version.is_above(ceiling)
    term = "open-ended" if version.term_days is None else f"{version.term_days} days"
    lines = [
        ("Product", f"{version.product.display_name}, version {version.number}"),
        ("Rate", f"{rate(version)}, paid {version.get_payout_display()}"),
        ("A year, simple", f"{percent(version.yearly_equivalent)}; the ceiling is {percent(ceiling)}"),
        ("Minimum", amounts.show(version.minimum, version.product.currency)),
        ("Term", term + (", locked" if version.locked else "")),
        ("Approvals", str(approvals_needed(above_ceiling=above))),
    ]
    if above:
        lines.append(("Above the ceiling because", version.justification))
    return lines


ACTIVATE = Verb(
    name="activate_product_version",
    title="Activate a product version",
    request_permission=DRAFT,
    approve_permission="investments.approve_version",
    apply=apply_activation,
    target_model=ProductVersion,
    target_fields=(*TERMS, "justification"),
)
RETIRE = Verb(
    name="retire_product",
    title="Take a product off",
    request_permission="investments.request_retirement",
    approve_permission="investments.approve_retirement",
    apply=apply_retirement,
    target_model=ProductVersion,
    target_fields=("status",),
)
CEILING = Verb(
    name="set_rate_ceiling",
    title="Set the rate ceiling",
    request_permission="investments.request_ceiling",
    approve_permission="investments.approve_ceiling",
    apply=apply_ceiling,
)
