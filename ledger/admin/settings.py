"""What the ledger goes by: currencies and posting rules, which only a migration changes."""

from __future__ import annotations

from django.contrib import admin
from unfold.decorators import display

from ledger.models import Currency, PostingRule
from oversight.console import ReadOnlyAdmin
from oversight.console.shown import NOTHING


@admin.register(Currency)
class CurrencyAdmin(ReadOnlyAdmin):
    """Currencies with the decimals that may be posted, for ever."""

    list_display = ("code", "exponent", "kind")
    list_filter = ("kind",)
    fields = ("code", "exponent", "kind")


@admin.register(PostingRule)
class PostingRuleAdmin(ReadOnlyAdmin):
    """The movements that are allowed; what isn't listed the database refuses."""

    list_display = ("kind", "debit_kind", "credit_kind", "show_marks", "show_scope")
    list_filter = ("kind", "needs_evidence", "needs_approval")
    search_fields = ("kind", "debit_kind", "credit_kind")
    list_per_page = 100

    @display(description="needs")
    def show_marks(self, rule: PostingRule) -> str:
        marks = {
            "evidence": rule.needs_evidence,
            "four eyes": rule.needs_approval,
            "one owner": rule.same_owner,
            "one scope": rule.same_scope,
        }
        return ", ".join(name for name, wanted in marks.items() if wanted) or NOTHING

    @display(description="scope")
    def show_scope(self, rule: PostingRule) -> str:
        parts = [f"debit {rule.debit_scope}" if rule.debit_scope else "", rule.scope_prefix and f"{rule.scope_prefix}…"]
        return ", ".join(part for part in parts if part) or NOTHING
