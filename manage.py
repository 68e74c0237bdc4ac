#!/usr/bin/env python3
"""Run a command; where no database is named, on servers started for it."""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line

    from config.embedded import needed_servers
    from config.embedded.places import ServerError

    try:
        with needed_servers(sys.argv):
            execute_from_command_line(sys.argv)
    except ServerError as error:
        sys.exit(f"fiducia: {error}")


if __name__ == "__main__":
    main()
