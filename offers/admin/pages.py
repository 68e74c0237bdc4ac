"""What officers do with an offer; each page says in figures what will happen before it asks."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.html import format_html_join
from unfold.enums import ActionVariant

from offers import services
from offers.admin.shown import THEN, money
from offers.models import Offer
from offers.terms import DRAFTED, LIVING
from oversight.console import ActionPage, ListPage

Status = Offer.Status
SHARES_SHOWN = 20


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=500, widget=forms.Textarea, help_text="Without personal data.")


class AmountForm(ReasonForm):
    amount = forms.DecimalField(max_digits=38, decimal_places=18)
    field_order = ("amount", "reason")


class TermsForm(forms.ModelForm):
    """Terms of an offer; metadata left empty are none."""

    def clean_metadata(self) -> Any:
        return {} if self.cleaned_data["metadata"] is None else self.cleaned_data["metadata"]

    def terms(self) -> dict[str, Any]:
        return dict(self.cleaned_data)


class DraftForm(TermsForm):
    class Meta:
        model = Offer
        fields = ("code", *DRAFTED)


class EditForm(TermsForm):
    class Meta:
        model = Offer
        fields = DRAFTED


class LivingForm(TermsForm):
    """What still changes of an offer that gathers money."""

    class Meta:
        model = Offer
        fields = LIVING


def drafted(offer: Offer) -> list[tuple[str, Any]]:
    """The terms as an officer checks them."""
    code = offer.currency
    return [
        ("Offer", f"{offer.name} ({offer.code})"),
        ("Cap", money(offer.max_amount, code)),
        ("Target", f"{money(offer.target, code)}, {offer.get_funding_display()}"),
        ("Tickets", f"from {money(offer.minimum_ticket, code)} to {money(offer.maximum_ticket, code)}"),
        ("Gathers until", offer.deadline),
        ("Matures", offer.maturity_date),
        ("Key information sheet", offer.disclosure_version),
    ]


class DraftOffer(ListPage):
    title = "Draft an offer"
    icon = "edit_document"
    permission = "offers.draft_offer"
    form_class = DraftForm  # type: ignore[assignment]
    words = "A draft is seen by officers only. It is published when another officer has approved it."

    def preview(self, obj: Any, form: Any) -> list[tuple[str, Any]]:
        return drafted(Offer(**form.terms()))

    def run(self, obj: Any, form: Any, by: Any, now: datetime) -> Any:
        return services.draft_offer(form.terms(), by=by, now=now)


class EditDraft(ActionPage):
    title = "Edit"
    icon = "edit"
    permission = "offers.draft_offer"
    form_class = EditForm  # type: ignore[assignment]

    def is_offered(self, user: Any, obj: Offer) -> bool:
        return obj.status == Status.DRAFT

    def initial(self, request: HttpRequest, obj: Offer) -> dict[str, Any]:
        return {name: getattr(obj, name) for name in DRAFTED}

    def preview(self, obj: Offer, form: Any) -> list[tuple[str, Any]]:
        return drafted(Offer(code=obj.code, **form.terms()))

    def run(self, obj: Offer, form: Any, by: Any, now: datetime) -> Any:
        return services.change_offer(obj.pk, form.terms(), by=by, now=now)


class Publish(ActionPage):
    title = "Ask for publication"
    icon = "campaign"
    permission = "offers.request_publication"
    form_class = ReasonForm
    words = "Once it is live only the cap, the description and the metadata change: anything else is a new offer."

    def is_offered(self, user: Any, obj: Offer) -> bool:
        return obj.status == Status.DRAFT

    def preview(self, obj: Offer, form: Any) -> list[tuple[str, Any]]:
        return [*drafted(obj), THEN]

    def run(self, obj: Offer, form: Any, by: Any, now: datetime) -> Any:
        return services.request_publication(obj.pk, by=by, reason=form.cleaned_data["reason"], now=now)


class ChangeLive(ActionPage):
    title = "Change cap or description"
    icon = "tune"
    permission = "offers.steer_offer"
    form_class = LivingForm  # type: ignore[assignment]

    def is_offered(self, user: Any, obj: Offer) -> bool:
        return obj.status in (Status.LIVE, Status.PAUSED)

    def initial(self, request: HttpRequest, obj: Offer) -> dict[str, Any]:
        return {name: getattr(obj, name) for name in LIVING} | {"max_amount": f"{obj.max_amount.normalize():f}"}

    def preview(self, obj: Offer, form: Any) -> list[tuple[str, Any]]:
        cap = form.cleaned_data["max_amount"]
        return [
            ("Cap", f"{money(obj.max_amount, obj.currency)}, then {money(cap, obj.currency)}"),
            ("Committed", money(obj.committed_amount, obj.currency)),
            ("Free then", money(max(cap - obj.committed_amount, Decimal(0)), obj.currency)),
            ("Waiting list", f"{obj.investments.in_line().count():,}: they come first"),
        ]

    def run(self, obj: Offer, form: Any, by: Any, now: datetime) -> Any:
        return services.change_offer(obj.pk, form.terms(), by=by, now=now)


class Steer(ActionPage):
    """A verb with a reason, on an offer that gathers money."""

    permission = "offers.steer_offer"
    form_class = ReasonForm
    verb: Any
    from_states: tuple[str, ...]

    def is_offered(self, user: Any, obj: Offer) -> bool:
        return obj.status in self.from_states

    def preview(self, obj: Offer, form: Any) -> list[tuple[str, Any]]:
        return [
            ("Offer", obj.name),
            ("State", obj.get_status_display()),
            ("Committed", f"{money(obj.committed_amount, obj.currency)} of {money(obj.max_amount, obj.currency)}"),
        ]

    def run(self, obj: Offer, form: Any, by: Any, now: datetime) -> Any:
        return type(self).verb(obj.pk, by=by, reason=form.cleaned_data["reason"], now=now)


class Pause(Steer):
    title = "Pause"
    icon = "pause_circle"
    words = "It takes no money until it is resumed; what is reserved stays so, and may be taken back."
    verb = services.pause_offer
    from_states = (Status.LIVE,)


class Resume(Steer):
    title = "Resume"
    icon = "play_circle"
    verb = services.resume_offer
    from_states = (Status.PAUSED,)


class Close(Steer):
    title = "Close now"
    icon = "lock"
    words = "What is reserved becomes principal, for all investors at once; the waiting list lapses."
    verb = services.close_offer
    from_states = (Status.LIVE, Status.PAUSED)


class Shared(ActionPage):
    """An amount that is shared among all investors; the first shares are shown, to the unit."""

    permission = "offers.request_deed"
    form_class = AmountForm
    verb: Any

    def is_offered(self, user: Any, obj: Offer) -> bool:
        return obj.status == Status.CLOSED

    def preview(self, obj: Offer, form: Any) -> list[tuple[str, Any]]:
        shared, first = services.preview(obj, form.cleaned_data["amount"], first=SHARES_SHOWN)
        shares = format_html_join(
            "",
            "{} of {}<br>",
            ((money(each.amount, obj.currency), money(each.principal, obj.currency)) for each in first),
        )
        return [
            ("Amount", money(form.cleaned_data["amount"], obj.currency)),
            ("Among", f"{shared.investments:,} investments of {money(shared.principal, obj.currency)}"),
            ("From, to", f"{money(shared.smallest, obj.currency)} to {money(shared.largest, obj.currency)}"),
            (f"The first {len(first)}", shares),
            THEN,
        ]

    def run(self, obj: Offer, form: Any, by: Any, now: datetime) -> Any:
        given = form.cleaned_data
        return type(self).verb(obj.pk, amount=given["amount"], by=by, reason=given["reason"], now=now)


class Distribute(Shared):
    title = "Distribute income"
    icon = "payments"
    words = (
        "From the offer's pool, pro rata of the principal, or of what was put in where none is left, to the last unit."
    )
    verb = services.request_distribution

    def is_offered(self, user: Any, obj: Offer) -> bool:
        return obj.has_closed


class ShareLoss(Shared):
    title = "Share a loss"
    icon = "trending_down"
    variant = ActionVariant.DANGER
    words = "What the treasury has written down on the offer's assets is taken from each investor's principal."
    verb = services.request_loss


class Fail(Steer):
    title = "Fail"
    icon = "cancel"
    permission = "offers.request_deed"
    variant = ActionVariant.DANGER
    words = "Everybody gets their money back. A closed offer's money must be in the bank."
    verb = services.request_failure
    from_states = (Status.LIVE, Status.PAUSED, Status.CLOSED)

    def preview(self, obj: Offer, form: Any) -> list[tuple[str, Any]]:
        return [*super().preview(obj, form), ("Investments", f"{obj.investments.holding().count():,}"), THEN]
