"""Is the process alive, and can it do its work? Rooms add their own checks with `register_check`."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable

import psycopg
import redis
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

log = logging.getLogger(__name__)

Check = Callable[[], None]
TIMEOUT_SECONDS = 2
NEEDS_DATABASE = {"status": "failing", "detail": "needs the database"}


class NotReady(Exception):
    """What a check raises: one short line that anyone may read."""


_checks: dict[str, Check] = {}


def register_check(name: str, check: Check) -> None:
    """Add a check to `/health/ready`; it raises NotReady, or anything, when the platform can't do its work."""
    _checks[name] = check


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """Answer as long as this process can."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Run every check: 200 when all are well, else 503; what went wrong in detail goes to the log alone."""
    results = {name: outcome(check) for name, check in OUTSIDE.items()}
    has_database = results["database"]["status"] == "ok"
    for name, check in {**INSIDE, **_checks}.items():
        results[name] = outcome(check) if has_database else NEEDS_DATABASE
    well = all(result["status"] == "ok" for result in results.values())
    document = {"status": "ok" if well else "failing", "checks": results}
    return JsonResponse(document, status=200 if well else 503, headers={"Cache-Control": "no-store"})


def outcome(check: Check) -> dict[str, str]:
    """Run one check and say how it went."""
    try:
        check()
    except NotReady as reason:
        return {"status": "failing", "detail": str(reason)}
    except Exception:
        log.exception("a health check failed")
        return {"status": "failing", "detail": "unreachable"}
    return {"status": "ok"}


def check_database() -> None:
    """Ask the database for one row, on a connection of its own: the pool would wait half a minute for one."""
    timeout = TIMEOUT_SECONDS
    with psycopg.connect(**{**connection.get_connection_params(), "connect_timeout": timeout}) as own:
        own.execute("SELECT 1")


def check_cache() -> None:
    """Write a value and read it back."""
    value = secrets.token_hex(8)
    cache.set("health", value, timeout=10)
    if not cache.get("health"):
        raise NotReady("a value isn't kept")


def check_broker() -> None:
    """Greet the broker that jobs go through."""
    address = settings.CELERY_BROKER_URL
    if not address.startswith("redis"):
        return
    timeout = TIMEOUT_SECONDS
    with redis.Redis.from_url(address, socket_timeout=timeout, socket_connect_timeout=timeout) as broker:
        broker.ping()


class Migrations:
    """Holds the database against the code's migrations; once they agree, this process needn't look again."""

    def __init__(self) -> None:
        self.agree = False

    def __call__(self) -> None:
        if self.agree:
            return
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if waiting:
            raise NotReady(f"{len(waiting)} not applied")
        self.agree = True


OUTSIDE: dict[str, Check] = {"database": check_database, "cache": check_cache, "broker": check_broker}
INSIDE: dict[str, Check] = {"migrations": Migrations()}
