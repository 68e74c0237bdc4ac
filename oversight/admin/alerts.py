"""What somebody must look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display
from unfold.enums import ActionVariant

from oversight import alerts
from oversight.console import ActionPage, ReadOnlyAdmin, label, link_to, moment
from oversight.models import Alert

SEVERITY_LABELS = {"warning": "warning", "critical": "danger"}


class WordForm(forms.Form):
    word = forms.CharField(max_length=2000, widget=forms.Textarea, label="Word", help_text="What was found and done.")


class OpenFilter(admin.SimpleListFilter):
    """Open alerts by default."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "open"), ("closed", "closed"), ("all", "all")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alert]) -> QuerySet[Alert]:
        chosen = self.value() or "open"
        return queryset if chosen == "all" else queryset.filter(closed_at__isnull=chosen == "open")

    def choices(self, changelist: Any) -> Iterator[Any]:
        for value, title in self.lookup_choices:
            link = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": (self.value() or "open") == value, "query_string": link, "display": title}


class CloseWithWord(ActionPage):
    title = "Close with a word"
    icon = "check"
    permission = "oversight.close_alert"
    variant = ActionVariant.PRIMARY
    form_class = WordForm
    words = "An alert is closed by whoever looked into it, with a word on what was found and done."

    def is_offered(self, user: Any, obj: Alert) -> bool:
        return obj.closed_at is None

    def preview(self, obj: Alert, form: forms.Form) -> Iterable[tuple[str, Any]]:
        yield "Alert", obj.title
        yield "Open since", moment(obj.raised_at)
        yield "Raised", f"{obj.times_raised} time{'' if obj.times_raised == 1 else 's'}"
        yield "Word", form.cleaned_data["word"]
        yield "Then", "it is closed for good; if the cause remains, a new one is raised"

    def run(self, obj: Alert, form: forms.Form, by: Any, now: datetime) -> Alert:
        return alerts.close_alert(obj.pk, by=by, now=now, word=form.cleaned_data["word"])


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    """What somebody must look at."""

    pages = (CloseWithWord,)
    list_display = ("show_title", "show_severity", "raised_at", "times_raised", "show_target", "show_state")
    list_filter = (OpenFilter, "severity", "kind")
    search_fields = ("title", "detail", "word")
    fieldsets = (
        (None, {"fields": ("title", "detail", "show_label", "show_target")}),
        ("Course", {"fields": ("raised_at", "last_raised_at", "times_raised", "closed_at", "closed_by", "word")}),
    )

    @display(description="Alert", ordering="title", header=True)
    def show_title(self, alert: Alert) -> list[str]:
        return [alert.title, alert.detail if len(alert.detail) <= 60 else f"{alert.detail[:59]}…"]

    @display(description="Severity", ordering="severity", label=SEVERITY_LABELS)
    def show_severity(self, alert: Alert) -> tuple[str, str]:
        return alert.severity, alert.get_severity_display()

    @display(description="Severity")
    def show_label(self, alert: Alert) -> Any:
        return label(alert.get_severity_display(), SEVERITY_LABELS[alert.severity])

    @display(description="About")
    def show_target(self, alert: Alert) -> Any:
        return link_to(alert.target_type, alert.target_id)

    @display(description="State", label={"open": "warning", "closed": "success"})
    def show_state(self, alert: Alert) -> tuple[str, str]:
        return ("closed", "closed") if alert.closed_at else ("open", "open")
