"""What officers do with a position; each page says what will happen in figures before it asks."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.http import HttpRequest
from unfold.enums import ActionVariant

from investments import accrual, adjustments, earned, rules, services
from investments.models import Position, PositionEvent, Settlement
from investments.services import states
from investments.settlement import reversals as settlement_reversals
from ledger import amounts
from ledger.admin.shown import money
from oversight.console import ActionPage, ReasonForm
from oversight.console.shown import THEN

Status = Position.Status
FUNDINGS = (PositionEvent.Verb.FUND, PositionEvent.Verb.TOP_UP)
RUNS_OFFERED = 60
DAYS_COMPARED = 31


class Suspend(ActionPage):
    title = "Suspend"
    icon = "pause_circle"
    permission = states.SUSPEND
    form_class = ReasonForm
    variant = ActionVariant.DANGER
    words = "It goes on earning and is credited; its principal can't leave until an officer releases it."

    def is_offered(self, user: Any, obj: Position) -> bool:
        return obj.status in (Status.ACTIVE, Status.PAUSED)

    def preview(self, obj: Position, form: Any) -> list[tuple[str, Any]]:
        return [
            ("Position", str(obj.pk)),
            ("State", f"{obj.get_status_display()}, then suspended"),
            ("Principal held", money(obj.principal, obj.currency)),
        ]

    def run(self, obj: Position, form: Any, by: Any, now: datetime) -> Any:
        return services.suspend(obj.pk, by=by, reason=form.cleaned_data["reason"], now=now)


class Release(ActionPage):
    title = "Release"
    icon = "play_circle"
    permission = states.SUSPEND
    form_class = ReasonForm

    def is_offered(self, user: Any, obj: Position) -> bool:
        return obj.status == Status.SUSPENDED

    def preview(self, obj: Position, form: Any) -> list[tuple[str, Any]]:
        return [("Position", str(obj.pk)), ("State", f"suspended, then {obj.suspended_from}")]

    def run(self, obj: Position, form: Any, by: Any, now: datetime) -> Any:
        return services.release(obj.pk, by=by, reason=form.cleaned_data["reason"], now=now)


class EventForm(ReasonForm):
    """One of the position's events that moved money."""

    event = forms.ChoiceField()
    field_order = ("event", "value_on", "reason")

    def __init__(self, *args: Any, position: Position, verbs: tuple[str, ...], **arguments: Any) -> None:
        super().__init__(*args, **arguments)
        events = position.events.filter(verb__in=verbs).order_by("-id")
        choices = [
            (str(e.pk), f"{e.value_on}: {e.get_verb_display()} {money(e.amount, position.currency)}") for e in events
        ]
        self.fields["event"].choices = choices  # type: ignore[attr-defined]

    def chosen(self) -> PositionEvent:
        return PositionEvent.objects.select_related("position__version", "position__product").get(
            pk=self.cleaned_data["event"]
        )


class EarlierForm(EventForm):
    value_on = forms.DateField(
        label="The money was there on", help_text="It earns from the day after.", widget=forms.DateInput
    )


class CountEarlier(ActionPage):
    """Money that was booked late counts from the day on which it had arrived."""

    title = "Count a late deposit"
    icon = "history"
    permission = "investments.request_adjustment"
    words = "Adds one adjustment for each day that the money earned nothing. Terms and postings stay as they are."

    def is_offered(self, user: Any, obj: Position) -> bool:
        return obj.events.filter(verb__in=FUNDINGS).exists()

    def make_form(self, request: HttpRequest, obj: Position, **arguments: Any) -> forms.Form:
        return EarlierForm(position=obj, verbs=FUNDINGS, **arguments)

    def preview(self, obj: Position, form: Any) -> list[tuple[str, Any]]:
        found = adjustments.preview_late(form.chosen(), value_on=form.cleaned_data["value_on"])
        return adjusted(obj, found)

    def run(self, obj: Position, form: Any, by: Any, now: datetime) -> Any:
        given = form.cleaned_data
        return adjustments.request_late_adjustment(
            form.chosen().pk, value_on=given["value_on"], by=by, reason=given["reason"], now=now
        )


class AdjustmentForm(ReasonForm):
    principal_by = forms.DecimalField(
        max_digits=38, decimal_places=18, label="Principal higher by", help_text="Less than zero: lower."
    )
    from_on = forms.DateField(label="First day", widget=forms.DateInput)
    until = forms.DateField(label="Last day", widget=forms.DateInput)
    field_order = ("principal_by", "from_on", "until", "reason")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        first, last = given.get("from_on"), given.get("until")
        if first and last and last < first:
            self.add_error("until", "The last day comes before the first.")
        return given


class AdjustPrincipal(ActionPage):
    title = "Adjust what it earned"
    icon = "tune"
    permission = "investments.request_adjustment"
    form_class = AdjustmentForm
    words = "Adds, or takes off, what some days would have earned on another principal."

    def is_offered(self, user: Any, obj: Position) -> bool:
        return obj.funded_on is not None

    def preview(self, obj: Position, form: Any) -> list[tuple[str, Any]]:
        given = form.cleaned_data
        found = adjustments.preview(obj, by=given["principal_by"], from_on=given["from_on"], until=given["until"])
        return adjusted(obj, found)

    def run(self, obj: Position, form: Any, by: Any, now: datetime) -> Any:
        return adjustments.request_adjustment(obj.pk, by=by, now=now, **form.cleaned_data)


class RerunForm(ReasonForm):
    day = forms.DateField(widget=forms.DateInput)
    field_order = ("day", "reason")


class AdjustDay(ActionPage):
    """Bring a day that was accrued by other terms to what its terms give now."""

    title = "Bring a day to its terms"
    icon = "rule"
    permission = "investments.request_adjustment"
    form_class = RerunForm
    words = (
        "For a day that was accrued before its last verb. Adds what its terms give now beyond what stands, or takes it "
        "off; terms, accruals and postings stay as they are."
    )

    def is_offered(self, user: Any, obj: Position) -> bool:
        return obj.funded_on is not None

    def initial(self, request: HttpRequest, obj: Position) -> dict[str, Any]:
        return {"day": next(iter(differing(obj)), None)}

    def preview(self, obj: Position, form: Any) -> list[tuple[str, Any]]:
        return adjusted(obj, adjustments.preview_rerun(obj, day=form.cleaned_data["day"]))

    def run(self, obj: Position, form: Any, by: Any, now: datetime) -> Any:
        given = form.cleaned_data
        return adjustments.request_rerun_adjustment(obj.pk, day=given["day"], by=by, reason=given["reason"], now=now)


class ReversePosting(ActionPage):
    """Take a funding, top-up or withdrawal back."""

    title = "Reverse a posting"
    icon = "undo"
    permission = "investments.request_reversal"
    variant = ActionVariant.DANGER
    words = "The exact mirror is posted, once. What was earned meanwhile stays until an adjustment corrects it."

    def is_offered(self, user: Any, obj: Position) -> bool:
        return obj.status in (Status.ACTIVE, Status.PAUSED)

    def make_form(self, request: HttpRequest, obj: Position, **arguments: Any) -> forms.Form:
        return EventForm(position=obj, verbs=(*FUNDINGS, PositionEvent.Verb.WITHDRAW), **arguments)

    def preview(self, obj: Position, form: Any) -> list[tuple[str, Any]]:
        event = form.chosen()
        back = event.verb in FUNDINGS
        then = obj.principal + (-event.amount if back else event.amount)
        return [
            ("Taken back", f"{event.get_verb_display()} of {event.value_on}"),
            ("Amount", money(event.amount, obj.currency)),
            ("From" if back else "To", "principal"),
            ("To" if back else "From", "the investor's wallet"),
            ("Principal now", money(obj.principal, obj.currency)),
            ("Principal then", money(then, obj.currency)),
            THEN,
        ]

    def run(self, obj: Position, form: Any, by: Any, now: datetime) -> Any:
        return services.request_reversal(form.chosen().pk, by=by, reason=form.cleaned_data["reason"], now=now)


class SettlementForm(ReasonForm):
    due_on = forms.TypedChoiceField(label="Settlement", coerce=datetime.fromisoformat)
    field_order = ("due_on", "reason")

    def __init__(self, *args: Any, settlements: list[Settlement], currency: str, **arguments: Any) -> None:
        super().__init__(*args, **arguments)
        self.fields["due_on"].choices = [  # type: ignore[attr-defined]
            (each.due_on.isoformat(), f"{each.due_on}: {money(each.amount, currency)}") for each in settlements
        ]


class ReverseSettlement(ActionPage):
    """Take what a settlement paid back from the wallet."""

    title = "Reverse a settlement"
    icon = "remove_circle"
    permission = "investments.request_settlement_reversal"
    variant = ActionVariant.DANGER
    words = "Takes a paid return from the wallet back into the product's pool. What is still earned is paid again."

    def is_offered(self, user: Any, obj: Position) -> bool:
        return bool(paid_settlements(obj))

    def make_form(self, request: HttpRequest, obj: Position, **arguments: Any) -> forms.Form:
        return SettlementForm(settlements=paid_settlements(obj), currency=obj.currency, **arguments)

    def preview(self, obj: Position, form: Any) -> list[tuple[str, Any]]:
        due_on = form.cleaned_data["due_on"].date()
        paid = next(each for each in paid_settlements(obj) if each.due_on == due_on)
        return [
            ("Settlement", due_on),
            ("Taken from the wallet", money(paid.amount, obj.currency)),
            ("Returned to the pool of", obj.product.display_name),
            THEN,
        ]

    def run(self, obj: Position, form: Any, by: Any, now: datetime) -> Any:
        return settlement_reversals.request_settlement_reversal(
            obj.pk, due_on=form.cleaned_data["due_on"].date(), by=by, reason=form.cleaned_data["reason"], now=now
        )


def differing(position: Position) -> dict[date, accrual.Difference]:
    """The last days whose accrual isn't what the terms give now, oldest first."""
    closed = earned.last_closed_day()
    if closed is None or position.funded_on is None:
        return {}
    return adjustments.differing_days(position, from_on=closed - DAYS_COMPARED * rules.ONE_DAY, until=closed)


def paid_settlements(position: Position) -> list[Settlement]:
    """The newest settlements that paid something."""
    if position.funded_on is None:
        return []
    runs = position.product.runs.filter(status="paid", due_on__gt=position.funded_on).order_by("-due_on")
    newest = list(runs.values_list("pk", flat=True)[:RUNS_OFFERED])
    return list(Settlement.objects.filter(run__in=newest, position=position, amount__gt=0).order_by("-due_on"))


def adjusted(position: Position, found: list[adjustments.Line]) -> list[tuple[str, Any]]:
    """Say day by day what an adjustment adds."""
    currency = position.currency
    total = sum((line.amount for line in found), Decimal(0))
    by_day = [(str(line.corrects_on), _said(line, currency)) for line in found]
    return [("Position", str(position.pk)), *by_day, ("In all", amounts.change(total, currency)), THEN]


def _said(line: adjustments.Line, currency: str) -> str:
    before, after = money(line.principal_before, currency), money(line.principal_after, currency)
    return f"{before} → {after}: {amounts.change(line.amount, currency)}"
