"""One page a verb: its form, then the balances and the coverage before and after, then the request."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.http import HttpRequest
from django.utils import timezone
from unfold.enums import ActionVariant

from oversight.console import ActionPage, ListPage
from oversight.console.shown import THEN
from treasury import services
from treasury.admin.forms import AssetForm, MovementForm, PaperForm, StatementForm, ValuationForm
from treasury.models import Asset, TreasuryMovement, Verb
from treasury.services import Terms, movements, previews, proofs, reversals
from treasury.services.shapes import SHAPES

Figures = Iterable[tuple[str, Any]]


class Movement(ActionPage):
    """What the pages of all verbs have in common; `obj` is the asset, or None."""

    permission = movements.MAY_ASK
    verb: ClassVar[Verb]

    def make_form(self, request: HttpRequest, obj: Any, **arguments: Any) -> forms.Form:
        return MovementForm(shape=SHAPES[self.verb], asset=obj, **arguments)

    def drifting(self, obj: Any) -> tuple[str, ...]:
        return previews.DRIFTING

    def preview(self, obj: Any, form: Any) -> Figures:
        asked, paper = Terms(**form.asked()), form.paper()
        case = movements.check(self.verb, terms_asked=asked, paper=paper, reason=form.cleaned_data["reason"])
        return [("What", self.verb.label), *movements.summarise(case, paper), THEN]

    def run(self, obj: Any, form: Any, by: Any, now: datetime) -> Any:
        request = services.REQUESTS[self.verb]
        return request(**form.asked(), paper=form.paper(), reason=form.cleaned_data["reason"], by=by, now=now)


class Deploy(Movement):
    verb = Verb.DEPLOY
    title = "Put client money to work"
    button_text = "Deploy"
    icon = "trending_up"
    words = "Debits the asset, credits the bank. Refused while investors of the product wait for their money."


class Divest(Movement):
    verb = Verb.DIVEST
    title = "Capital came back"
    icon = "undo"
    words = "A receipt is capital up to the asset's cost, unless the evidence says that it is income."


class RecordIncome(Movement):
    verb = Verb.RECORD_INCOME
    title = "Record income"
    icon = "payments"
    words = "Goes into the product's returns pool, from which returns are paid."


class WriteDown(Movement):
    verb = Verb.WRITE_DOWN
    title = "Write down"
    icon = "trending_down"
    variant = ActionVariant.DANGER
    words = "A loss that the firm bears: it stands as a shortfall, and coverage falls, until the firm makes it good."


class WriteUp(Movement):
    verb = Verb.WRITE_UP
    title = "Write up"
    icon = "north_east"
    words = "A loss that was recovered."


class PayInCapital(Movement, ListPage):
    verb = Verb.PAY_IN_CAPITAL
    title = "Pay in capital"


class TakeOutCapital(Movement, ListPage):
    verb = Verb.TAKE_OUT_CAPITAL
    title = "Take out capital"
    variant = ActionVariant.DANGER


class FundPool(Movement, ListPage):
    verb = Verb.FUND_POOL
    title = "Fund a returns pool"
    words = "The firm's capital goes into a product's pool; it can't be taken out but as a surplus."


class ReleasePool(Movement, ListPage):
    verb = Verb.RELEASE_POOL
    title = "Release a surplus"
    words = "The pool keeps all that is earned and unpaid, and 30 days of mean accrual."


class MakeGood(Movement, ListPage):
    verb = Verb.MAKE_GOOD
    title = "Make a shortfall good"
    words = "The firm's capital, fees or penalties fill a hole; coverage rises."


class SweepFees(Movement, ListPage):
    verb = Verb.SWEEP_FEES
    title = "Sweep fees"
    words = "The firm's fees or penalties leave the client bank."


class ProviderCost(Movement, ListPage):
    verb = Verb.PROVIDER_COST
    title = "Charge of a bank"


class CashMove(Movement, ListPage):
    verb = Verb.CASH_MOVE
    title = "Move between banks"


class BankInterest(Movement, ListPage):
    verb = Verb.BANK_INTEREST
    title = "Interest received"


class CashMissing(Movement, ListPage):
    verb = Verb.CASH_MISSING
    title = "Bank has less"
    variant = ActionVariant.DANGER


class CashSurplus(Movement, ListPage):
    verb = Verb.CASH_SURPLUS
    title = "Bank has more"


class SuspenseAllot(Movement, ListPage):
    verb = Verb.SUSPENSE_ALLOT
    title = "Allot unmatched money"


class SuspenseReturn(Movement, ListPage):
    verb = Verb.SUSPENSE_RETURN
    title = "Send unmatched back"


class GiveGoodwill(Movement, ListPage):
    verb = Verb.GOODWILL
    title = "Goodwill"


class TakeBackCredit(Movement, ListPage):
    verb = Verb.CORRECTION
    title = "Take back a credit"
    variant = ActionVariant.DANGER
    words = "A credit made by mistake goes from the investor's wallet to suspense."


class OpenAsset(ListPage):
    title = "Open an asset"
    permission = proofs.MAY_OPEN_ASSET
    form_class = AssetForm
    icon = "add"
    words = "Nothing moves: money reaches an asset only when two officers deploy it."

    def preview(self, obj: Any, form: Any) -> Figures:
        scope, _, currency = form.cleaned_data["place"].partition("|")
        return [("Product", scope), ("Currency", currency), ("Name, public", form.cleaned_data["name"])]

    def run(self, obj: Any, form: Any, by: Any, now: datetime) -> Asset:
        scope, _, currency = form.cleaned_data["place"].partition("|")
        return services.open_asset(scope=scope, currency=currency, name=form.cleaned_data["name"], by=by, now=now)


class ValueAsset(ActionPage):
    title = "Record a valuation"
    permission = proofs.MAY_ASK
    form_class = ValuationForm
    icon = "price_check"
    words = "Posts nothing: coverage counts the lower of cost and value, for 90 days."

    def drifting(self, obj: Asset) -> tuple[str, ...]:
        return previews.DRIFTING

    def preview(self, obj: Asset, form: Any) -> Figures:
        given = form.cleaned_data
        return [
            *proofs.preview_valuation(obj.pk, amount=given["amount"], valued_on=given["valued_on"], now=timezone.now()),
            ("Evidence", f"{given['source']}: {given['reference']}"),
            THEN,
        ]

    def run(self, obj: Asset, form: Any, by: Any, now: datetime) -> Any:
        given = form.cleaned_data
        return services.request_value_asset(
            asset=obj.pk,
            amount=given["amount"],
            valued_on=given["valued_on"],
            paper=form.paper(),
            reason=given["reason"],
            by=by,
            now=now,
        )


class RecordStatementBalance(ListPage):
    title = "Record a statement balance"
    permission = proofs.MAY_ASK
    form_class = StatementForm
    icon = "add"
    words = "Posts nothing: coverage counts the lower of books and statement, for 3 days."

    def drifting(self, obj: Any) -> tuple[str, ...]:
        return proofs.DRIFTING

    def preview(self, obj: Any, form: Any) -> Figures:
        given = form.cleaned_data
        cash, _, currency = given["place"].partition("|")
        return [
            *proofs.preview_statement(cash, currency, balance=given["amount"], day=given["day"], now=timezone.now()),
            ("Evidence", f"{given['source']}: {given['reference']}"),
            THEN,
        ]

    def run(self, obj: Any, form: Any, by: Any, now: datetime) -> Any:
        given = form.cleaned_data
        cash, _, currency = given["place"].partition("|")
        return services.request_record_statement_balance(
            cash=cash,
            currency=currency,
            balance=given["amount"],
            day=given["day"],
            paper=form.paper(),
            reason=given["reason"],
            by=by,
            now=now,
        )


class ReverseMovement(ActionPage):
    title = "Reverse it"
    permission = reversals.MAY_ASK
    form_class = PaperForm
    icon = "history"
    variant = ActionVariant.DANGER
    words = "Its exact mirror is posted, once. What is right may then be posted on the same paper."

    def is_offered(self, user: Any, obj: TreasuryMovement) -> bool:
        return obj.verb != Verb.REVERSE and not TreasuryMovement.objects.filter(reverses=obj).exists()

    def drifting(self, obj: TreasuryMovement) -> tuple[str, ...]:
        return previews.DRIFTING

    def preview(self, obj: TreasuryMovement, form: Any) -> Figures:
        given = form.cleaned_data
        return [
            *reversals.preview_reversal(obj),
            ("Evidence", f"{given['source']}: {given['reference']}"),
            THEN,
        ]

    def run(self, obj: TreasuryMovement, form: Any, by: Any, now: datetime) -> Any:
        return services.request_reversal(obj.pk, paper=form.paper(), reason=form.cleaned_data["reason"], by=by, now=now)


MENU: tuple[tuple[str, str, tuple[type[Movement], ...]], ...] = (
    ("Capital", "account_balance_wallet", (PayInCapital, TakeOutCapital, MakeGood, SweepFees)),
    ("Pools", "savings", (FundPool, ReleasePool)),
    ("Banks", "account_balance", (CashMove, BankInterest, ProviderCost, CashMissing, CashSurplus)),
    ("Investors", "person", (SuspenseAllot, SuspenseReturn, GiveGoodwill, TakeBackCredit)),
)
"""The verbs without a row of their own, as they stand above the list of movements."""
