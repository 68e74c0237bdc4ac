"""Products with their versions, and the rate ceiling."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, DecimalField, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from unfold.decorators import display
from unfold.enums import ActionVariant

from investments import services
from investments.models import Position, Product, ProductVersion, RateCeiling
from investments.services import versions
from investments.terms import TERMS
from ledger.admin.shown import money
from ledger.amounts import percent
from oversight.console import ActionPage, ListPage, ReadOnlyAdmin, ReadOnlyInline, ReasonForm
from oversight.console.shown import NOTHING, THEN

Status = ProductVersion.Status
OPEN = ("active", "paused", "suspended", "matured")


class VersionForm(forms.ModelForm):
    """All terms of a version; features one a line."""

    features = forms.CharField(required=False, widget=forms.Textarea, help_text="One a line.")

    class Meta:
        model = ProductVersion
        fields = TERMS

    def clean_features(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data["features"].splitlines() if line.strip()]

    def terms(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in TERMS}


class DraftVersion(ActionPage):
    """A further version: the terms of the latest one to begin with."""

    title = "Draft a version"
    button_text = "New version"
    icon = "edit_document"
    permission = versions.DRAFT
    form_class = VersionForm  # type: ignore[assignment]
    words = "An active version isn't edited. A new one holds for positions opened from its activation on."

    def initial(self, request: HttpRequest, obj: Product) -> dict[str, Any]:
        latest = obj.versions.order_by("-number").first()
        if latest is None:
            return {}
        given = {name: getattr(latest, name) for name in TERMS}
        for name in ("minimum", "maximum", "rate", "early_exit_penalty"):
            if given[name] is not None:
                given[name] = f"{given[name].normalize():f}"
        return given | {"features": "\n".join(latest.features)}

    def preview(self, obj: Product, form: VersionForm) -> list[tuple[str, Any]]:
        version = ProductVersion(product=obj, **form.terms())
        ceiling = RateCeiling.objects.current()
        above = "above" if version.is_above(ceiling) else "within"
        return [
            ("Product", obj.display_name),
            ("Rate", versions.rate(version)),
            ("A year, simple", f"{percent(version.yearly_equivalent)}, {above} the ceiling of {percent(ceiling)}"),
            ("Minimum", money(version.minimum, obj.currency)),
            ("Maximum", money(version.maximum, obj.currency)),
            ("Then", "it is a draft: nobody can open it before its activation is asked for and approved"),
        ]

    def run(self, obj: Product, form: VersionForm, by: Any, now: datetime) -> Any:
        return services.draft_version(obj.pk, form.terms(), by=by, now=now)


class ActivationForm(ReasonForm):
    justification = forms.CharField(
        required=False, widget=forms.Textarea, help_text="Needed above the rate ceiling; it is published."
    )
    field_order = ("justification", "reason")


class ActivateVersion(ActionPage):
    """Ask that the newest version be opened to investors."""

    title = "Ask for activation"
    icon = "check_circle"
    permission = versions.DRAFT
    form_class = ActivationForm

    def is_offered(self, user: Any, obj: Product) -> bool:
        return newest_draft(obj) is not None

    def initial(self, request: HttpRequest, obj: Product) -> dict[str, Any]:
        draft = newest_draft(obj)
        return {"justification": draft.justification if draft else ""}

    def preview(self, obj: Product, form: Any) -> list[tuple[str, Any]]:
        draft = newest_draft(obj)
        if draft is None:
            return [("Version", "there is no draft to activate")]
        above = draft.is_above(RateCeiling.objects.current())
        return [
            ("Version", str(draft)),
            ("Rate", f"{versions.rate(draft)}, {percent(draft.yearly_equivalent)} a year"),
            (
                "Above the ceiling",
                "yes: badged in the console, in the API and in the coverage report" if above else "no",
            ),
            ("Approvals needed", versions.approvals_needed(above_ceiling=above)),
            ("Positions that are open", "stay on their own versions"),
            THEN,
        ]

    def run(self, obj: Product, form: Any, by: Any, now: datetime) -> Any:
        draft = newest_draft(obj)
        return services.request_activation(draft.pk if draft else obj.pk, by=by, now=now, **form.cleaned_data)


class RetireProduct(ActionPage):
    title = "Take off"
    icon = "block"
    permission = "investments.request_retirement"
    form_class = ReasonForm
    variant = ActionVariant.DANGER
    words = "Nobody opens, funds or tops up a position in it any more; open positions go on."

    def is_offered(self, user: Any, obj: Product) -> bool:
        return obj.versions.active().exists()

    def preview(self, obj: Product, form: Any) -> list[tuple[str, Any]]:
        held = obj.positions.filter(status__in=OPEN).aggregate(count=Count("pk"), sum=Sum("principal"))
        return [
            ("Product", obj.display_name),
            ("Open positions", f"{held['count']:,}, they stay as they are"),
            ("Their principal", money(held["sum"] or Decimal(0), obj.currency)),
            THEN,
        ]

    def run(self, obj: Product, form: Any, by: Any, now: datetime) -> Any:
        return services.request_retirement(obj.pk, by=by, reason=form.cleaned_data["reason"], now=now)


class VersionInline(ReadOnlyInline):
    model = ProductVersion
    hide_title = True
    fields = (
        "number",
        "show_status",
        "show_rate",
        "show_year",
        "show_bounds",
        "payout",
        "term_days",
        "locked",
        "kyc_level",
        "activated_at",
        "retired_at",
    )
    readonly_fields = fields
    ordering = ("-number",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProductVersion]:
        return super().get_queryset(request).select_related("product")

    @display(description="status")
    def show_status(self, row: ProductVersion) -> str:
        return row.get_status_display()

    @display(description="rate")
    def show_rate(self, row: ProductVersion) -> str:
        return versions.rate(row)

    @display(description="a year")
    def show_year(self, row: ProductVersion) -> str:
        above = " above the ceiling" if row.is_above(RateCeiling.objects.current()) else ""
        return percent(row.yearly_equivalent) + above

    @display(description="minimum and maximum")
    def show_bounds(self, row: ProductVersion) -> str:
        return f"{money(row.minimum, row.currency)} to {money(row.maximum, row.currency)}"


@admin.register(Product)
class ProductAdmin(ReadOnlyAdmin):
    """What is offered, at which rate, and what investors hold of it."""

    pages = (DraftVersion, ActivateVersion, RetireProduct)
    list_display = (
        "display_name",
        "kind",
        "show_rate",
        "show_year",
        "show_badge",
        "show_status",
        "show_minimum",
        "show_count",
        "show_principal",
    )
    list_filter = ("kind", "currency")
    search_fields = ("display_name", "code")
    ordering = ("kind", "rank")
    fields = (
        "display_name",
        "code",
        "kind",
        "currency",
        "say_status",
        "show_rate",
        "show_year",
        "say_badge",
        "show_justification",
        "show_count",
        "show_principal",
        "show_warning",
    )
    readonly_fields = fields
    inlines = (VersionInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        held = Position.objects.filter(product=OuterRef("pk"), status__in=OPEN).order_by().values("product")
        ceiling = Value(RateCeiling.objects.current(), output_field=DecimalField(max_digits=18, decimal_places=12))
        newest = ProductVersion.objects.select_related("product").filter(~Q(status=Status.DRAFT))
        return (
            super()
            .get_queryset(request)
            .prefetch_related(Prefetch("versions", newest.order_by("status", "-number"), to_attr="ranked"))
            .annotate(
                count=Coalesce(Subquery(held.annotate(n=Count("pk")).values("n")), 0),
                held=Coalesce(Subquery(held.annotate(n=Sum("principal")).values("n")), Decimal(0)),
                ceiling=ceiling,
            )
        )

    @display(description="rate")
    def show_rate(self, row: Any) -> str:
        return versions.rate(shown(row)) if shown(row) else NOTHING

    @display(description="a year, simple")
    def show_year(self, row: Any) -> str:
        return percent(shown(row).yearly_equivalent) if shown(row) else NOTHING

    @display(description="ceiling", label={"above": "danger", "within": "success"})
    def show_badge(self, row: Any) -> tuple[str, str] | None:
        version = shown(row)
        if version is None:
            return None
        return ("above", "above the ceiling") if version.is_above(row.ceiling) else ("within", "within")

    @display(description="status", label={"active": "success", "pending_approval": "warning", "retired": "default"})
    def show_status(self, row: Any) -> tuple[str, str]:
        version = shown(row)
        return (version.status, version.get_status_display()) if version else ("draft", "Draft")

    @display(description="status")
    def say_status(self, row: Any) -> str:
        return self.show_status(row)[1]

    @display(description="ceiling")
    def say_badge(self, row: Any) -> str:
        badge = self.show_badge(row)
        return f"{badge[1]}: {percent(row.ceiling)} a year" if badge else NOTHING

    @display(description="minimum")
    def show_minimum(self, row: Any) -> str:
        return money(shown(row).minimum, row.currency) if shown(row) else NOTHING

    @display(description="open positions", ordering="count")
    def show_count(self, row: Any) -> str:
        return f"{row.count:,}"

    @display(description="principal", ordering="held")
    def show_principal(self, row: Any) -> str:
        return money(row.held, row.currency)

    @display(description="why above the ceiling")
    def show_justification(self, row: Any) -> str:
        return (shown(row).justification if shown(row) else "") or NOTHING

    @display(description="risk warning")
    def show_warning(self, row: Any) -> str:
        return shown(row).risk_warning if shown(row) else NOTHING


class CeilingForm(ReasonForm):
    rate = forms.DecimalField(
        max_digits=18, decimal_places=12, label="Yearly rate", help_text="A fraction: 0.36 is 36 % a year."
    )
    field_order = ("rate", "reason")


class SetCeiling(ListPage):
    title = "Ask for another ceiling"
    icon = "vertical_align_top"
    permission = "investments.request_ceiling"
    form_class = CeilingForm

    def preview(self, obj: Any, form: Any) -> list[tuple[str, Any]]:
        new = form.cleaned_data["rate"]
        active = ProductVersion.objects.active().select_related("product")
        above = [str(version.product) for version in active if version.is_above(new)]
        return [
            ("Ceiling now", f"{percent(RateCeiling.objects.current())} a year"),
            ("Ceiling then", f"{percent(new)} a year"),
            ("Products above it then", ", ".join(above) or "none"),
            THEN,
        ]

    def run(self, obj: Any, form: Any, by: Any, now: datetime) -> Any:
        return services.request_ceiling(form.cleaned_data["rate"], by=by, reason=form.cleaned_data["reason"], now=now)


@admin.register(RateCeiling)
class RateCeilingAdmin(ReadOnlyAdmin):
    """The yearly rate above which a product is badged; the newest row counts, 36 % before any."""

    pages = (SetCeiling,)
    list_display = ("show_rate", "set_at", "set_by")
    fields = ("show_rate", "set_at", "set_by", "approval")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[RateCeiling]:
        return super().get_queryset(request).select_related("set_by")

    @display(description="a year")
    def show_rate(self, row: RateCeiling) -> str:
        return percent(row.rate)


def shown(product: Any) -> Any:
    """Return the active version, else one that waits for approval, else the last retired one; or None."""
    return product.ranked[0] if product.ranked else None


def newest_draft(product: Product) -> ProductVersion | None:
    """The version whose activation may be asked for."""
    waiting = product.versions.filter(status__in=[Status.DRAFT, Status.PENDING_APPROVAL])
    return waiting.select_related("product").order_by("-number").first()
