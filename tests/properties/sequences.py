"""What random sequences share: how many there are, and each undone.

PROPERTY_SEQUENCES=500 tries as many, others each time; without it they are always the same few.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from hypothesis import HealthCheck, Phase, settings

_ASKED = os.environ.get("PROPERTY_SEQUENCES")


def sequences(usually: int) -> settings:
    """Try as many sequences, or as many as were asked for."""
    return settings(
        max_examples=int(_ASKED or usually),
        derandomize=_ASKED is None,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@contextmanager
def undone() -> Iterator[None]:
    """Undo the block at its end; commands within it are savepoints, as in any test of one transaction."""
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]
    with block:
        try:
            yield
        finally:
            transaction.set_rollback(True)


@contextmanager
def named(sequence: str) -> Iterator[None]:
    """Say which sequence it was that failed: Hypothesis leaves it out when it doesn't shrink."""
    try:
        yield
    except Exception as failure:
        failure.add_note(sequence)
        raise
