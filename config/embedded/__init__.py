"""PostgreSQL and Valkey of this checkout's own, for the demo, for development and for tests."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence

from config.embedded import postgres, valkey
from config.embedded.places import place

DATABASE = "fiducia"
WITHOUT_SERVERS = {"", "help", "--help", "-h", "version", "--version", "startapp", "compilemessages"}


def demo_postgres() -> postgres.Postgres:
    """The server that `make demo` and `manage.py` use when no DATABASE_URL is given."""
    return postgres.Postgres(place("postgres"))


def demo_valkey() -> valkey.Valkey:
    """The broker and cache that go with it."""
    return valkey.Valkey(place("valkey"))


@contextlib.contextmanager
def needed_servers(arguments: Sequence[str]) -> Iterator[None]:
    """Hold the embedded servers while a command runs; whoever leaves last stops them."""
    verb = arguments[1] if len(arguments) > 1 else ""
    if verb in WITHOUT_SERVERS or "--help" in arguments or os.environ.get("FIDUCIA_MODE") == "test":
        yield
        return
    from config.environment import uses_embedded_servers

    if not uses_embedded_servers():
        yield
        return
    with demo_postgres().in_use() as server, demo_valkey().in_use():
        server.provision(DATABASE)
        yield
