"""Logs as JSON lines with request ids, and Sentry where it is named. Neither ever carries personal data."""

from __future__ import annotations

from typing import Any

import structlog

from config import discretion, environment
from config.environment import read

__all__ = ["DJANGO_STRUCTLOG_CELERY_ENABLED", "DJANGO_STRUCTLOG_IP_LOGGING_ENABLED", "LOGGING"]

DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False

_LEVEL = read("LOG_LEVEL", environment.log_level, default="INFO")
_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _SHARED,
            "processors": [
                discretion.discreet,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": _LEVEL},
    "loggers": {
        "django.server": {"handlers": ["stderr"], "propagate": False},
        "django.request": {"level": "ERROR"},
        "fido2": {"level": "WARNING"},  # It would name each passkey by its identifier.
        "django_structlog": {"level": "WARNING" if environment.mode() == "test" else _LEVEL},
    },
}
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.filter_by_level,
        *_SHARED[1:],
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)


def without_what_people_wrote(event: Any, hint: Any) -> Any:
    """Take out of a report what may name a person or be a token: all of a request but its method, what errors say.

    Of what was called on the way (spans) the kind stays: a cache's key names the address that is throttled.
    """
    request = event.get("request", {})
    for part in ("url", "query_string", "data", "cookies", "headers", "env"):
        request.pop(part, None)
    for part in event.get("exception", {}).get("values", []):
        part["value"] = discretion.without_data(str(part.get("value", "")))
    if "logentry" in event:
        event["logentry"] = {"message": _template(event["logentry"], hint.get("log_record"))}
    for span in event.get("spans", []):
        span["description"] = discretion.without_data(str(span.get("description") or ""))
        span.pop("data", None)
    event.get("contexts", {}).get("trace", {}).pop("data", None)
    event.pop("breadcrumbs", None)
    event.pop("extra", None)
    return event


def _template(entry: Any, record: Any) -> str:
    """What a log line says, without its arguments; of a structured one its event."""
    said = getattr(record, "msg", None) or entry.get("message", "")
    return discretion.without_data(str(said.get("event", "") if isinstance(said, dict) else said))


_dsn = read("SENTRY_DSN", environment.sentry_dsn, default="")
if _dsn:
    import sentry_sdk

    sentry_sdk.init(
        dsn=_dsn,
        environment=environment.mode(),
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        before_send=without_what_people_wrote,
        before_send_transaction=without_what_people_wrote,
        traces_sample_rate=read("SENTRY_TRACES_SAMPLE_RATE", environment.share, default=0.0),
    )
