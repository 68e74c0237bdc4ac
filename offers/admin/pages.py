"""What officers do with an offer; each page says in figures what will happen before it asks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.html import format_html_join
from unfold.enums import ActionVariant

from accounts.models import User
from ledger.admin.shown import money
from ledger.forms import currency_choices
from offers import services
from offers.models import Offer, OfferDeed
from offers.terms import DRAFTED, LIVING
from oversight.console import ActionPage, ListPage, ReasonForm, pretty
from oversight.console.shown import THEN

Status = Offer.Status
SHARES_SHOWN = 20
LABELS = {
    "max_amount": "Cap",
    "kyc_level": "KYC level",
    "disclosure": "Key information sheet",
    "disclosure_version": "Version of the sheet",
}
"""What officers call the terms whose names say less."""
HELP = {"max_amount": "", "disclosure": ""}  # their labels say it


class AmountForm(ReasonForm):
    amount = forms.DecimalField(max_digits=38, decimal_places=18)
    field_order = ("amount", "reason")


class TermsForm(forms.ModelForm):
    """Terms of an offer; metadata left empty are none."""

    def clean_metadata(self) -> Any:
        return {} if self.cleaned_data["metadata"] is None else self.cleaned_data["metadata"]

    def terms(self) -> dict[str, Any]:
        return dict(self.cleaned_data)


class DraftedForm(TermsForm):
    currency = forms.ChoiceField(choices=currency_choices)


class DraftForm(DraftedForm):
    class Meta:
        model = Offer
        fields = ("code", *DRAFTED)
        labels, help_texts = LABELS, HELP


class EditForm(DraftedForm):
    class Meta:
        model = Offer
        fields = DRAFTED
        labels, help_texts = LABELS, HELP


class LivingForm(TermsForm):
    """What still changes of an offer that gathers money."""

    class Meta:
        model = Offer
        fields = LIVING
        labels, help_texts = LABELS, HELP


def typed(offer: Offer, names: Iterable[str]) -> dict[str, Any]:
    """These terms as somebody types them: without the noughts of the column."""
    terms = {name: getattr(offer, name) for name in names}
    return {name: f"{term.normalize():f}" if isinstance(term, Decimal) else term for name, term in terms.items()}


class DraftOffer(ListPage):
    title = "Draft an offer"
    icon = "edit_document"
    permission = "offers.draft_offer"
    form_class = DraftForm  # type: ignore[assignment]
    words = "A draft is seen by officers only. It is published when another officer has approved it."

    def preview(self, obj: Any, form: Any) -> list[tuple[str, Any]]:
        return services.terms_in_words(Offer(**form.terms()))

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
        return typed(obj, DRAFTED)

    def preview(self, obj: Offer, form: Any) -> list[tuple[str, Any]]:
        return services.terms_in_words(Offer(code=obj.code, **form.terms()))

    def run(self, obj: Offer, form: Any, by: Any, now: datetime) -> Any:
        return services.change_offer(obj.pk, form.terms(), by=by, now=now)


class Publish(ActionPage):
    title = "Ask for publication"
    icon = "campaign"
    permission = "offers.request_publication"
    form_class = ReasonForm
    words = "Once it is live only the cap, the description and the metadata change: anything else is a new offer."

    def is_offered(self, user: Any, obj: Offer) -> bool:
        return obj.status == Status.DRAFT and not services.is_publication_waiting(obj)

    def preview(self, obj: Offer, form: Any) -> list[tuple[str, Any]]:
        return [*services.terms_in_words(obj), THEN]

    def run(self, obj: Offer, form: Any, by: Any, now: datetime) -> Any:
        return services.request_publication(obj.pk, by=by, reason=form.cleaned_data["reason"], now=now)


class ChangeLive(ActionPage):
    title = "Change cap or description"
    button_text = "Change cap or text"
    icon = "tune"
    permission = "offers.steer_offer"
    form_class = LivingForm  # type: ignore[assignment]

    def is_offered(self, user: Any, obj: Offer) -> bool:
        return obj.status in (Status.LIVE, Status.PAUSED)

    def initial(self, request: HttpRequest, obj: Offer) -> dict[str, Any]:
        return typed(obj, LIVING)

    def preview(self, obj: Offer, form: Any) -> list[tuple[str, Any]]:
        terms = form.terms()
        cap, waiting = terms["max_amount"], obj.investments.in_line().count()
        present = money(obj.max_amount, obj.currency)
        return [
            ("Cap", f"{present}, as it is" if cap == obj.max_amount else f"{present}, then {money(cap, obj.currency)}"),
            ("Committed", money(obj.committed_amount, obj.currency)),
            ("Free then", money(max(cap - obj.committed_amount, Decimal(0)), obj.currency)),
            ("Waiting list", f"{waiting:,}: they come first" if waiting else "nobody"),
            ("Description", "as it is" if terms["description"] == obj.description else terms["description"]),
            ("Metadata", "as they are" if terms["metadata"] == obj.metadata else pretty(terms["metadata"])),
        ]

    def run(self, obj: Offer, form: Any, by: Any, now: datetime) -> Any:
        return services.change_offer(obj.pk, form.terms(), by=by, now=now)


class Steer(ActionPage):
    """A verb with a reason, on an offer that gathers money."""

    permission = "offers.steer_offer"
    form_class = ReasonForm
    verb: Any
    from_states: tuple[str, ...]
    to_state: Status

    def is_offered(self, user: Any, obj: Offer) -> bool:
        return obj.status in self.from_states

    def preview(self, obj: Offer, form: Any) -> list[tuple[str, Any]]:
        return [
            ("Offer", obj.name),
            ("State", f"{obj.get_status_display()}, then {self.to_state.label.lower()}"),
            ("Committed", f"{money(obj.committed_amount, obj.currency)} of {money(obj.max_amount, obj.currency)}"),
            ("Target", money(obj.target, obj.currency)),
            ("Investments", f"{obj.investments.holding().count():,}"),
            ("Waiting list", f"{obj.investments.in_line().count():,}"),
        ]

    def run(self, obj: Offer, form: Any, by: Any, now: datetime) -> Any:
        return type(self).verb(obj.pk, by=by, reason=form.cleaned_data["reason"], now=now)


class Pause(Steer):
    title = "Pause"
    icon = "pause_circle"
    words = "It takes no money until it is resumed; what is reserved stays so, and may be taken back."
    verb = services.pause_offer
    from_states = (Status.LIVE,)
    to_state = Status.PAUSED


class Resume(Steer):
    title = "Resume"
    icon = "play_circle"
    words = "It takes money again until its deadline; who waits for a place comes first."
    verb = services.resume_offer
    from_states = (Status.PAUSED,)
    to_state = Status.LIVE


class Close(Steer):
    title = "Close now"
    icon = "lock"
    words = "What is reserved becomes principal, for all investors at once; the waiting list lapses."
    verb = services.close_offer
    from_states = (Status.LIVE, Status.PAUSED)
    to_state = Status.CLOSED


class Shared(ActionPage):
    """An amount that is shared among all investors; the first shares are shown, to the unit."""

    permission = "offers.request_deed"
    form_class = AmountForm
    verb: Any
    deed: OfferDeed.Verb
    source: str
    """What it is taken from, as the page calls it."""
    left: Any
    """How much of that there is; where there is nothing, nothing can be shared."""

    def is_offered(self, user: Any, obj: Offer) -> bool:
        return obj.status == Status.CLOSED and type(self).left(obj) > 0

    def make_form(self, request: HttpRequest, obj: Offer, **arguments: Any) -> forms.Form:
        form = super().make_form(request, obj, **arguments)
        form.fields["amount"].help_text = ": ".join(self._there(obj))
        return form

    def _there(self, obj: Offer) -> tuple[str, str]:
        return self.source, money(type(self).left(obj), obj.currency)

    def preview(self, obj: Offer, form: Any) -> list[tuple[str, Any]]:
        shared, first = services.preview(obj, self.deed, form.cleaned_data["amount"], first=SHARES_SHOWN)
        people = User.objects.in_bulk({each.investor for each in first})
        shares = format_html_join(
            "",
            "{}: {} of {}<br>",
            (
                (people[each.investor], money(each.amount, obj.currency), money(each.principal, obj.currency))
                for each in first
            ),
        )
        return [
            self._there(obj),
            ("Amount", money(form.cleaned_data["amount"], obj.currency)),
            ("Among", f"{shared.investments:,} investments of {money(shared.principal, obj.currency)}"),
            ("Each share", f"{money(shared.smallest, obj.currency)} to {money(shared.largest, obj.currency)}"),
            ("Investors" if len(first) == shared.investments else f"The first {len(first)}", shares),
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
    deed = OfferDeed.Verb.DISTRIBUTE
    source = "Income in the pool"
    left = services.income_left

    def is_offered(self, user: Any, obj: Offer) -> bool:
        return obj.has_closed and services.income_left(obj) > 0


class ShareLoss(Shared):
    title = "Share a loss"
    icon = "trending_down"
    variant = ActionVariant.DANGER
    words = "What the treasury has written down on the offer's assets is taken from each investor's principal."
    verb = services.request_loss
    deed = OfferDeed.Verb.LOSE
    source = "Lost and not shared yet"
    left = services.loss_left


class Fail(Steer):
    title = "Fail"
    icon = "cancel"
    permission = "offers.request_deed"
    variant = ActionVariant.DANGER
    words = "Everybody gets their money back. A closed offer's money must be in the bank."
    verb = services.request_failure
    from_states = (Status.LIVE, Status.PAUSED, Status.CLOSED)
    to_state = Status.FAILED

    def preview(self, obj: Offer, form: Any) -> list[tuple[str, Any]]:
        services.require_failable(obj)
        return [*super().preview(obj, form), THEN]
