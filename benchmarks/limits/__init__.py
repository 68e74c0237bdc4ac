"""The hand-written SQL that figures are measured against. A file is one statement list, or parts under `-- :name`."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parent


def whole(name: str) -> str:
    """The text of `limits/<name>.sql`."""
    return (FOLDER / f"{name}.sql").read_text()


def parts(name: str) -> dict[str, str]:
    """The statements of `limits/<name>.sql` by the names they stand under."""
    found = re.split(r"^-- :(\w+)$", whole(name), flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))
