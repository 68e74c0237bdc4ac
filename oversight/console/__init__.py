"""The console's base classes: read-only pages, and pages that ask, show figures, then act.

class PayoutAdmin(ReadOnlyAdmin):
    pages = (ApprovePayout, RejectPayout)

class ApprovePayout(ActionPage):
    title = "Approve payout"
    permission = "payments.request_payout_approval"
    form_class = NoteForm
    def preview(self, obj, form): return [("Leaves the bank", obj.net)]
    def run(self, obj, form, by, now): return payouts.request_approval(obj.pk, note=..., by=by, now=now)
"""

from oversight.console.admins import ReadOnlyAdmin, ReadOnlyInline
from oversight.console.forms import DocumentField, ReasonField, ReasonForm
from oversight.console.pages import ActionPage, ListPage, PageForm, menu
from oversight.console.shown import label, lines, link_to, moment, pretty

__all__ = [
    "ActionPage",
    "DocumentField",
    "ListPage",
    "PageForm",
    "ReadOnlyAdmin",
    "ReadOnlyInline",
    "ReasonField",
    "ReasonForm",
    "label",
    "lines",
    "link_to",
    "menu",
    "moment",
    "pretty",
]
