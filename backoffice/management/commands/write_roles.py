"""`manage.py write_roles`: write docs/rules/roles.md from the code."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from backoffice import matrix


class Command(BaseCommand):
    help = "Write who may open what into docs/rules/roles.md."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        path = settings.BASE_DIR / "docs/rules/roles.md"
        path.write_text(matrix.render(), encoding="utf-8")
        self.stdout.write(f"{path.relative_to(settings.BASE_DIR)}: written")
