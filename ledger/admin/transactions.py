"""Transactions with their transfers, and the evidence behind them."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from unfold.decorators import display

from ledger import amounts
from ledger.admin.shown import digest
from ledger.models import Evidence, Transaction, Transfer
from oversight.console import ReadOnlyAdmin, ReadOnlyInline, lines, link_to
from oversight.console.shown import NOTHING
from oversight.models import ApprovalRequest

INTACT = {"intact": "success", "changed": "danger", "lost": "danger", "none": "default"}


class TransferInline(ReadOnlyInline):
    """The movements of one transaction."""

    model = Transfer
    hide_title = True
    fields = ("line", "show_debit", "show_credit", "show_amount", "booked_on")
    readonly_fields = ("show_debit", "show_credit", "show_amount")
    ordering = ("line",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Transfer]:
        return super().get_queryset(request).select_related("debit_account", "credit_account")

    @display(description="debit")
    def show_debit(self, transfer: Transfer) -> Any:
        return link_to("ledger.account", str(transfer.debit_account_id), str(transfer.debit_account))

    @display(description="credit")
    def show_credit(self, transfer: Transfer) -> Any:
        return link_to("ledger.account", str(transfer.credit_account_id), str(transfer.credit_account))

    @display(description="amount")
    def show_amount(self, transfer: Transfer) -> str:
        return amounts.show(transfer.amount, transfer.currency_id)


@admin.register(Transaction)
class TransactionAdmin(ReadOnlyAdmin):
    """What was posted. A mistake is reversed where it was made: on the page of the deposit, position or movement."""

    inlines = (TransferInline,)
    list_display = ("key", "kind", "show_amount", "effective_on", "posted_at", "show_actor", "show_reversal")
    list_filter = ("kind", "effective_on")
    list_select_related = ("actor", "reverses", "reversed_by")
    search_fields = ("=id", "key__startswith")
    search_help_text = "The transaction's id, or the beginning of its key"
    fieldsets = (
        ("Transaction", {"fields": ("key", "kind", "effective_on", "posted_at", "show_actor", "memo")}),
        ("Behind it", {"fields": ("show_evidence", "show_approval", "show_reversal", "show_fingerprint")}),
    )
    readonly_fields = ("show_actor", "show_evidence", "show_approval", "show_reversal", "show_fingerprint")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Transaction]:
        first = Prefetch("transfers", Transfer.objects.filter(line=1), to_attr="first_lines")
        return super().get_queryset(request).prefetch_related(first)

    @display(description="amount")
    def show_amount(self, transaction: Any) -> str:
        """The first move; the others are counted."""
        others = f" and {transaction.moves - 1} more" if transaction.moves > 1 else ""
        return next((amounts.show(each.amount, each.currency_id) for each in transaction.first_lines), NOTHING) + others

    @display(description="actor", ordering="actor")
    def show_actor(self, transaction: Transaction) -> Any:
        if transaction.actor is None:
            return "the platform"
        return link_to(transaction.actor._meta.label_lower, str(transaction.actor_id), str(transaction.actor))

    @display(description="evidence")
    def show_evidence(self, transaction: Transaction) -> Any:
        if transaction.evidence is None:
            return NOTHING
        return link_to("ledger.evidence", str(transaction.evidence_id), str(transaction.evidence))

    @display(description="approval")
    def show_approval(self, transaction: Transaction) -> Any:
        if transaction.approval_id is None:
            return NOTHING
        request = ApprovalRequest.objects.filter(pk=transaction.approval_id).first()
        return link_to("oversight.approvalrequest", str(request.pk), request.title) if request else NOTHING

    @display(description="reversal")
    def show_reversal(self, transaction: Transaction) -> Any:
        if transaction.reverses is not None:
            return _named("reverses", transaction.reverses)
        reversal = getattr(transaction, "reversed_by", None)
        return _named("reversed by", reversal) if reversal is not None else NOTHING

    @display(description="fingerprint of the moves")
    def show_fingerprint(self, transaction: Transaction) -> str:
        return digest(transaction.fingerprint)


def _named(word: str, transaction: Transaction) -> Any:
    return format_html("{} {}", word, link_to("ledger.transaction", str(transaction.pk), transaction.key))


@admin.register(Evidence)
class EvidenceAdmin(ReadOnlyAdmin):
    """What the world outside said. Files are given as downloads, to those who may see evidence, if they are intact."""

    list_display = ("reference", "source", "type", "name", "received_at")
    list_filter = ("type", "source", "received_at")
    search_fields = ("reference__startswith", "source")
    fieldsets = (
        (None, {"fields": ("type", "source", "reference", "received_at")}),
        ("File", {"fields": ("show_file", "show_hash", "show_state")}),
        ("What it stands behind", {"fields": ("show_transactions",)}),
    )
    readonly_fields = ("show_file", "show_hash", "show_state", "show_transactions")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.download)
        return [path("<uuid:evidence_id>/file/", view, name="ledger_evidence_file"), *super().get_urls()]

    def download(self, request: HttpRequest, evidence_id: UUID) -> HttpResponse:
        """Give the file as a download, never as a page: it came from outside."""
        evidence = Evidence.objects.filter(pk=evidence_id).first()
        if not self.has_view_permission(request, evidence):
            raise PermissionDenied
        content = _content(evidence) if evidence is not None else None
        if evidence is None or content is None:
            raise Http404
        if _state(evidence, content) != "intact":
            return HttpResponse("This file isn't the one that was recorded.", status=409, content_type="text/plain")
        response = HttpResponse(content, content_type="application/octet-stream")
        suffix = evidence.name.rpartition(".")[2].lower()
        ending = f".{suffix}" if suffix.isascii() and suffix.isalnum() and len(suffix) <= 5 else ""
        response["Content-Disposition"] = f'attachment; filename="evidence-{evidence.pk}{ending}"'
        response["Cache-Control"] = "private, no-store"
        return response

    @display(description="file")
    def show_file(self, evidence: Evidence) -> Any:
        if not evidence.file:
            return NOTHING
        address = reverse(f"{self.admin_site.name}:ledger_evidence_file", args=[evidence.pk])
        return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', address, evidence.name)

    @display(description="SHA-256")
    def show_hash(self, evidence: Evidence) -> str:
        return digest(evidence.sha256)

    @display(description="state", label=INTACT)
    def show_state(self, evidence: Evidence) -> str:
        if not evidence.file:
            return "none"
        content = _content(evidence)
        return "lost" if content is None else _state(evidence, content)

    @display(description="transactions")
    def show_transactions(self, evidence: Evidence) -> Any:
        shown = [
            (link_to("ledger.transaction", str(row.pk), row.key), row.kind)
            for row in evidence.transactions.order_by("id")
        ]
        return lines(shown) if shown else NOTHING


def _content(evidence: Evidence) -> bytes | None:
    try:
        with evidence.file.open("rb") as kept:
            content: bytes = kept.read()
    except (OSError, ValueError):
        return None
    return content


def _state(evidence: Evidence, content: bytes) -> str:
    return "intact" if hashlib.sha256(content).digest() == bytes(evidence.sha256) else "changed"
