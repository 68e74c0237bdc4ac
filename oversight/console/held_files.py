"""Files between the form and its confirmation: a browser can't send a file again, so it is held meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any
from uuid import uuid4

from django.core import signing
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile

FOLDER = "held"
HELD_FOR = timedelta(hours=1)
MAXIMUM_BYTES = 10 * 1024 * 1024
SALT = "fiducia.console.held"


def hold(upload: UploadedFile, *, by: Any) -> str:
    """Store an upload for a while; return the token by which the same officer finds it again."""
    name = PurePosixPath((upload.name or "document").replace("\\", "/")).name[-200:]
    upload.seek(0)
    path = default_storage.save(f"{FOLDER}/{uuid4().hex}", ContentFile(upload.read()))
    return signing.dumps({"path": path, "name": name, "by": str(by.pk)}, salt=SALT)


def find(token: str, *, by: Any) -> UploadedFile | None:
    """Return the held file, or None if it is gone, too old, or another officer's."""
    known = _read(token)
    if known is None or known["by"] != str(by.pk) or not default_storage.exists(known["path"]):
        return None
    with default_storage.open(known["path"], "rb") as stored:
        return SimpleUploadedFile(known["name"], stored.read())


def drop(token: str) -> None:
    """Delete the held file."""
    known = _read(token)
    if known is not None:
        default_storage.delete(known["path"])


def purge(*, now: datetime) -> int:
    """Delete what was held and never confirmed; return how many files."""
    if not default_storage.exists(FOLDER):
        return 0
    old = [
        path
        for path in (f"{FOLDER}/{name}" for name in default_storage.listdir(FOLDER)[1])
        if default_storage.get_created_time(path) < now - HELD_FOR
    ]
    for path in old:
        default_storage.delete(path)
    return len(old)


def _read(token: str) -> dict[str, str] | None:
    try:
        known: dict[str, str] = signing.loads(token, salt=SALT, max_age=HELD_FOR)
    except signing.BadSignature:
        return None
    return known
