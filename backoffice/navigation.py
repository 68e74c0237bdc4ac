"""The console's sidebar: what there is to see, by the field's words; an item shows only to whom its page opens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse

Waiting = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Item:
    """One line: a model's list (`app.model`) or a named page."""

    title: str
    icon: str
    model: str = ""
    page: str = ""
    permission: str = ""
    query: str = ""


GROUPS: tuple[tuple[str, tuple[Item, ...]], ...] = (
    (
        "Overview",
        (
            Item("Dashboard", "monitoring", page="admin:index"),
            Item("Coverage (public)", "shield", page="transparency"),
        ),
    ),
    (
        "Investors",
        (
            Item("People", "group", model="accounts.user"),
            Item("Roles", "badge", model="auth.group"),
            Item("Sessions", "devices", model="accounts.session"),
        ),
    ),
    (
        "Positions & products",
        (
            Item("Positions", "savings", model="investments.position"),
            Item("Products", "category", model="investments.product"),
            Item(
                "Returns", "trending_up", page="admin:backoffice_returns", permission="investments.view_settlementrun"
            ),
            Item("Settlement runs", "payments", model="investments.settlementrun"),
            Item("Corrections", "tune", model="investments.correction"),
            Item("Exits in line", "logout", model="investments.exitrequest"),
            Item("Rate ceiling", "vertical_align_top", model="investments.rateceiling"),
        ),
    ),
    (
        "Offers",
        (
            Item("Offers", "campaign", model="offers.offer"),
            Item("Investments", "handshake", model="offers.offerinvestment"),
            Item("Distributions & losses", "call_split", model="offers.offerdeed"),
        ),
    ),
    (
        "Protection",
        (
            Item("Key information sheets", "description", model="protection.disclosure"),
            Item("Acceptances", "task_alt", model="protection.acceptance"),
            Item("Knowledge test", "quiz", model="protection.knowledgetest"),
            Item("Test results", "school", model="protection.knowledgeresult"),
            Item("Loss simulations", "trending_down", model="protection.losssimulation"),
            Item("Risk warnings", "warning", model="protection.riskwarning"),
            Item("Jurisdictions", "gavel", model="protection.jurisdiction"),
        ),
    ),
    (
        "Money",
        (
            Item("Deposits", "move_to_inbox", model="payments.deposit"),
            Item("Suspense", "help_center", model="payments.bankcredit"),
            Item("Payment methods", "account_balance", model="payments.paymentmethod"),
            Item("Pools", "water_drop", page="admin:backoffice_pools", permission="treasury.view_productcoverage"),
            Item("Treasury", "swap_horiz", model="treasury.treasurymovement"),
            Item("Assets", "domain", model="treasury.asset"),
            Item("Valuations", "sell", model="treasury.valuation"),
            Item("Bank statements", "receipt_long", model="treasury.statementbalance"),
            Item("Coverage by day", "verified_user", model="treasury.coverage"),
        ),
    ),
    (
        "Ledger",
        (
            Item("Transactions", "list_alt", model="ledger.transaction"),
            Item("Accounts", "account_tree", model="ledger.account"),
            Item("Evidence", "attach_file", model="ledger.evidence"),
            Item("Funds", "pie_chart", page="admin:ledger_funds", permission="ledger.view_fund"),
            Item("Business days", "calendar_month", model="ledger.businessday"),
            Item("Seals", "lock", model="ledger.seal"),
            Item("Posting rules", "rule", model="ledger.postingrule"),
            Item("Currencies", "currency_exchange", model="ledger.currency"),
        ),
    ),
    (
        "Compliance",
        (
            Item("Approvals", "approval", model="oversight.approvalrequest"),
            Item("Alerts", "notifications_active", model="oversight.alert"),
            Item("Audit trail", "history", model="oversight.auditevent"),
        ),
    ),
    (
        "Operations",
        (
            Item("End-of-day runs", "bedtime", model="backoffice.endofdayrun"),
            Item(
                "Messages",
                "forum",
                page="admin:notifications_messages",
                permission="notifications.preview_message",
            ),
            Item("Notifications", "notifications", model="notifications.notification"),
            Item("Deliveries", "outgoing_mail", model="notifications.delivery"),
        ),
    ),
)


def stylesheet(request: HttpRequest) -> str:
    return static("backoffice/backoffice.css")


def icon(request: HttpRequest) -> str:
    return static("backoffice/icon.svg")


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups with the items that this officer may open; a page that isn't built is left out."""
    groups: list[dict[str, Any]] = []
    for title, items in GROUPS:
        shown = [line for item in items if (line := _line(item, request)) is not None]
        if shown:
            groups.append({"title": title, "separator": bool(groups), "collapsible": False, "items": shown})
    return groups


def _line(item: Item, request: HttpRequest) -> dict[str, Any] | None:
    if not may_open(item, request):
        return None
    link = address(item)
    return {"title": item.title, "icon": item.icon, "link": link} if link else None


def may_open(item: Item, request: HttpRequest) -> bool:
    """Ask the model's own admin, or the page's permission."""
    if item.permission and not request.user.has_perm(item.permission):
        return False
    if not item.model:
        return True
    registered = {model._meta.label_lower: model_admin for model, model_admin in admin.site._registry.items()}
    model_admin = registered.get(item.model)
    return model_admin is not None and model_admin.has_view_permission(request)


def address(item: Item) -> str:
    """Return where an item leads, or nothing if there is no such page."""
    name = item.page or f"admin:{item.model.replace('.', '_')}_changelist"
    try:
        return reverse(name) + item.query
    except NoReverseMatch:
        return ""
