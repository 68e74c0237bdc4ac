"""What an export holds, room by room, and why of every other table it holds nothing.

A new table stands in one of the two lists, or `backoffice/tests/test_export_contents.py` fails.
"""

from __future__ import annotations

from typing import Final

from backoffice.export import investing, messages, money, people, trail
from backoffice.export.tables import Part
from investments.models import Accrual

PARTS: Final[list[Part]] = [
    *people.PARTS[:1],
    *money.PARTS,
    *investing.PARTS,
    *people.PARTS[1:],
    *messages.PARTS,
    *trail.PARTS,
]
AS_CSV: Final = (Accrual,)
"""Told day by day in a file of its own: years of days make no page."""

DEED: Final = "what an officer did for the firm; that they did it stands among their `events`"
TERMS: Final = "the platform's terms, the same for everybody"
SUMS: Final = "sums over many people, or the progress of a run"
WORKS: Final = "how the platform itself works; nobody's data"

LEFT_OUT: Final[dict[str, str]] = {
    "accounts.User.groups": "told as `roles`",
    "accounts.PasskeyChallenge": "a question to an authenticator, good for five minutes",
    "accounts.PendingLink": "a log-in that waits for the code in `codes`; once linked it stands in `linked_log_ins`",
    "accounts.SocialNonce": "drawn before anybody is known",
    "admin.LogEntry": "never written: the audit trail takes its place",
    "auth.Group": WORKS,
    "auth.Permission": WORKS,
    "backoffice.EndOfDayProblem": DEED,
    "backoffice.EndOfDayRun": SUMS,
    "backoffice.EndOfDayStep": SUMS,
    "contenttypes.ContentType": WORKS,
    "django_celery_beat.ClockedSchedule": WORKS,
    "django_celery_beat.CrontabSchedule": WORKS,
    "django_celery_beat.IntervalSchedule": WORKS,
    "django_celery_beat.PeriodicTask": WORKS,
    "django_celery_beat.PeriodicTasks": WORKS,
    "django_celery_beat.SolarSchedule": WORKS,
    "investments.AccrualSlice": SUMS,
    "investments.Product": TERMS,
    "investments.ProductAccrual": SUMS,
    "investments.ProductVersion": TERMS,
    "investments.RateCeiling": DEED,
    "investments.SettlementRun": SUMS,
    "investments.SettlementSlice": SUMS,
    "ledger.AccountSnapshot": "balances of past days: sums over lines of `statement`",
    "ledger.BusinessDay": WORKS,
    "ledger.Currency": TERMS,
    "ledger.Evidence": "papers of banks and officers, which may name others; `bank_credits` has what is about them",
    "ledger.Fund": SUMS,
    "ledger.PostingRule": WORKS,
    "ledger.Seal": SUMS,
    "offers.Offer": TERMS,
    "offers.OfferDeed": SUMS,
    "oversight.Alert": "what officers have to look at, which must not be told to whom it may be about",
    "payments.PaymentMethod": TERMS,
    "protection.Disclosure": "the sheets themselves, the same for everybody; `sheets_accepted` names them",
    "protection.Jurisdiction": TERMS,
    "protection.KnowledgeTest": TERMS,
    "sessions.Session": "the console's, for officers: an opaque cookie, which ends after twelve hours",
    "treasury.Asset": DEED,
    "treasury.Coverage": SUMS,
    "treasury.CoverageDay": SUMS,
    "treasury.CoveragePart": SUMS,
    "treasury.ProductCoverage": SUMS,
    "treasury.StatementBalance": DEED,
    "treasury.Valuation": DEED,
}


def exported() -> set[str]:
    """The labels of the tables that an export tells."""
    return {model._meta.label for part in PARTS for model in part.models} | {model._meta.label for model in AS_CSV}
