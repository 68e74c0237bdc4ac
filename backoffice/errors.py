"""What the back office refuses."""

from __future__ import annotations

from accounts.errors import TooSoon


class TooManyExports(TooSoon):
    """`facts["retry_after"]` is in seconds."""

    code = "too-many-exports"
    title = "Everything was handed out several times today: wait before the next time"
