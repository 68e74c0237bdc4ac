"""How PostgreSQL may go about the bulk statements of a transaction."""

from __future__ import annotations

from django.db import connection


def allow_memory() -> None:
    """Let each sort and hash of this transaction take 64 MB before it spills to disk. A step."""
    set_planner(work_mem="64MB")


def set_planner(**settings: object) -> None:
    """Set these of the planner's settings until the transaction ends, in one round trip. A step."""
    asked = ", ".join(["set_config(%s, %s, true)"] * len(settings))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {asked}", [str(part) for setting in settings.items() for part in setting])
