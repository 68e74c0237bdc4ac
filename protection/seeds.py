"""What holds before an officer has changed anything: the first rules and the first knowledge test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.db import connections, transaction

from protection.models import Jurisdiction, KnowledgeTest

DATA = Path(__file__).parent / "data"


def on_migrate(sender: Any, using: str, **kwargs: Any) -> None:
    """Load both once the tables are there (not after `migrate protection zero`)."""
    if Jurisdiction._meta.db_table in connections[using].introspection.table_names():
        load(using=using)


def load(*, using: str) -> None:
    """Write the rows that come with the platform, where nobody has written any; what officers changed stays."""
    with transaction.atomic(using=using):
        if not Jurisdiction.objects.using(using).filter(country="").exists():
            Jurisdiction.objects.using(using).create(**_read("jurisdiction.json"))
        if not KnowledgeTest.objects.using(using).exists():
            KnowledgeTest.objects.using(using).create(**_read("knowledge_test.json"))


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DATA / name).read_text())
    return found
