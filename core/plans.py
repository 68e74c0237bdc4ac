"""How PostgreSQL may go about the bulk statements of a transaction."""

from __future__ import annotations

from django.db import connection


def allow_memory() -> None:
    """Let each sort and hash of this transaction take 64 MB before it spills to disk. A step."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('work_mem', '64MB', true)")


def set_planner(**settings: object) -> None:
    """Set these of the planner's settings until the transaction ends. A step."""
    with connection.cursor() as cursor:
        for name, value in settings.items():
            cursor.execute("SELECT set_config(%s, %s, true)", [name, str(value)])
