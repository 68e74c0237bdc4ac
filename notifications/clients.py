"""Which browser and system a log-in came from, in our own words: what a client calls itself is a stranger's. Pure."""

from __future__ import annotations

from typing import Final

BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
"""What a client's name holds, the first that does: most browsers carry the marks of those they descend from."""
SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Windows NT", "Windows"),
    ("Macintosh", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def recognised(client: str) -> str:
    """Name a client's browser and system, as "Firefox, Linux"; empty where neither is known."""
    found = (next((name for mark, name in known if mark in client), "") for known in (BROWSERS, SYSTEMS))
    return ", ".join(name for name in found if name)
