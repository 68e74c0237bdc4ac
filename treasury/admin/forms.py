"""The forms of the verbs: what a Shape needs, with choices instead of names to type."""

from __future__ import annotations

from typing import Any

import pycountry
from django import forms
from django.contrib.auth import get_user_model

from ledger.models import Account, Currency
from oversight.console import DocumentField, ReasonField
from treasury import hooks
from treasury.models import Asset, Relation, Verb
from treasury.services import Counterparty, Paper
from treasury.services.shapes import Shape


class PaperForm(forms.Form):
    """A reason and the paper behind a request."""

    source = forms.CharField(max_length=64, label="Issuer of the document", help_text="The bank, broker or notary.")
    reference = forms.CharField(
        max_length=140, label="Its own reference", help_text="As printed on it; it counts for one posting only."
    )
    document = DocumentField()
    reason = ReasonField()

    def paper(self) -> Paper:
        """Return the paper that was handed in."""
        upload = self.cleaned_data["document"]
        upload.seek(0)
        return Paper(
            source=self.cleaned_data["source"],
            reference=self.cleaned_data["reference"],
            name=upload.name,
            content=upload.read(),
        )


class MovementForm(PaperForm):
    """What one verb asks for; the asset, where there is one, is the page's own row."""

    def __init__(self, *args: Any, shape: Shape, asset: Asset | None = None, **arguments: Any) -> None:
        super().__init__(*args, **arguments)
        self.shape, self.asset = shape, asset
        fields = {**self._places(), **self._parties(), **self.fields}
        self.fields = fields

    def _places(self) -> dict[str, forms.Field]:
        needs = self.shape.needs
        fields: dict[str, forms.Field] = {}
        if "scope" in needs:
            fields["place"] = forms.ChoiceField(label="Product or cause", choices=self._scopes())
        if self.shape.opens_cash and "to_cash" not in needs:
            fields["cash"] = forms.CharField(max_length=40, label="Bank account", help_text="A new name opens it.")
            fields["currency"] = forms.ModelChoiceField(Currency.objects.all())
        elif "cash" in needs:
            fields["place"] = forms.ChoiceField(label="Bank account", choices=self._cash_accounts())
        elif "scope" not in needs and "currency" in needs:
            fields["currency"] = forms.ModelChoiceField(Currency.objects.all())
        if "to_cash" in needs:
            fields["to_cash"] = forms.CharField(
                max_length=40, label="To bank account", help_text="A new name opens it."
            )
        if self.shape.purses:
            fields["purse"] = forms.ChoiceField(label="From", choices=[(name, name) for name in self.shape.purses])
        if "investor" in needs:
            fields["investor"] = forms.CharField(max_length=16, label="Investor's referral code")
        fields["amount"] = forms.DecimalField(max_digits=38, decimal_places=18)
        return fields

    def _parties(self) -> dict[str, forms.Field]:
        fields: dict[str, forms.Field] = {}
        if self.shape.names_counterparty:
            countries = sorted((country.alpha_2, country.name) for country in pycountry.countries)
            fields["counterparty"] = forms.CharField(max_length=140, label="Counterparty")
            fields["country"] = forms.ChoiceField(label="Its country", choices=[("", "–"), *countries])
            fields["relation"] = forms.ChoiceField(
                label="Its relation to the firm",
                choices=[("", "–"), *Relation.choices],
                help_text="The public sees only whether there is one.",
            )
        if self.shape.verb == Verb.RECORD_INCOME:
            fields["income_basis"] = forms.CharField(
                required=False,
                max_length=300,
                label="What in the document says income",
                help_text="Needed while the asset stands at cost: otherwise a receipt is capital.",
            )
        return fields

    def _cash_accounts(self) -> list[tuple[str, str]]:
        accounts = Account.objects.filter(kind="cash").order_by("scope", "currency_id")
        if self.asset is not None:
            accounts = accounts.filter(currency_id=self.asset.currency_id)
        return [_choice(scope, currency) for scope, currency in accounts.values_list("scope", "currency_id")]

    def _scopes(self) -> list[tuple[str, str]]:
        if self.shape.verb == Verb.MAKE_GOOD:
            standing = [row for row in Account.objects.filter(kind="shortfall") if row.live_balance > 0]
            return [_choice(*pair) for pair in sorted({(row.scope, row.currency_id) for row in standing})]
        known = set(hooks.scopes()) | set(
            Account.objects.filter(kind__in=["returns_pool", "principal"])
            .values_list("scope", "currency_id")
            .distinct()
        )
        return [_choice(*pair) for pair in sorted(known)]

    def clean_investor(self) -> Any:
        """Find the person by the code that stands on their page."""
        people = get_user_model()
        code = self.cleaned_data["investor"].strip().upper()
        person = people.objects.filter(**{people.USERNAME_FIELD: code}).first()
        if person is None:
            raise forms.ValidationError("Nobody has that referral code.")
        return person.pk

    def asked(self) -> dict[str, Any]:
        """Return the keywords of Terms."""
        given = self.cleaned_data
        asked: dict[str, Any] = {"amount": given["amount"]}
        asked |= {
            name: given[name] for name in ("cash", "to_cash", "purse", "investor", "income_basis") if name in given
        }
        if "currency" in given:
            asked["currency"] = given["currency"].pk
        if "place" in given:
            name, asked["currency"] = given["place"].split("|")
            asked["scope" if "scope" in self.shape.needs else "cash"] = name
        if self.asset is not None:
            asked |= {"asset": self.asset.pk, "currency": self.asset.currency_id}
        if self.shape.names_counterparty:
            asked["counterparty"] = Counterparty(given["counterparty"], given["country"], given["relation"])
        return asked


class AssetForm(forms.Form):
    """A new asset of a product."""

    place = forms.ChoiceField(label="Product")
    name = forms.CharField(max_length=120, help_text="Public: it must name no person.")

    def __init__(self, *args: Any, **arguments: Any) -> None:
        super().__init__(*args, **arguments)
        known = set(hooks.scopes()) | set(
            Account.objects.filter(kind="principal").values_list("scope", "currency_id").distinct()
        )
        place = self.fields["place"]
        assert isinstance(place, forms.ChoiceField)
        place.choices = [_choice(*pair) for pair in sorted(known)]


class ValuationForm(PaperForm):
    """What an asset was worth on a day."""

    valued_on = forms.DateField(widget=forms.DateInput)
    amount = forms.DecimalField(max_digits=38, decimal_places=18, min_value=0)
    field_order = ("valued_on", "amount")


class StatementForm(PaperForm):
    """What a bank says it held at the end of a day."""

    place = forms.ChoiceField(label="Bank account")
    day = forms.DateField(label="Statement of", widget=forms.DateInput)
    amount = forms.DecimalField(label="Balance", max_digits=38, decimal_places=18)
    field_order = ("place", "day", "amount")

    def __init__(self, *args: Any, **arguments: Any) -> None:
        super().__init__(*args, **arguments)
        accounts = Account.objects.filter(kind="cash").order_by("scope", "currency_id")
        place = self.fields["place"]
        assert isinstance(place, forms.ChoiceField)
        place.choices = [_choice(*pair) for pair in accounts.values_list("scope", "currency_id")]


def _choice(name: str, currency: str) -> tuple[str, str]:
    return f"{name}|{currency}", f"{name} ({currency})"
