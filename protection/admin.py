"""What investors have seen and answered, what each jurisdiction asks for, and the questions of the test."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from ledger import amounts
from oversight.console import ListPage, ReadOnlyAdmin, ReasonField, lines, link_to, moment
from oversight.console.shown import THEN
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
from protection.services.jurisdictions import RULES, changes

SHARES = ("bearable_share", "warning_share")


class RulesForm(forms.ModelForm):
    """All rules of one country."""

    reason = ReasonField()

    class Meta:
        model = Jurisdiction
        fields = ("country", *RULES)


class ChangeRules(ListPage):
    """Other rules for a country, or for all that have none of their own."""

    title = "Change what a jurisdiction asks for"
    button_text = "Change rules"
    icon = "gavel"
    permission = "protection.request_protection"
    form_class = RulesForm  # type: ignore[assignment]
    words = "Leave the country empty for everybody whose country has no rules of its own. A share of 0.1 is 10 %."

    def initial(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        present = Jurisdiction.objects.of("")
        shares = {name: f"{getattr(present, name).normalize():f}" for name in SHARES}
        return {name: getattr(present, name) for name in RULES} | shares

    def preview(self, obj: Any, form: RulesForm) -> list[tuple[str, Any]]:
        return [("Country", str(form.instance)), *changes(form.instance), THEN]

    def run(self, obj: Any, form: RulesForm, by: Any, now: datetime) -> Any:
        terms = {name: form.cleaned_data[name] for name in RULES}
        return services.request_jurisdiction(
            country=form.cleaned_data["country"], terms=terms, by=by, reason=form.cleaned_data["reason"], now=now
        )


class Indented(json.JSONEncoder):
    """Writes one member a line, so that questions can be read where they are changed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**(options | {"indent": 2}))


class QuestionsForm(forms.Form):
    """The questions of a test with their answers."""

    version = forms.CharField(max_length=40)
    pass_mark = forms.IntegerField(min_value=1, max_value=100)
    questions = forms.JSONField(
        encoder=Indented,
        widget=forms.Textarea(attrs={"rows": 24}),
        help_text="[{id, text, choices, answer, why}]; an answer is a choice's place, from 0.",
    )
    reason = ReasonField()

    def clean_questions(self) -> list[Any]:
        questions = self.cleaned_data["questions"]
        if not isinstance(questions, list):
            raise forms.ValidationError("This is no list of questions.")
        return questions


class ChangeTest(ListPage):
    """Other questions, from their approval on; who has passed a test has passed it."""

    title = "Change the knowledge test"
    button_text = "Other questions"
    icon = "quiz"
    permission = "protection.request_protection"
    form_class = QuestionsForm

    def initial(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        present = KnowledgeTest.objects.present()
        return {"questions": present.questions, "pass_mark": present.pass_mark}

    def preview(self, obj: Any, form: QuestionsForm) -> list[tuple[str, Any]]:
        asked = form.cleaned_data
        return [("Version", asked["version"]), ("To pass", f"{asked['pass_mark']} of {len(asked['questions'])}"), THEN]

    def run(self, obj: Any, form: QuestionsForm, by: Any, now: datetime) -> Any:
        return services.request_test(**form.cleaned_data, by=by, now=now)


SHOWN = {name: f"show_{name}" for name in SHARES}
"""The rules that are shown otherwise than the column holds them."""


@admin.register(Jurisdiction)
class JurisdictionAdmin(ReadOnlyAdmin):
    """The newest row of a country counts."""

    pages = (ChangeRules,)
    list_display = (
        "show_country",
        "knowledge_test",
        "loss_simulation",
        "risk_warning",
        "cooling_off_hours",
        "reflection_days",
        "commissions",
        "vip",
        "recorded_at",
    )
    search_fields = ("=country",)
    search_help_text = "a country's code"
    fields = ("show_country", *(SHOWN.get(name, name) for name in RULES), "request", "recorded_at")
    readonly_fields = fields

    @display(description="country")
    def show_country(self, row: Jurisdiction) -> str:
        return str(row)

    @display(description="bearable share of the net worth")
    def show_bearable_share(self, row: Jurisdiction) -> str:
        return amounts.percent(row.bearable_share)

    @display(description="warned of above this share of the net worth")
    def show_warning_share(self, row: Jurisdiction) -> str:
        return amounts.percent(row.warning_share)


@admin.register(Disclosure)
class DisclosureAdmin(ReadOnlyAdmin):
    """Key information sheets, and by how many each version was accepted."""

    list_display = ("title", "subject", "version", "published_at", "show_accepted")
    search_fields = ("subject", "title")
    search_help_text = "an offer or a product"
    fields = ("title", "show_subject", "version", "published_at", "show_accepted", "body")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Disclosure]:
        return super().get_queryset(request).annotate(accepted=Count("acceptances"))

    @display(description="subject")
    def show_subject(self, row: Disclosure) -> str:
        return row.subject

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
    def show_questions(self, row: KnowledgeTest) -> SafeString:
        return lines((one.text, one.choices[one.answer]) for one in row.asked())


class PersonalAdmin(ReadOnlyAdmin):
    """What one investor did; what they declared isn't shown."""

    search_fields = ("=investor__referral_code",)
    search_help_text = "an investor's referral code"


@admin.register(Acceptance)
class AcceptanceAdmin(PersonalAdmin):
    """Who has accepted which version of a key information sheet."""

    list_display = ("investor", "disclosure", "accepted_at")
    list_select_related = ("investor", "disclosure")
    fields = list_display
    readonly_fields = fields


@admin.register(KnowledgeResult)
class KnowledgeResultAdmin(PersonalAdmin):
    """Each time that an investor took the test."""

    list_display = ("investor", "test", "show_right", "passed", "taken_at")
    list_select_related = ("investor", "test")
    list_filter = ("passed",)
    fields = list_display
    readonly_fields = fields

    @display(description="right", ordering="right")
    def show_right(self, row: KnowledgeResult) -> str:
        return f"{row.right} of {len(row.test.questions)}"


@admin.register(LossSimulation)
class LossSimulationAdmin(PersonalAdmin):
    """That an investor has simulated losses; the figures stay theirs."""

    list_display = ("investor", "currency", "made_at")
    list_select_related = ("investor",)
    list_filter = ("currency",)
    fields = list_display
    readonly_fields = fields


@admin.register(RiskWarning)
class RiskWarningAdmin(PersonalAdmin):
    """Personal warnings, and when they were confirmed; the share isn't shown, since it tells the net worth."""

    search_fields = ("=simulation__investor__referral_code",)
    list_display = ("show_investor", "subject", "show_amount", "shown_at", "show_confirmed")
    list_select_related = ("simulation__investor", "confirmation")
    fields = ("link_investor", "show_subject", "show_amount", "shown_at", "show_confirmed")
    readonly_fields = fields

    @display(description="investor")
    def show_investor(self, row: RiskWarning) -> str:
        return str(row.simulation.investor)

    @display(description="investor")
    def link_investor(self, row: RiskWarning) -> SafeString | str:
        investor = row.simulation.investor
        return link_to(investor._meta.label_lower, str(investor.pk), str(investor))

    @display(description="subject")
    def show_subject(self, row: RiskWarning) -> str:
        return row.subject

    @display(description="amount")
    def show_amount(self, row: RiskWarning) -> str:
        return amounts.show(row.amount, row.currency)

    @display(description="confirmed at")
    def show_confirmed(self, row: RiskWarning) -> str:
        return moment(row.confirmation.confirmed_at if hasattr(row, "confirmation") else None)
