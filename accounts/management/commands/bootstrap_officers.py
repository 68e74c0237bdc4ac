"""manage.py bootstrap_officers"""

from __future__ import annotations

import getpass
import os
import secrets
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from accounts import services
from accounts.identifiers import InvalidIdentifier
from accounts.models import User
from accounts.services.officers import NewOfficer
from core.errors import DomainError

PASSWORD_BYTES = 15
ENVIRONMENT = ("FIDUCIA_OFFICER_1_PASSWORD", "FIDUCIA_OFFICER_2_PASSWORD")


class Command(BaseCommand):
    help = (
        "Make the first two administrators, once; every later role is granted by two officers in the console. "
        f"Passwords come from {' and '.join(ENVIRONMENT)}, from a prompt (--prompt), or are drawn and shown once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "officers",
            nargs=2,
            metavar="EMAIL:FIRST:LAST",
            help='twice, as in "ada@example.com:Ada:Quenum" "lin@example.com:Lin:Adjovi"',
        )
        parser.add_argument("--country", default="BJ", help="ISO 3166-1 alpha-2 (default BJ)")
        parser.add_argument("--prompt", action="store_true", help="ask for both passwords")

    def handle(self, *args: Any, **options: Any) -> None:
        drawn: dict[str, str] = {}
        officers = []
        for words, variable in zip(options["officers"], ENVIRONMENT, strict=True):
            officer = _officer(words, country=options["country"])
            password = os.environ.get(variable, "") or (_ask(officer.email) if options["prompt"] else "")
            if not password:
                password = drawn[officer.email] = secrets.token_urlsafe(PASSWORD_BYTES)
            officers.append(_with_password(officer, password))
        try:
            people = services.bootstrap_officers(officers, now=timezone.now())
        except (DomainError, InvalidIdentifier) as refusal:
            raise CommandError(str(refusal)) from refusal
        except IntegrityError as error:
            raise CommandError("One of these addresses is taken, or both are the same.") from error
        self._show(people, drawn)

    def _show(self, people: list[User], drawn: dict[str, str]) -> None:
        table = Table(title="The first administrators")
        for column in ("officer", "e-mail", "password, shown this once"):
            table.add_column(column, no_wrap=True)
        for person, password in zip(people, [drawn.get(p.email, "as you gave it") for p in people], strict=True):
            table.add_row(person.get_full_name(), person.email, password)
        Console(file=self.stdout, width=120, highlight=False).print(table)  # type: ignore[arg-type]
        if drawn:
            self.stdout.write("Whoever reads this screen knows them: each changes theirs now, under Change password.")


def _officer(words: str, *, country: str) -> NewOfficer:
    try:
        email, first_name, last_name = words.split(":")
    except ValueError:
        raise CommandError(f"{words!r} isn't EMAIL:FIRST:LAST") from None
    return NewOfficer(email=email, password="", first_name=first_name, last_name=last_name, country=country)


def _with_password(officer: NewOfficer, password: str) -> NewOfficer:
    person = User(email=officer.email, first_name=officer.first_name, last_name=officer.last_name)
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise CommandError(f"The password of {officer.email}: {' '.join(error.messages)}") from error
    return NewOfficer(officer.email, password, officer.first_name, officer.last_name, officer.country)


def _ask(email: str) -> str:
    first = getpass.getpass(f"Password of {email}: ")
    if first != getpass.getpass("Again: "):
        raise CommandError("The two weren't the same.")
    return first
