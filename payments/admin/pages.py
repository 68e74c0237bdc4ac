"""The pages on which an officer asks: a form, the figures, then the request for another officer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils import timezone
from unfold.enums import ActionVariant

from ledger import amounts
from oversight.console import ActionPage, ListPage, ReasonForm
from oversight.console.shown import THEN
from payments.admin.forms import AllotForm, CreditForm, DocumentForm, UnmatchedForm
from payments.models import BankCredit, Deposit
from payments.rules import Placement
from payments.services import credits, reversals, suspense

Figures = Iterable[tuple[str, Any]]


class RecordCredit(ActionPage):
    title = "Record the bank credit"
    icon = "add_card"
    variant = ActionVariant.PRIMARY
    permission = "payments.request_deposit_confirmation"
    form_class = CreditForm
    words = "Type what the bank's statement shows, not what was asked. Another amount or currency goes to suspense."

    def is_offered(self, user: Any, obj: Deposit) -> bool:
        return obj.is_payable and obj.investor_id != user.pk

    def initial(self, request: HttpRequest, obj: Deposit) -> dict[str, Any]:
        return {"currency": obj.currency_id}

    def preview(self, obj: Deposit, form: Any) -> Figures:
        given = form.cleaned_data
        credit = credits.read_credit(
            obj.method.cash_scope,
            bank_reference=given["bank_reference"],
            amount=form.money(),
            value_on=given["value_on"],
            now=timezone.now(),
        )
        yield "Investor", obj.investor
        yield from credits.describe(credit, obj)
        if credit.placement(obj) is Placement.SUSPENSE:
            yield "Because", "it isn't exactly what was asked; it stays there until it is allotted or sent back"
        elif obj.position_id is not None:
            yield "And then", "the position that the deposit names is funded with it, if it takes the money"
        yield THEN

    def run(self, obj: Deposit, form: Any, by: Any, now: datetime) -> Any:
        return credits.request_confirmation(obj.pk, by=by, now=now, **form.facts())


class ReverseDeposit(ActionPage):
    title = "Reverse this deposit"
    icon = "undo"
    variant = ActionVariant.DANGER
    permission = "payments.request_deposit_reversal"
    form_class = ReasonForm
    words = "Books the exact mirror of what credited the investor, once. Refused while the wallet doesn't cover it."

    def is_offered(self, user: Any, obj: Deposit) -> bool:
        return obj.status == Deposit.Status.CONFIRMED and obj.investor_id != user.pk

    def preview(self, obj: Deposit, form: forms.Form) -> Figures:
        yield "Investor", obj.investor
        yield from reversals.describe(obj)
        yield THEN

    def run(self, obj: Deposit, form: forms.Form, by: Any, now: datetime) -> Any:
        return reversals.request_deposit_reversal(obj.pk, by=by, now=now, reason=form.cleaned_data["reason"])


class RecordUnmatchedCredit(ListPage):
    title = "Record a credit that matches nothing"
    button_text = "Record an unmatched credit"
    icon = "add"
    variant = ActionVariant.PRIMARY
    permission = "payments.request_suspense"
    form_class = UnmatchedForm
    words = "Money in the bank that names no deposit goes to suspense, until it is allotted or sent back."

    def preview(self, obj: None, form: Any) -> Figures:
        given = form.cleaned_data
        credit = credits.read_credit(
            given["cash_scope"],
            bank_reference=given["bank_reference"],
            amount=form.money(),
            value_on=given["value_on"],
            now=timezone.now(),
        )
        yield from credits.describe(credit, None)
        yield THEN

    def run(self, obj: None, form: Any, by: Any, now: datetime) -> Any:
        return credits.request_unmatched_credit(form.cleaned_data["cash_scope"], by=by, now=now, **form.facts())


class HeldPage(ActionPage):
    """What is done with a credit in suspense."""

    permission = "payments.request_suspense"

    def is_offered(self, user: Any, obj: BankCredit) -> bool:
        return obj.status == BankCredit.Status.HELD


class AllotCredit(HeldPage):
    title = "Allot to a deposit"
    icon = "person_check"
    variant = ActionVariant.PRIMARY
    form_class = AllotForm
    words = "Credits the deposit's investor with what arrived, whatever the deposit asked for."

    def initial(self, request: HttpRequest, obj: BankCredit) -> dict[str, Any]:
        return {"deposit": obj.deposit.shown_reference} if obj.deposit else {}

    def preview(self, obj: BankCredit, form: forms.Form) -> Figures:
        deposit = form.cleaned_data["deposit"]
        yield from suspense.describe(obj)
        yield "Deposit", f"{deposit.shown_reference}, {deposit.get_status_display()}"
        yield "Investor", deposit.investor
        yield "Asked", amounts.show(deposit.amount, deposit.currency_id)
        yield "Will be booked", f"debit suspense, credit the investor's available balance: {suspense.show(obj)}"
        yield THEN

    def run(self, obj: BankCredit, form: forms.Form, by: Any, now: datetime) -> Any:
        given = form.cleaned_data
        return suspense.request_allotment(
            obj.pk, deposit_id=given["deposit"].pk, by=by, now=now, reason=given["reason"]
        )


class ReturnCredit(HeldPage):
    title = "Book as sent back"
    icon = "keyboard_return"
    form_class = DocumentForm
    words = "For money that the bank has sent back already: the reference and the paper are those of that payment."

    def preview(self, obj: BankCredit, form: forms.Form) -> Figures:
        yield from suspense.describe(obj)
        yield "Sent back with the bank's reference", form.cleaned_data["bank_reference"]
        yield "Will be booked", f"debit suspense, credit cash: {suspense.show(obj)}"
        yield THEN

    def run(self, obj: BankCredit, form: forms.Form, by: Any, now: datetime) -> Any:
        return suspense.request_return(obj.pk, by=by, now=now, **form.cleaned_data)


class ReverseCredit(HeldPage):
    title = "Reverse this credit"
    icon = "undo"
    variant = ActionVariant.DANGER
    permission = "payments.request_deposit_reversal"
    form_class = ReasonForm
    words = "For a credit that was recorded by mistake: books its exact mirror, once."

    def preview(self, obj: BankCredit, form: forms.Form) -> Figures:
        yield from suspense.describe(obj)
        yield "Will be booked", f"debit suspense, credit cash: {suspense.show(obj)}"
        yield THEN

    def run(self, obj: BankCredit, form: forms.Form, by: Any, now: datetime) -> Any:
        return reversals.request_credit_reversal(obj.pk, by=by, now=now, reason=form.cleaned_data["reason"])
