"""How gunicorn serves the platform: `gunicorn config.wsgi:application`, with --bind and --workers as one likes."""

from __future__ import annotations

import logging
from typing import Any

from gunicorn import glogging

worker_class = "gthread"
workers = 2
threads = 8
graceful_timeout = 30
control_socket_disable = True


class Log(glogging.Logger):
    """gunicorn's own log, without what a client sent: a request that can't be read may hold a token anywhere."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.addFilter(without_requests)


def without_requests(record: logging.LogRecord) -> bool:
    """Let a line about one request pass without the request."""
    said = str(record.msg)
    if said.startswith("Invalid request"):
        record.msg, record.args = "An invalid request was refused", ()
    elif said.startswith("Error handling request"):
        record.msg, record.args = "A request ended in an error", ()
    return True


logger_class = Log


def on_starting(server: object) -> None:
    """Read the settings before any worker starts, so that a wrong one is one line and not one a worker."""
    import config.settings  # noqa: F401
