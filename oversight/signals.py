"""What oversight tells the rooms above, inside the transaction that did it."""

from django.dispatch import Signal

requested = Signal()
"""A request was opened: others may decide it.

Sent with `request` (ApprovalRequest) and `now` (aware datetime); sender is ApprovalRequest.
"""

ended = Signal()
"""A request is approved, rejected, expired or void: `request.status` says which.

Sent with `request` and `now`; sender is ApprovalRequest. Of an approved one it comes once the deed is carried out.
"""
