"""SQL functions of a room: files in its folder `sql`, one function each, created anew by every migrate."""

from __future__ import annotations

from pathlib import Path

from django.db import connections, transaction


def create(using: str, folder: Path, *, after: str) -> bool:
    """Create or replace the functions of `folder`, unless the table `after` isn't there; say whether it was."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [after])
        if not cursor.fetchone()[0]:
            return False
        for path in sorted(folder.glob("*.sql")):
            cursor.execute(path.read_text())
    return True
