"""What investors have seen and answered, what each jurisdiction asks for, and the questions of the test."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from unfold.decorators import display

from oversight.console import ListPage, ReadOnlyAdmin
from protection import services
from protection.models import (
    Acceptance,
    Disclosure,
    Jurisdiction,
    KnowledgeResult,
    KnowledgeTest,
    LossSimulation,
    RiskWarning,
)
from protection.services.jurisdictions import RULES

THEN = ("Then", "another officer must approve it; nothing changes before")
REASON = forms.CharField(max_length=500, widget=forms.Textarea, help_text="Without personal data.")


class RulesForm(forms.ModelForm):
    """All rules of one country."""

    reason = REASON

    class Meta:
        model = Jurisdiction
        fields = ("country", *RULES)

    def terms(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in RULES}


class ChangeRules(ListPage):
    """Other rules for a country, or for all that have none of their own."""

    title = "Change what a jurisdiction asks for"
    button_text = "Change rules"
    icon = "gavel"
    permission = "protection.request_protection"
    form_class = RulesForm  # type: ignore[assignment]
    words = "Leave the country empty for everybody whose country has no rules of its own."

    def initial(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        present = Jurisdiction.objects.of("")
        return {name: getattr(present, name) for name in RULES}

    def preview(self, obj: Any, form: RulesForm) -> list[tuple[str, Any]]:
        country = form.cleaned_data["country"]
        present, asked = Jurisdiction.objects.of(country), form.terms()
        changed = [
            (str(Jurisdiction._meta.get_field(name).verbose_name), f"{getattr(present, name)} → {asked[name]}")
            for name in RULES
            if getattr(present, name) != asked[name]
        ]
        return [("Country", country or "everywhere else"), *(changed or [("Changes", "nothing")]), THEN]

    def run(self, obj: Any, form: RulesForm, by: Any, now: datetime) -> Any:
        return services.request_jurisdiction(
            country=form.cleaned_data["country"], terms=form.terms(), by=by, reason=form.cleaned_data["reason"], now=now
        )


class TestForm(forms.Form):
    """Questions as the API shows them, with the answers."""

    version = forms.CharField(max_length=40)
    pass_mark = forms.IntegerField(min_value=1)
    questions = forms.JSONField(help_text="[{id, text, choices, answer, why}]; an answer is a choice's place, from 0.")
    reason = REASON


class ChangeTest(ListPage):
    """Other questions, from their approval on; who has passed a test has passed it."""

    title = "Change the knowledge test"
    button_text = "Other questions"
    icon = "quiz"
    permission = "protection.request_protection"
    form_class = TestForm

    def initial(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        present = services.present_test()
        return {"questions": present.questions, "pass_mark": present.pass_mark}

    def preview(self, obj: Any, form: TestForm) -> list[tuple[str, Any]]:
        asked = form.cleaned_data
        return [("Version", asked["version"]), ("Questions", len(asked["questions"])), ("To pass", asked["pass_mark"]), THEN]

    def run(self, obj: Any, form: TestForm, by: Any, now: datetime) -> Any:
        return services.request_test(**form.cleaned_data, by=by, now=now)


@admin.register(Jurisdiction)
class JurisdictionAdmin(ReadOnlyAdmin):
    """The newest row of a country counts."""

    pages = (ChangeRules,)
    list_display = ("show_country", "knowledge_test", "loss_simulation", "risk_warning", "cooling_off_hours",
                    "reflection_days", "commissions", "vip", "recorded_at")  # fmt: skip
    list_filter = ("country",)
    fields = ("show_country", *RULES, "request", "recorded_at")
    readonly_fields = fields

    @display(description="country")
    def show_country(self, row: Jurisdiction) -> str:
        return str(row)


@admin.register(Disclosure)
class DisclosureAdmin(ReadOnlyAdmin):
    """Key information sheets, and by how many each version was accepted."""

    list_display = ("title", "subject", "version", "published_at", "show_accepted")
    list_filter = ("subject",)
    search_fields = ("subject", "title")
    fields = ("title", "subject", "version", "published_at", "show_accepted", "body")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Disclosure]:
        return super().get_queryset(request).annotate(accepted=Count("acceptances"))

    @display(description="accepted by")
    def show_accepted(self, row: Any) -> int:
        return int(row.accepted)


@admin.register(KnowledgeTest)
class KnowledgeTestAdmin(ReadOnlyAdmin):
    """The newest is asked."""

    pages = (ChangeTest,)
    list_display = ("version", "pass_mark", "recorded_at")
    fields = ("version", "pass_mark", "show_questions", "request", "recorded_at")
    readonly_fields = fields

    @display(description="questions")
    def show_questions(self, row: KnowledgeTest) -> str:
        return format_html_join(
            "", "<p><strong>{}</strong><br>{}</p>", ((one.text, one.choices[one.answer]) for one in row.asked())
        )


class _Personal(ReadOnlyAdmin):
    """What one investor did; what they declared isn't shown."""

    list_select_related = ("investor",)
    search_fields = ("investor__id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("investor")


@admin.register(Acceptance)
class AcceptanceAdmin(_Personal):
    list_display = ("investor", "disclosure", "accepted_at")
    list_select_related = ("investor", "disclosure")
    fields = list_display
    readonly_fields = fields


@admin.register(KnowledgeResult)
class KnowledgeResultAdmin(_Personal):
    list_display = ("investor", "test", "right", "passed", "taken_at")
    list_select_related = ("investor", "test")
    list_filter = ("passed",)
    fields = list_display
    readonly_fields = fields


@admin.register(LossSimulation)
class LossSimulationAdmin(_Personal):
    list_display = ("investor", "currency", "made_at")
    fields = list_display
    readonly_fields = fields


@admin.register(RiskWarning)
class RiskWarningAdmin(_Personal):
    list_display = ("investor", "subject", "amount", "currency", "shown_at", "confirmed_at")
    list_filter = ("currency",)
    fields = list_display
    readonly_fields = fields
