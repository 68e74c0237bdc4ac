"""The verbs of this room that take two people, as oversight knows them."""

from __future__ import annotations

from oversight import verbs
from oversight.verbs import Verb
from payments.models import BankCredit, Deposit
from payments.services import credits, reversals, suspense

CONFIRMATION = ("payments.request_deposit_confirmation", "payments.approve_deposit_confirmation")
SUSPENSE = ("payments.request_suspense", "payments.approve_suspense")
REVERSAL = ("payments.request_deposit_reversal", "payments.approve_deposit_reversal")

# What a deposit asks for never changes, so what is hashed is what decides where the money goes.
_ASKED = ("investor", "currency", "amount", "position_id")
_HELD = ("status", "amount", "currency", "transaction_id")


def register() -> None:
    """Make the verbs known to oversight."""
    for verb in (
        Verb(credits.CONFIRM, "Confirm a deposit", *CONFIRMATION, credits.apply_confirmation, Deposit, _ASKED),
        Verb(credits.RECORD, "Take an unmatched credit into suspense", *SUSPENSE, credits.apply_unmatched_credit),
        Verb(suspense.ALLOT, "Allot a credit to a deposit", *SUSPENSE, suspense.apply_allotment, BankCredit, _HELD),
        Verb(suspense.RETURN, "Send a credit back", *SUSPENSE, suspense.apply_return, BankCredit, _HELD),
        Verb(
            reversals.REVERSE_DEPOSIT,
            "Reverse a deposit",
            *REVERSAL,
            reversals.apply_deposit_reversal,
            Deposit,
            (*_ASKED, "status", "transaction_id"),
        ),
        Verb(
            reversals.REVERSE_CREDIT,
            "Reverse a credit in suspense",
            *REVERSAL,
            reversals.apply_credit_reversal,
            BankCredit,
            _HELD,
        ),
    ):
        verbs.register(verb)
