"""Accounts with their balances, and the funds of products and offers."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from unfold.decorators import display

from ledger import balances, statements
from ledger.admin.shown import money
from ledger.models import Account, AccountSnapshot, Fund
from oversight.console import ReadOnlyAdmin, lines, link_to
from oversight.console.shown import NOTHING

LATEST = 20


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    """Every account; a live balance is the row's own, that of cash and fx is counted."""

    list_display = ("show_name", "show_owner", "show_balance", "show_debits", "show_credits")
    list_filter = ("kind", "currency")
    list_select_related = ("owner",)
    search_fields = ("=id", "scope", "subject", "owner__referral_code")
    search_help_text = "Scope, subject or owner's referral code"
    ordering = ("kind", "scope", "subject", "currency_id")
    fieldsets = (
        ("Account", {"fields": ("kind", "show_owner", "scope", "subject", "currency", "show_side")}),
        ("Balance", {"fields": ("show_balance", "show_debits", "show_credits", "overdraft_allowed", "keeps_balance")}),
        ("Behind it", {"fields": ("show_latest", "show_snapshots")}),
    )
    readonly_fields = (
        "show_owner",
        "show_side",
        "show_balance",
        "show_debits",
        "show_credits",
        "show_latest",
        "show_snapshots",
    )

    def get_urls(self) -> list[URLPattern]:
        funds = path("funds/", self.admin_site.admin_view(self.funds), name="ledger_funds")
        return [funds, *super().get_urls()]

    def funds(self, request: HttpRequest) -> HttpResponse:
        """Show the fund of each product and offer: its key has two columns, which Django's pages can't show."""
        if not request.user.has_perm("ledger.view_fund"):
            raise PermissionDenied
        rows = [
            [fund.scope, *(money(figure, fund.currency_id) for figure in _figures(fund))]
            for fund in Fund.objects.order_by("scope", "currency_id")
        ]
        headers = ["Product or offer", "Principal", "At work", "Shortfall", "Free"]
        context = {
            **self.admin_site.each_context(request),
            "title": "Funds",
            "opts": self.opts,
            "table": {"headers": headers, "rows": rows},
        }
        return TemplateResponse(request, "admin/ledger/funds.html", context)

    @display(description="account", ordering="kind")
    def show_name(self, account: Account) -> str:
        return str(account)

    @display(description="owner", ordering="owner")
    def show_owner(self, account: Account) -> Any:
        if account.owner is None:
            return NOTHING
        return link_to(account.owner._meta.label_lower, str(account.owner_id), str(account.owner))

    @display(description="normal side")
    def show_side(self, account: Account) -> str:
        return "debit" if account.normal_side == "D" else "credit"

    @display(description="balance")
    def show_balance(self, account: Account) -> str:
        balance = account.live_balance if account.keeps_balance else balances.balance(account)
        return money(balance, account.currency_id)

    @display(description="debits", ordering="debits")
    def show_debits(self, account: Account) -> str:
        return money(account.debits, account.currency_id) if account.keeps_balance else NOTHING

    @display(description="credits", ordering="credits")
    def show_credits(self, account: Account) -> str:
        return money(account.credits, account.currency_id) if account.keeps_balance else NOTHING

    @display(description="latest transfers")
    def show_latest(self, account: Account) -> Any:
        page = statements.page(account, limit=LATEST)
        shown = [
            (
                link_to("ledger.transaction", str(line.transaction_id), f"{line.booked_on} {line.kind}"),
                f"{money(line.amount, account.currency_id)}, then {money(line.balance, account.currency_id)}",
            )
            for line in page.lines
        ]
        return lines(shown) if shown else NOTHING

    @display(description="snapshots")
    def show_snapshots(self, account: Account) -> Any:
        kept = AccountSnapshot.objects.filter(account=account).order_by("-day")[:LATEST]
        shown = [
            (
                snapshot.day,
                f"debits {money(snapshot.debits, account.currency_id)}, "
                f"credits {money(snapshot.credits, account.currency_id)}",
            )
            for snapshot in kept
        ]
        return lines(shown) if shown else NOTHING


def _figures(fund: Fund) -> tuple[Any, ...]:
    return fund.principal, fund.deployed, fund.shortfall, fund.free
