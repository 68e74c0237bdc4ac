"""Celery's settings and the periodic jobs."""

from __future__ import annotations

from typing import Any

from celery.schedules import crontab

from config import environment
from config.environment import read

__all__ = [
    "CELERY_BEAT_SCHEDULE",
    "CELERY_BEAT_SCHEDULER",
    "CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP",
    "CELERY_BROKER_TRANSPORT_OPTIONS",
    "CELERY_BROKER_URL",
    "CELERY_ENABLE_UTC",
    "CELERY_RESULT_BACKEND",
    "CELERY_TASK_ACKS_LATE",
    "CELERY_TASK_IGNORE_RESULT",
    "CELERY_TASK_PUBLISH_RETRY_POLICY",
    "CELERY_TASK_REJECT_ON_WORKER_LOST",
    "CELERY_TIMEZONE",
    "CELERY_WORKER_HIJACK_ROOT_LOGGER",
    "CELERY_WORKER_PREFETCH_MULTIPLIER",
    "DJANGO_CELERY_BEAT_TZ_AWARE",
]


def _broker() -> str:
    if environment.mode() == "test":
        return "memory://"
    if environment.uses_embedded_servers():
        from config import embedded

        return embedded.demo_valkey().url(1)
    return str(read("REDIS_URL", environment.redis_url))


CELERY_BROKER_URL = _broker()
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A task is acknowledged when it is done: a killed worker's task runs again, so every task is safe to repeat.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# The broker hands out again what was not acknowledged for this long: no single task may need longer.
# One that takes no answer to a command in time is gone, though its address may still be there.
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
    "visibility_timeout": 3600,
    "socket_timeout": 5,
    "socket_connect_timeout": 5,
}
CELERY_TASK_PUBLISH_RETRY_POLICY: dict[str, Any] = {"max_retries": 1, "interval_start": 0.2}
CELERY_TIMEZONE = read("PLATFORM_TIME_ZONE", environment.time_zone, default="UTC")
CELERY_ENABLE_UTC = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
DJANGO_CELERY_BEAT_TZ_AWARE = True
CELERY_BEAT_SCHEDULE: dict[str, Any] = {
    # From one minute past midnight of the platform, four times an hour: what is over is closed, once.
    "close what is over": {
        "task": "backoffice.tasks.close_what_is_over",
        "schedule": crontab(minute="1,16,31,46"),
        "options": {"expires": 14 * 60},
    },
    "forget kept answers of yesterday": {
        "task": "api.tasks.forget_answers",
        "schedule": crontab(minute="40"),
    },
    "send what is due": {
        "task": "notifications.tasks.send_due",
        "schedule": crontab(),
        "options": {"expires": 55},
    },
    "forget old notifications": {
        "task": "notifications.tasks.forget_old",
        "schedule": crontab(hour="3", minute="50"),
    },
    "forget wrong passwords and reset links of long ago": {
        "task": "accounts.tasks.forget_old",
        "schedule": crontab(hour="3", minute="20"),
    },
}
