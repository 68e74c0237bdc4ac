"""What every migrate puts in place: the room's functions. Runs as the owner's role."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core import functions

FUNCTIONS = Path(__file__).parent / "sql"


def on_migrate(sender: Any, using: str, **kwargs: Any) -> None:
    """Create or replace the functions, once the tables are there (not after `migrate offers zero`)."""
    functions.create(using, FUNCTIONS, after="offers_offer")
