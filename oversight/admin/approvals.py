"""The queue of what takes two people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from core.errors import DomainError
from oversight import documents, looks, services, verbs
from oversight.console import ActionPage, ReadOnlyAdmin, factors, label, lines, link_to, pretty
from oversight.console.shown import NOTHING
from oversight.looks import figures
from oversight.models import ApprovalRequest, Decision
from oversight.second_factor import FOR_APPROVALS

AMOUNTS = ("Amount", "Arrived", "In all")
"""What the lines of a summary call the sum in question."""

STATUS_LABELS = {
    "requested": "warning",
    "approved": "success",
    "rejected": "danger",
    "expired": "default",
    "void": "default",
}


class NoteForm(forms.Form):
    note = forms.CharField(required=False, max_length=2000, widget=forms.Textarea, help_text="Kept with the decision.")


class ReasonForm(forms.Form):
    note = forms.CharField(max_length=2000, widget=forms.Textarea, label="Why", help_text="Kept with the decision.")


class DecisionPage(ActionPage):
    """What approving and rejecting have in common."""

    factor_within = FOR_APPROVALS

    def may_open(self, request: HttpRequest) -> bool:
        return super().may_open(request) and bool(verbs.approvable_by(request.user))

    def is_allowed(self, user: Any, obj: ApprovalRequest) -> bool:
        return may_decide(user, obj)

    def is_offered(self, user: Any, obj: ApprovalRequest) -> bool:
        involved = {obj.requested_by_id, obj.beneficiary_id}
        decided = obj.decisions.filter(approver=user).exists()
        return obj.status == ApprovalRequest.Status.REQUESTED and user.pk not in involved and not decided

    def drifting(self, obj: ApprovalRequest) -> tuple[str, ...]:
        return looks.drifting(obj)

    def success(self, obj: ApprovalRequest, result: ApprovalRequest) -> Any:
        return outcome(result)

    def next_address(self, obj: ApprovalRequest, result: ApprovalRequest) -> str:
        """Back to what still waits for this officer."""
        return f"{self.model_admin.get_list_address()}?status=mine"


class Approve(DecisionPage):
    title = "Approve"
    icon = "check"
    variant = ActionVariant.PRIMARY
    form_class = NoteForm

    def preview(self, obj: ApprovalRequest, form: forms.Form) -> Iterable[tuple[str, Any]]:
        so_far = obj.decisions.filter(verdict=Decision.Verdict.APPROVE).count()
        last = so_far + 1 >= obj.approvals
        yield "What", obj.title
        yield from figures(obj)
        yield "Asked by", obj.requested_by
        yield "Reason", obj.reason
        yield "Document", obj.document_name or "none"
        yield "Approvals", f"yours is {so_far + 1} of {obj.approvals}"
        yield "Then", "it is carried out at once" if last else "it waits for another approval"

    def run(self, obj: ApprovalRequest, form: forms.Form, by: Any, now: datetime) -> ApprovalRequest:
        return services.approve(obj.pk, by=by, now=now, note=form.cleaned_data["note"])


class Reject(DecisionPage):
    title = "Reject"
    icon = "close"
    variant = ActionVariant.DANGER
    form_class = ReasonForm

    def preview(self, obj: ApprovalRequest, form: forms.Form) -> Iterable[tuple[str, Any]]:
        yield "What", obj.title
        yield from figures(obj)
        yield "Asked by", obj.requested_by
        yield "Then", "it is rejected for good and nothing is carried out"

    def run(self, obj: ApprovalRequest, form: forms.Form, by: Any, now: datetime) -> ApprovalRequest:
        return services.reject(obj.pk, by=by, now=now, note=form.cleaned_data["note"])


class StatusFilter(admin.SimpleListFilter):
    """The queue by default: what waits."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("mine", "waiting for me"), *ApprovalRequest.Status.choices, ("all", "all")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApprovalRequest]) -> QuerySet[ApprovalRequest]:
        chosen, me = self.value() or ApprovalRequest.Status.REQUESTED, request.user.pk
        if chosen == "all":
            return queryset
        if chosen == "mine":
            mine = queryset.filter(status="requested", verb__in=verbs.approvable_by(request.user))
            return mine.exclude(requested_by_id=me).exclude(decisions__approver_id=me)
        return queryset.filter(status=chosen)

    def choices(self, changelist: Any) -> Iterator[Any]:
        chosen = self.value() or "requested"
        for value, title in self.lookup_choices:
            link = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": chosen == value, "query_string": link, "display": title}


class VerbFilter(admin.SimpleListFilter):
    title = "what"
    parameter_name = "verb"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(verb.name, verb.title) for verb in verbs.every()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApprovalRequest]) -> QuerySet[ApprovalRequest]:
        return queryset.filter(verb=self.value()) if self.value() else queryset


@admin.register(ApprovalRequest)
class ApprovalRequestAdmin(ReadOnlyAdmin):
    """The queue of requests; each is decided on its page, or several one by one."""

    pages = (Approve, Reject)
    actions = ("approve_selected",)
    list_display = (
        "show_title",
        "show_amount",
        "show_target",
        "requested_by",
        "requested_at",
        "expires_at",
        "show_count",
        "show_status",
    )
    list_filter = (StatusFilter, VerbFilter)
    list_select_related = ("requested_by",)
    search_fields = ("title", "verb", "target_id", "reason")
    fieldsets = (
        (None, {"fields": ("show_summary", "reason", "show_document")}),
        ("Course", {"fields": ("show_state", "requested_by", "requested_at", "expires_at", "show_decisions")}),
        (
            "Frozen when asked",
            {"fields": ("verb", "show_target", "beneficiary", "approvals", "show_payload", "show_hashes")},
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApprovalRequest]:
        approving = Count("decisions", filter=Q(decisions__verdict=Decision.Verdict.APPROVE))
        return super().get_queryset(request).annotate(approving=approving)

    def get_urls(self) -> list[URLPattern]:
        document = self.admin_site.admin_view(self.document_view)
        return [
            path("<uuid:request_id>/document/", document, name="oversight_approvalrequest_document"),
            *super().get_urls(),
        ]

    def has_approve_permission(self, request: HttpRequest) -> bool:
        return bool(verbs.approvable_by(request.user))

    def document_view(self, request: HttpRequest, request_id: Any) -> HttpResponse:
        """Give the document to whoever may see the request, never shown in the page's own origin."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = ApprovalRequest.objects.filter(pk=request_id).first()
        if asked is None or not asked.document:
            raise Http404
        try:
            content = documents.read(asked)
        except DomainError as refusal:
            return HttpResponse(refusal.detail, status=refusal.status, content_type="text/plain")
        return _attachment(content, asked.document_name)

    @action(description="Approve selected, one by one", permissions=["approve"])
    def approve_selected(self, request: HttpRequest, queryset: QuerySet[ApprovalRequest]) -> HttpResponse | None:
        """Show what would be approved, then approve one by one: a refusal never undoes its neighbours.

        One whose figures aren't those that were shown is shown again instead.
        """
        if not factors.is_fresh(request, within=FOR_APPROVALS):
            return factors.ask_again(request, then=request.get_full_path())
        chosen = list(queryset.select_related("requested_by").order_by("pk"))
        if "confirmed" not in request.POST:
            return self._confirm_selected(request, chosen)
        changed = [asked for asked in chosen if not self._approve_as_seen(request, asked)]
        return self._confirm_selected(request, changed, is_again=True) if changed else None

    def _approve_as_seen(self, request: HttpRequest, asked: ApprovalRequest) -> bool:
        """Approve one and say what came of it; False when other figures were shown, or none."""
        seen = request.POST.get(f"_seen_{asked.pk}", "")
        try:
            result = services.approve(asked.pk, by=request.user, now=timezone.now(), seen=seen)
        except looks.FiguresChanged:
            return False
        except DomainError as refusal:
            self.message_user(request, f"{asked}: {refusal}", messages.ERROR)
        else:
            level, text = outcome(result)
            self.message_user(request, text, level)
        return True

    def _confirm_selected(
        self, request: HttpRequest, chosen: list[ApprovalRequest], *, is_again: bool = False
    ) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"Approve {len(chosen)} request{'' if len(chosen) == 1 else 's'}",
            "opts": self.opts,
            "chosen": [self._shown(asked) for asked in chosen],
            "changed": is_again,
            "action_name": "approve_selected",
            "checkbox_name": helpers.ACTION_CHECKBOX_NAME,
            "back": self.get_list_address(),
        }
        return TemplateResponse(request, "admin/oversight/approve_selected.html", context)

    def _shown(self, asked: ApprovalRequest) -> tuple[ApprovalRequest, str, list[tuple[str, Any]]]:
        lines = figures(asked)
        return asked, looks.digest(asked, lines), self._told(asked, lines)

    def _told(self, asked: ApprovalRequest, lines: looks.Lines) -> list[tuple[str, Any]]:
        return [
            *lines,
            ("Asked by", asked.requested_by),
            ("Reason", asked.reason),
            ("Document", self.show_document(asked)),
            ("Approvals", f"{asked.approvals} needed, beside the requester's"),
        ]

    @display(description="What", ordering="title", header=True)
    def show_title(self, asked: ApprovalRequest) -> list[str]:
        told = " · ".join(str(value) for label, value in asked.summary if label not in AMOUNTS)
        return [asked.title, told if len(told) <= 60 else f"{told[:59]}…"]

    @display(description="Amount")
    def show_amount(self, asked: ApprovalRequest) -> str:
        return next((str(value) for label, value in asked.summary if label in AMOUNTS), NOTHING)

    @display(description="About")
    def show_target(self, asked: ApprovalRequest) -> Any:
        return link_to(asked.target_type, asked.target_id)

    @display(description="Approvals")
    def show_count(self, asked: Any) -> str:
        return f"{asked.approving} of {asked.approvals}"

    @display(description="Status", ordering="status", label=STATUS_LABELS)
    def show_status(self, asked: ApprovalRequest) -> tuple[str, str]:
        return asked.status, asked.get_status_display()

    @display(description="Status")
    def show_state(self, asked: ApprovalRequest) -> Any:
        return label(asked.get_status_display(), STATUS_LABELS[asked.status])

    @display(description="What is asked")
    def show_summary(self, asked: ApprovalRequest) -> Any:
        return lines(figures(asked))

    @display(description="Document")
    def show_document(self, asked: ApprovalRequest) -> Any:
        if not asked.document:
            return "none"
        address = reverse(f"{self.admin_site.name}:oversight_approvalrequest_document", args=[asked.pk])
        link = (
            '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a> <code class="text-xs">SHA-256 {}</code>'
        )
        return format_html(link, address, asked.document_name, bytes(asked.document_hash or b"").hex()[:16] + "…")

    @display(description="Decisions")
    def show_decisions(self, asked: ApprovalRequest) -> Any:
        made = asked.decisions.select_related("approver")
        return lines((f"{each.approver} {each}", each.note) for each in made) if made else "none yet"

    @display(description="Payload")
    def show_payload(self, asked: ApprovalRequest) -> Any:
        return pretty(asked.payload)

    @display(description="Hashes (SHA-256)")
    def show_hashes(self, asked: ApprovalRequest) -> Any:
        hashes = (("payload", asked.payload_hash), ("target", asked.target_hash), ("movements", asked.moves_hash))
        return lines((name, bytes(value).hex()) for name, value in hashes if value)


def may_decide(user: Any, asked: ApprovalRequest) -> bool:
    """Answer whether this officer holds the permission that the verb asks of approvers."""
    try:
        return bool(user.has_perm(verbs.get(asked.verb).approve_permission))
    except verbs.UnknownVerb:
        return False


def outcome(asked: ApprovalRequest) -> tuple[int, str]:
    """Say how a decision ended, as loudly as it deserves."""
    said = {
        ApprovalRequest.Status.APPROVED: (messages.SUCCESS, "approved and carried out"),
        ApprovalRequest.Status.REJECTED: (messages.SUCCESS, "rejected"),
        ApprovalRequest.Status.REQUESTED: (messages.SUCCESS, "approved; it waits for another approval"),
        ApprovalRequest.Status.EXPIRED: (messages.ERROR, "it had expired; nothing was carried out"),
        ApprovalRequest.Status.VOID: (
            messages.ERROR,
            "what it is about has changed since; it is void",
        ),
    }
    level, text = said[ApprovalRequest.Status(asked.status)]
    return level, f"{asked}: {text}"


def _attachment(content: bytes, name: str) -> HttpResponse:
    """Never shown in the console's own origin, whatever it holds."""
    safe = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._- ") else "_" for letter in name)
    answer = HttpResponse(content, content_type="application/octet-stream")
    answer["Content-Disposition"] = f'attachment; filename="{safe}"'
    answer["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return answer
