"""Events that the treasury sends upwards, inside the transaction that caused them."""

from __future__ import annotations

from typing import Final

from django.dispatch import Signal

capital_returns: Final = Signal()
"""Money that was at work, or lost, is about to be there again; nothing of it is posted yet.

Sent with `scope` and `currency` before the ledger's accounts are locked: whoever hears `capital_returned` locks here
what it will touch there.
"""

capital_returned: Final = Signal()
"""Money that was at work, or lost, is there again: after `divest`, `write_up` and `make_good` of a product.

Sent with `scope` (str, `product:<code>`), `currency` (str) and `now` (aware datetime); sender is TreasuryMovement.
Listeners run in the same transaction, under the lock of the oversight request.
"""
