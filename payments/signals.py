"""What payments tell the rooms above, inside the transaction that did it."""

from django.dispatch import Signal

deposit_confirmed = Signal()
"""An investor's wallet was credited.

Sent with `deposit` (payments.models.Deposit, locked, confirmed; `position_id` may name a position to fund with
`arrived_amount`) and `now` (aware datetime); sender is Deposit. Each listener runs in a savepoint: a DomainError that
it raises undoes what it did and is kept as `deposit.position_refusal`; the deposit stands.
"""
