"""What one officer may do without a second pair of eyes."""

from __future__ import annotations

from typing import Any

from core.errors import Forbidden


def require_permission(by: Any, permission: str) -> None:
    """Refuse whoever lacks this permission. Raises Forbidden."""
    if not by.has_perm(permission):
        raise Forbidden(f"This takes the permission {permission}.")
