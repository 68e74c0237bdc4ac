"""How offers and investments are written, and what requests about them hold."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, ClassVar, Final
from uuid import UUID

from django.core.validators import RegexValidator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.fields import StrictCharField, StrictSerializer
from ledger.fields import AmountField, CurrencyField, DayField, MoneySerializerMixin
from offers.models import Offer, OfferInvestment
from offers.terms import CODE
from protection.models import Disclosure

REASON_MAX_LENGTH = 2000
_FRACTION: Final = re.compile(r"(?:0|[1-9][0-9]{0,5})(?:\.[0-9]{1,12})?", re.ASCII)


@extend_schema_field({"type": "string", "pattern": "^(0|[1-9][0-9]{0,5})(\\.[0-9]{1,12})?$", "example": "0.08"})
class FractionField(serializers.Field[Decimal, Any, str, Any]):
    """A rate as a string: "0.08" is 8 %."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "malformed": "Write a fraction as a string such as 0.08: digits, and a point with at most twelve after it.",
    }

    def to_internal_value(self, data: Any) -> Decimal:
        if not isinstance(data, str) or not _FRACTION.fullmatch(data):
            self.fail("malformed")
        return Decimal(data)

    def to_representation(self, value: Decimal) -> str:
        return f"{value.normalize():f}"


class OfferOut(serializers.Serializer[Any]):
    """An offer. `expected_return` is a fraction and a hope; `disclosure` is the sheet to read and accept first."""

    id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    status = serializers.ChoiceField(choices=Offer.Status.choices)
    currency = CurrencyField()
    max_amount = AmountField()
    committed_amount = AmountField()
    remaining_amount = AmountField(source="remaining")
    minimum_ticket = AmountField()
    maximum_ticket = AmountField(allow_null=True)
    target = AmountField()
    funding = serializers.ChoiceField(choices=Offer.Funding.choices)
    deadline = DayField()
    maturity_date = DayField()
    expected_return = FractionField()
    return_basis = serializers.CharField()
    risk_class = serializers.IntegerField(help_text="1, the lowest, to 7")
    kyc_level = serializers.IntegerField()
    disclosure_version = serializers.CharField()
    disclosure = serializers.SerializerMethodField(help_text="the id of its key information sheet")

    def get_disclosure(self, offer: Offer) -> UUID | None:
        sheets: dict[tuple[str, str], UUID] = self.context["sheets"]
        return sheets.get((offer.scope, offer.disclosure_version))

    @classmethod
    def write(cls, offers: Iterable[Offer], **context: Any) -> list[dict[str, Any]]:
        """Write offers, with a query for their sheets."""
        listed = list(offers)
        return [dict(row) for row in cls(listed, many=True, context={"sheets": sheets_of(listed), **context}).data]


class StaffOfferOut(OfferOut):
    """An offer as officers see it."""

    metadata = serializers.JSONField()
    published_at = serializers.DateTimeField(allow_null=True)
    closed_on = DayField(allow_null=True)
    ended_on = DayField(allow_null=True)


def sheets_of(offers: Iterable[Offer]) -> dict[tuple[str, str], UUID]:
    """The key information sheets of these offers, by scope and version."""
    scopes = [offer.scope for offer in offers]
    found = Disclosure.objects.filter(subject__in=scopes).values_list("subject", "version", "pk")
    return {(subject, version): pk for subject, version, pk in found}


class InvestmentOut(serializers.Serializer[Any]):
    """What was asked for and what was accepted; `operation_id` is the ledger transaction that reserved it."""

    id = serializers.UUIDField()
    offer = serializers.UUIDField(source="offer_id")
    status = serializers.ChoiceField(choices=OfferInvestment.Status.choices)
    currency = CurrencyField(source="offer_currency")
    requested_amount = AmountField(currency="offer_currency")
    accepted_amount = AmountField(currency="offer_currency")
    principal = AmountField(currency="offer_currency", help_text="at work for the investor, once the offer has closed")
    operation_id = serializers.UUIDField(allow_null=True)
    disclosure_version = serializers.CharField()
    asked_at = serializers.DateTimeField()
    reserved_at = serializers.DateTimeField(allow_null=True)
    reflects_until = serializers.DateTimeField(allow_null=True, help_text="until then it may be taken back")
    below_minimum = serializers.BooleanField(help_text="less than the minimum ticket was left, and was accepted")


class PlaceOut(serializers.Serializer[Any]):
    """The caller's place in the line, from 1."""

    place = serializers.IntegerField()
    currency = CurrencyField()
    requested_amount = AmountField()
    asked_at = serializers.DateTimeField()


class InvestIn(MoneySerializerMixin, StrictSerializer):
    """How much, and the version of the key information sheet that one has accepted."""

    amount = AmountField()
    currency = CurrencyField()
    disclosure_version = StrictCharField(max_length=40)
    join_waiting_list = serializers.BooleanField(required=False, default=False)


class WholeField(serializers.IntegerField):
    """A whole number, not a string that looks like one."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class TermsIn(MoneySerializerMixin, StrictSerializer):
    """What an officer writes of an offer, beside its code."""

    name = StrictCharField(max_length=120)
    description = StrictCharField(max_length=20_000)
    currency = CurrencyField()
    max_amount = AmountField()
    minimum_ticket = AmountField()
    maximum_ticket = AmountField(required=False, allow_null=True)
    target = AmountField()
    funding = serializers.ChoiceField(choices=Offer.Funding.choices)
    deadline = DayField()
    maturity_date = DayField()
    expected_return = FractionField()
    return_basis = StrictCharField(max_length=200)
    risk_class = WholeField(min_value=1, max_value=7)
    kyc_level = WholeField(min_value=0, max_value=3, required=False)
    disclosure = StrictCharField(max_length=200_000)
    disclosure_version = StrictCharField(max_length=40)
    metadata = serializers.DictField(required=False)


class OfferIn(TermsIn):
    """The terms of a draft."""

    code = StrictCharField(max_length=40, validators=[RegexValidator(CODE)])


class OfferChanges(TermsIn):
    """Some of the terms of a draft; of a live offer `max_amount`, `description` and `metadata`."""

    def currency_for(self, attrs: dict[str, Any], field: AmountField) -> str:
        return str(attrs.get("currency") or self.context["currency"])


class ReasonIn(StrictSerializer):
    reason = StrictCharField(max_length=REASON_MAX_LENGTH, help_text="why")


class AskedOut(serializers.Serializer[Any]):
    """What was asked for waits for the approval of another officer: `/staff/approvals/{approval}/approve`."""

    approval = serializers.UUIDField(source="pk")
    status = serializers.CharField()
    expires_at = serializers.DateTimeField()
