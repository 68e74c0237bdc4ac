"""What this room does. Commands open their own transaction; steps run in their caller's."""

from offers.services.accounts import income_left, loss_left, with_late_income
from offers.services.closing import close_offer, end_gathering, mature_offer, request_failure, require_failable
from offers.services.deeds import preview, request_distribution, request_loss
from offers.services.drafts import (
    change_offer,
    draft_offer,
    is_publication_waiting,
    pause_offer,
    request_publication,
    resume_offer,
    terms_in_words,
)
from offers.services.investing import invest, withdraw
from offers.services.waiting import give_place, give_places, leave_line, place_in_line

__all__ = [
    "change_offer",
    "close_offer",
    "draft_offer",
    "end_gathering",
    "give_place",
    "give_places",
    "income_left",
    "invest",
    "is_publication_waiting",
    "leave_line",
    "loss_left",
    "mature_offer",
    "pause_offer",
    "place_in_line",
    "preview",
    "request_distribution",
    "request_failure",
    "request_loss",
    "request_publication",
    "require_failable",
    "resume_offer",
    "terms_in_words",
    "with_late_income",
    "withdraw",
]
