"""What the house of the logs is set up with: `prepare` before anybody comes, `ready <user>` once Ana has signed up."""

from __future__ import annotations

import sys
from typing import Any

import django


def prepare() -> None:
    from investments.tests.worlds import World

    World()


def ready(user_id: str) -> None:
    """Let her have done what products ask for, with money in her wallet."""
    from django.utils import timezone

    from accounts.models import User
    from investments.tests.worlds import World
    from tests.people import make_ready

    ana = User.objects.get(pk=user_id)
    ana.kyc_level = 1
    ana.save(update_fields=["kyc_level"])
    world: Any = World.__new__(World)
    world.day, world.references = timezone.now().date(), 0
    world.pay_in(ana, "500.00")
    make_ready(ana, at=timezone.now())


if __name__ == "__main__":
    django.setup()
    {"prepare": prepare, "ready": ready}[sys.argv[1]](*sys.argv[2:])
