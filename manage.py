#!/usr/bin/env python3
"""Run a command; where no database is named, on servers started for it."""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    from config.embedded import needed_servers
    from config.embedded.places import ServerError

    try:
        with needed_servers(sys.argv):
            execute_from_command_line(sys.argv)
    except ServerError as error:
        sys.exit(f"fiducia: {error}")
    except OperationalError as error:
        if "connection failed" not in str(error) and "get a connection" not in str(error):
            raise
        sys.exit(f"fiducia: the database can't be reached: {' '.join(str(error).split())}")


if __name__ == "__main__":
    main()
