"""What clients call themselves, in our own words."""

from __future__ import annotations

import pytest

from notifications import clients

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("client", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, Linux"),
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/138.0.0.0 Safari/537.36 Edg/138.0",
            "Edge, Windows",
        ),
        (f"Mozilla/5.0 (Linux; Android 15; Pixel 9) {WEBKIT} Chrome/138.0.0.0 Mobile Safari/537.36", "Chrome, Android"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/18.5 Safari/605.1.15", "Safari, macOS"),
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {WEBKIT} CriOS/138.0 Safari/604.1", "Chrome, iOS"),
        ("okhttp/4.12.0 (Android)", "Android"),
        ("curl/8.14.1", ""),
        ("", ""),
        ("Call +229 01 90 00 00 00 at once \x00\ud800", ""),
    ],
)
def test_browser_and_system_are_recognised_or_nothing_is(client, name):
    assert clients.recognised(client) == name
