"""The platform's own services, in this process, on a database that is written as in production."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connections

from tests.database import close_connections, point_at
from tests.faults.machine import MIGRATED, Machine

ADDRESS = ("HOST", "PORT", "NAME", "USER", "PASSWORD")


@contextmanager
def durable_house(machine: Machine, name: str = "faults_house") -> Iterator[str]:
    """Let both aliases mean a fresh database of the machine's server, every write of it durable; gives its name."""
    before = {alias: {key: settings.DATABASES[alias][key] for key in ADDRESS} for alias in ("default", "owner")}
    close_connections()
    point_at(machine.postgres, machine.copy(MIGRATED, name))
    try:
        yield name
    finally:
        close_connections()
        for alias, address in before.items():
            settings.DATABASES[alias].update(address)
            connections[alias].settings_dict.update(address)
