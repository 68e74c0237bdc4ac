"""What officers type at the payments desk."""

from __future__ import annotations

from typing import Any

from django import forms

from core.money import Money
from ledger.forms import AmountFormField, currency_choices, require_decimals
from oversight.console import DocumentField, ReasonForm
from payments import rules
from payments.models import Deposit, PaymentMethod


class DocumentForm(ReasonForm):
    """A reason and the bank's paper."""

    bank_reference = forms.CharField(
        max_length=120, label="Bank's own reference", help_text="As the statement prints it; it counts once."
    )
    document = DocumentField("Advice or statement")
    field_order: tuple[str, ...] = ("bank_reference", "document", "reason")


class CreditForm(DocumentForm):
    """A credit as the bank's statement shows it."""

    amount = AmountFormField(label="Amount that arrived")
    currency = forms.ChoiceField(choices=currency_choices)
    value_on = forms.DateField(
        required=False,
        label="Bank's value date",
        widget=forms.DateInput,
        help_text="For information; the money is booked on the day of its approval.",
    )
    field_order: tuple[str, ...] = ("amount", "currency", "bank_reference", "value_on", "document", "reason")

    def clean(self) -> dict[str, Any] | None:
        require_decimals(self)
        return super().clean()

    def money(self) -> Money:
        """What arrived."""
        return Money(self.cleaned_data["amount"], self.cleaned_data["currency"])

    def facts(self) -> dict[str, Any]:
        """The arguments of the services that record a credit."""
        names = ("bank_reference", "value_on", "document", "reason")
        return {"amount": self.money(), **{name: self.cleaned_data[name] for name in names}}


class UnmatchedForm(CreditForm):
    """A credit that names no deposit."""

    cash_scope = forms.ChoiceField(label="Bank account")
    field_order: tuple[str, ...] = ("cash_scope", *CreditForm.field_order)

    def __init__(self, *args: Any, **arguments: Any) -> None:
        super().__init__(*args, **arguments)
        scopes = PaymentMethod.objects.order_by("cash_scope").values_list("cash_scope", flat=True).distinct()
        account = self.fields["cash_scope"]
        assert isinstance(account, forms.ChoiceField)
        account.choices = [(scope, scope) for scope in scopes]


class AllotForm(ReasonForm):
    """Which deposit a credit is for."""

    deposit = forms.CharField(
        max_length=20, label="Deposit's payment reference", help_text="Ten characters; the last is a check."
    )
    field_order: tuple[str, ...] = ("deposit", "reason")

    def clean_deposit(self) -> Deposit:
        """Find the deposit by the reference that somebody copied."""
        reference = rules.read_reference(self.cleaned_data["deposit"])
        if reference is None:
            raise forms.ValidationError("This is not a payment reference: its check character doesn't fit.")
        deposit = Deposit.objects.filter(reference=reference).select_related("investor").first()
        if deposit is None:
            raise forms.ValidationError("No deposit has this reference.")
        return deposit
