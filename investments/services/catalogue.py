"""Load the reference catalogue: products, and drafts of their versions that wait for approval. Idempotent.

Source: docs/rules/returns.md §1.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError

from core.commands import command
from investments.errors import TermsRefused
from investments.models import Product, ProductVersion, RateCeiling
from investments.services import versions
from investments.terms import TERMS
from ledger import accounts
from oversight import audit
from oversight.permissions import require_permission

FOLDER = Path(__file__).resolve().parents[1] / "catalogue"
REASON = "Loaded from the catalogue"

DEFAULTS: Mapping[str, Any] = {
    "maximum": None,
    "day_count": "",
    "term_days": None,
    "locked": False,
    "pausable": True,
    "early_exit_penalty": "0",
    "kyc_level": 1,
    "features": [],
}
NUMBERS = ("minimum", "maximum", "rate", "early_exit_penalty")


@dataclass(frozen=True, slots=True)
class Entry:
    """A product of the catalogue with all of its terms."""

    code: str
    kind: str
    display_name: str
    currency: str
    rank: int
    terms: dict[str, Any]
    justification: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of an entry: `outcome` is `activation asked` or `unchanged`."""

    version: ProductVersion
    outcome: str
    above_ceiling: bool


def read(folder: Path = FOLDER) -> list[Entry]:
    """Read every entry of the catalogue's files. Raises TermsRefused for a file that isn't one."""
    try:
        files = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
        return [_entry(file, rank, product) for file in files for rank, product in enumerate(file["products"])]
    except (ValueError, KeyError, ArithmeticError) as broken:
        raise TermsRefused(f"The catalogue can't be read: {broken!r}") from broken


@command
def load_catalogue(entries: Iterable[Entry], *, by: Any, now: datetime) -> list[Loaded]:
    """Make what is missing, as drafts, and ask for their activation; what is there already stays untouched.

    Raises Forbidden, TermsRefused, UnknownCurrency, JustificationMissing.
    """
    require_permission(by, versions.DRAFT)
    return [_load(entry, by=by, now=now) for entry in entries]


def _load(entry: Entry, *, by: Any, now: datetime) -> Loaded:
    accounts.require_currency(entry.currency)
    product = _product(entry, by=by, now=now)
    latest = product.versions.order_by("-number").select_related("product").first()
    if latest is not None and latest.status != ProductVersion.Status.DRAFT and _same(latest, entry):
        return Loaded(latest, "unchanged", latest.is_above(RateCeiling.objects.current()))
    if latest is None or not _same(latest, entry):
        latest = versions.add_draft(product, entry.terms, by=by, now=now)
    versions.ask_activation(latest, by=by, reason=REASON, now=now, justification=entry.justification)
    return Loaded(latest, "activation asked", latest.is_above(RateCeiling.objects.current()))


def _product(entry: Entry, *, by: Any, now: datetime) -> Product:
    names = {"kind": entry.kind, "display_name": entry.display_name, "currency": entry.currency, "rank": entry.rank}
    product, created = Product.objects.get_or_create(code=entry.code, defaults=names)
    if created:
        audit.record("investments.product.added", actor=by, at=now, target=product, after={"code": product.code})
    elif (product.kind, product.currency) != (entry.kind, entry.currency):
        raise TermsRefused(f"{entry.code} is a {product.kind} in {product.currency} already.")
    return Product.objects.lock(product.pk)


def _same(version: ProductVersion, entry: Entry) -> bool:
    candidate = ProductVersion(**entry.terms)
    try:
        candidate.clean_fields(exclude=["product", "number", "status"])
    except ValidationError as refused:
        raise TermsRefused(f"{entry.code}: {' '.join(refused.messages)}") from refused
    return all(getattr(version, name) == getattr(candidate, name) for name in TERMS)


def _entry(file: Mapping[str, Any], rank: int, product: Mapping[str, Any]) -> Entry:
    given = {**DEFAULTS, **file.get("common", {}), **product}
    terms = {name: given[name] for name in TERMS}
    for name in NUMBERS:
        if terms[name] is not None:
            terms[name] = Decimal(terms[name])
    return Entry(
        code=given["code"],
        kind=file["kind"],
        display_name=given["display_name"],
        currency=file["currency"],
        rank=rank,
        terms=terms,
        justification=given.get("justification", ""),
    )
