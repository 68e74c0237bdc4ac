from __future__ import annotations

import json
from collections.abc import Callable

import pytest


@pytest.fixture
def sent(settings, tmp_path) -> Callable[[], list[dict[str, str]]]:
    """What went out by SMS, in order."""
    path = tmp_path / "sms.jsonl"
    settings.SMS_URL = f"sandbox://{path}"
    return lambda: [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
