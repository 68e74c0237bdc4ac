"""What the back office refuses."""

from __future__ import annotations

from accounts.errors import TooSoon


class TooManyExports(TooSoon):
    """`facts["retry_after"]` is in seconds."""

    code = "too-many-exports"
    title = "Everything was handed out several times today: wait before the next time"


class ExportUnderWay(TooSoon):
    """`facts["retry_after"]` is in seconds."""

    code = "export-under-way"
    title = "Everything is being put together just now: wait for it"
