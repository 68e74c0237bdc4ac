"""The payment methods, loaded on every migrate as the owner's role: the application's role can't change them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections, transaction

from ledger import seeds as ledger_seeds
from payments.models import PaymentMethod


def on_migrate(sender: Any, using: str, **kwargs: Any) -> None:
    """Load the file once the table is there (not after `migrate payments zero`)."""
    if PaymentMethod._meta.db_table in connections[using].introspection.table_names():
        ledger_seeds.seed(using)  # Currencies first: upper rooms hear of a migrate before lower ones.
        load(settings.PAYMENT_METHODS_FILE, using=using)


def load(path: Path, *, using: str) -> int:
    """Bring the methods to what the file says; one that it no longer lists is not offered any more."""
    listed = json.loads(path.read_text())
    with transaction.atomic(using=using):
        kept = []
        for entry in listed:
            row = {("currency_id" if name == "currency" else name): value for name, value in entry.items()}
            names = {name: row.pop(name) for name in ("code", "direction", "currency_id")}
            method, _ = PaymentMethod.objects.using(using).update_or_create(
                **names, defaults={"is_active": True, "countries": [], "fee": 0, **row}
            )
            kept.append(method.pk)
        PaymentMethod.objects.using(using).exclude(pk__in=kept).update(is_active=False)
    return len(kept)
