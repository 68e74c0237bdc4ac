"""Every write of investments: one function a verb. Call through this module: `services.fund_position(...)`."""

from investments.services import catalogue, versions
from investments.services.catalogue import load_catalogue
from investments.services.exits import cancel, mature, maturing, pay_exits, place_in_line, withdraw, withdraw_request
from investments.services.funding import cancel_unfunded, fund_position, open_position, unfunded
from investments.services.reversals import request_reversal
from investments.services.states import pause, release, resume, suspend
from investments.services.versions import draft_version, request_activation, request_ceiling, request_retirement

__all__ = [
    "cancel",
    "cancel_unfunded",
    "catalogue",
    "draft_version",
    "fund_position",
    "load_catalogue",
    "mature",
    "maturing",
    "open_position",
    "pause",
    "pay_exits",
    "place_in_line",
    "release",
    "request_activation",
    "request_ceiling",
    "request_retirement",
    "request_reversal",
    "resume",
    "suspend",
    "unfunded",
    "versions",
    "withdraw",
    "withdraw_request",
]
