"""What notifications refuse."""

from __future__ import annotations

from core.errors import DomainError, NotFound


class UnknownDevice(NotFound):
    code = "unknown-device"
    title = "You have no such device"


class ChannelFixed(DomainError):
    code = "channel-fixed"
    title = "This can't be switched off"
    status = 422


class ChannelNotOffered(DomainError):
    code = "channel-not-offered"
    title = "This category isn't sent by this channel"
    status = 422
