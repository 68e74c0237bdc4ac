"""What an officer asks for: the terms of a verb and the paper behind it, checked and frozen as a payload."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any, Final
from uuid import UUID

import pycountry
from django.contrib.auth import get_user_model

from core.errors import DomainError, NotFound
from ledger import accounts
from ledger.models import Account, Currency
from ledger.posting import Move
from treasury import hooks
from treasury.models import Asset, Relation, Verb
from treasury.services.shapes import SHAPES, Shape, Side

_SCOPE: Final = re.compile(r"(product|offer):[a-z0-9][a-z0-9-]{0,55}")
_WIDE: Final = Context(prec=80)
_CAUSES: Final = ("costs", "fx", "break", "bad_debt")
_CASH: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class InvalidTerms(DomainError):
    """What was asked for makes no sense; `facts["field"]` names the term."""

    code = "invalid-terms"
    title = "This can't be asked for so"
    status = 422


class UnknownAsset(NotFound):
    code = "unknown-asset"
    title = "There is no such asset"


class UnknownCashAccount(NotFound):
    code = "unknown-cash-account"
    title = "The ledger has no cash account of that name and currency"


class UnknownInvestor(NotFound):
    code = "unknown-investor"
    title = "There is no such investor"


@dataclass(frozen=True, slots=True)
class Counterparty:
    """Who stands on the other side: name, ISO 3166-1 alpha-2 country, relation to the firm."""

    name: str
    country: str
    relation: str

    def require_whole(self) -> None:
        """Raise InvalidTerms unless all three are given and known."""
        if not self.name.strip() or len(self.name) > 140:
            raise InvalidTerms("The counterparty's name is missing, or longer than 140 characters.", field="name")
        if len(self.country) != 2 or pycountry.countries.get(alpha_2=self.country) is None:
            raise InvalidTerms("The counterparty's country is an ISO 3166-1 code.", field="country")
        if self.relation not in Relation.values:
            raise InvalidTerms("The relation to the firm is one of the list.", field="relation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a verb is asked with; which of these it needs, its Shape says.

    `scope` is a product's (`product:<code>`) or, for `make_good`, a cause; an asset brings its own scope and currency.
    `income_basis` quotes what in the evidence says that a receipt is income while the asset stands at cost.
    """

    amount: Decimal
    currency: str = ""
    asset: UUID | None = None
    scope: str = ""
    cash: str = ""
    to_cash: str = ""
    purse: str = ""
    investor: UUID | None = None
    counterparty: Counterparty | None = None
    income_basis: str = ""

    def frozen(self) -> dict[str, Any]:
        """Return the terms as JSON, for an approval's payload."""
        party = self.counterparty
        return {
            "amount": f"{self.amount:f}",
            "currency": self.currency,
            "asset": str(self.asset) if self.asset else "",
            "scope": self.scope,
            "cash": self.cash,
            "to_cash": self.to_cash,
            "purse": self.purse,
            "investor": str(self.investor) if self.investor else "",
            "counterparty": [party.name, party.country, party.relation] if party else [],
            "income_basis": self.income_basis,
        }

    @classmethod
    def thaw(cls, payload: dict[str, Any]) -> Terms:
        """Return the terms that `frozen` wrote."""
        return cls(
            amount=Decimal(payload["amount"]),
            currency=payload["currency"],
            asset=UUID(payload["asset"]) if payload["asset"] else None,
            scope=payload["scope"],
            cash=payload["cash"],
            to_cash=payload["to_cash"],
            purse=payload["purse"],
            investor=UUID(payload["investor"]) if payload["investor"] else None,
            counterparty=Counterparty(*payload["counterparty"]) if payload["counterparty"] else None,
            income_basis=payload["income_basis"],
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a side of a movement stands: an account by its names, whether or not it is open yet."""

    kind: str
    currency: str
    scope: str
    subject: str
    owner: Any

    @property
    def key(self) -> tuple[str, str, str]:
        """How coverage names it."""
        return self.kind, self.scope, self.subject

    def find(self) -> Account | None:
        """Return the account, or None if it was never opened."""
        return Account.objects.filter(
            kind=self.kind, currency_id=self.currency, scope=self.scope, subject=self.subject, owner=self.owner
        ).first()

    def open(self) -> Account:
        """Return the account; open it if need be. A step."""
        return accounts.open_account(self.kind, self.currency, owner=self.owner, subject=self.subject, scope=self.scope)

    def __str__(self) -> str:
        return ":".join(part for part in (self.kind, self.scope) if part) + f" {self.currency}"


@dataclass(frozen=True, slots=True)
class Case:
    """A verb with its terms resolved: accounts, asset and investor are known."""

    shape: Shape
    terms: Terms
    currency: str
    scope: str
    asset: Asset | None
    investor: Any
    debit: Place
    credit: Place

    @property
    def kind(self) -> str:
        """The kind of transaction that is posted."""
        return self.shape.kind_for(self.scope)

    def open_moves(self) -> list[Move]:
        """Return what is posted; accounts that aren't there yet are opened. A step."""
        return [Move(self.debit.open(), self.credit.open(), self.terms.amount)]


def require_amount(
    amount: Decimal, currency: Currency, *, may_be_zero: bool = False, may_be_negative: bool = False
) -> None:
    """Raise InvalidTerms for what isn't an exact amount of that currency."""
    if not amount.is_finite() or amount.adjusted() > 19:
        raise InvalidTerms("The amount isn't a number, or too large.", field="amount")
    if (amount < 0 and not may_be_negative) or (amount == 0 and not may_be_zero):
        raise InvalidTerms("The amount must be above zero.", field="amount")
    if amount != amount.quantize(currency.unit, context=_WIDE):
        raise InvalidTerms(f"{currency.code} has {currency.exponent} decimals.", field="amount")


def resolve(verb: Verb, terms: Terms) -> Case:
    """Check a verb's terms and name its accounts; nothing is written.

    Raises InvalidTerms, UnknownAsset, UnknownCashAccount, UnknownInvestor, UnknownCurrency.
    """
    shape = SHAPES[verb]
    _require_needs(shape, terms)
    asset = find_asset(terms.asset) if terms.asset else None
    currency = asset.currency_id if asset else terms.currency
    scope = asset.scope if asset else terms.scope
    require_amount(terms.amount, accounts.require_currency(currency))
    if asset or "scope" in shape.needs:
        _require_scope(shape, scope, currency)
    for name in ("cash", "to_cash"):
        if name in shape.needs:
            require_cash(getattr(terms, name), currency, may_open=shape.opens_cash and name == _opened(shape))
    if terms.to_cash and terms.to_cash == terms.cash:
        raise InvalidTerms("Money moves between two accounts.", field="to_cash")
    investor = _find_investor(terms.investor) if terms.investor else None
    named: dict[str, Any] = {"currency": currency, "scope": scope, "asset": asset, "investor": investor}
    debit, credit = (_place(side, terms, **named) for side in (shape.debit, shape.credit))
    return Case(shape, terms, currency, scope, asset, investor, debit, credit)


def find_asset(asset_id: UUID) -> Asset:
    """Return an asset. Raises UnknownAsset."""
    asset = Asset.objects.filter(pk=asset_id).first()
    if asset is None:
        raise UnknownAsset
    return asset


def require_cash(name: str, currency: str, *, may_open: bool = False) -> None:
    """Raise unless the ledger has that cash account, or it may be opened. Raises InvalidTerms, UnknownCashAccount."""
    if not _CASH.fullmatch(name):
        raise InvalidTerms("A cash account's name is lower-case letters, digits, - and _.", field="cash")
    if not may_open and not Account.objects.filter(kind="cash", scope=name, currency_id=currency).exists():
        raise UnknownCashAccount(cash=name, currency=currency)


def require_product_scope(scope: str, currency: str) -> None:
    """Raise InvalidTerms unless the money of this scope is the treasury's, as far as rooms above have said."""
    if not _SCOPE.fullmatch(scope):
        raise InvalidTerms("A scope is product:<code>.", field="scope")
    if hooks.scopes.providers and (scope, currency) not in hooks.scopes():
        raise InvalidTerms(f"No money of {scope} in {currency} is the treasury's.", field="scope")


def _opened(shape: Shape) -> str:
    return "to_cash" if "to_cash" in shape.needs else "cash"


def _require_needs(shape: Shape, terms: Terms) -> None:
    for name in shape.needs:
        if not getattr(terms, name):
            raise InvalidTerms(f"{shape.verb.label}: {name} is missing.", field=name)
    if shape.purses and terms.purse not in shape.purses:
        raise InvalidTerms(f"It comes from {' or '.join(shape.purses)}.", field="purse")
    if shape.names_counterparty:
        if terms.counterparty is None:
            raise InvalidTerms("The counterparty is missing.", field="counterparty")
        terms.counterparty.require_whole()
    elif terms.counterparty is not None:
        raise InvalidTerms("This names no counterparty.", field="counterparty")


def _require_scope(shape: Shape, scope: str, currency: str) -> None:
    if shape.verb == Verb.MAKE_GOOD and scope in _CAUSES:
        return
    require_product_scope(scope, currency)


def _find_investor(investor_id: UUID) -> Any:
    investor = get_user_model().objects.filter(pk=investor_id).first()
    if investor is None:
        raise UnknownInvestor
    return investor


def _place(side: Side, terms: Terms, *, currency: str, scope: str, asset: Asset | None, investor: Any) -> Place:
    return Place(
        kind=side.kind or terms.purse,
        currency=currency,
        scope={"scope": scope, "cash": terms.cash, "to_cash": terms.to_cash, "": side.fixed}[side.scope],
        subject=asset.subject if side.is_asset and asset else side.subject,
        owner=investor if side.is_owned else None,
    )
