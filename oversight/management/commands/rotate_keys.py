"""manage.py rotate_keys"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import transaction
from django.db.models import Model

from oversight.encryption import EncryptedTextField
from oversight.models import PersonKey

SLICE = 500


class Command(BaseCommand):
    help = (
        "Encrypt anew with the first of FIELD_KEYS whatever an older one encrypted: encrypted columns, and the keys "
        "of persons. Put the new key first, deploy, run this, then take the old key out. Safe to repeat."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for model, names in _encrypted_columns():
            self.stdout.write(f"{_encrypt_anew(model, names)} rows of {model._meta.label} encrypted anew")
        self.stdout.write(f"{_wrap_anew()} keys of persons wrapped anew")


def _encrypted_columns() -> Iterator[tuple[type[Model], list[str]]]:
    for model in apps.get_models():
        names = [field.name for field in model._meta.concrete_fields if isinstance(field, EncryptedTextField)]
        if names:
            yield model, names


def _encrypt_anew(model: type[Model], names: list[str]) -> int:
    """Reading decrypts with any key, writing encrypts with the first one."""
    done = 0
    keys = list(model._base_manager.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(keys), SLICE):
        with transaction.atomic():
            rows = model._base_manager.select_for_update(no_key=True).filter(pk__in=keys[start : start + SLICE])
            for row in rows.order_by("pk").only("pk", *names):
                row.save(update_fields=names)
                done += 1
    return done


def _wrap_anew() -> int:
    done = 0
    for person_id in list(PersonKey.objects.filter(destroyed_at=None).order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic():
            done += PersonKey.objects.rewrap(person_id)
    return done
