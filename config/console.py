"""The console's dress: names, colours and navigation, for django-unfold."""

from __future__ import annotations

from typing import Any

from django.urls import reverse_lazy

__all__ = ["UNFOLD"]

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Fiducia console",
    "SITE_HEADER": "Fiducia",
    "SITE_SUBHEADER": "Back office",
    "SITE_SYMBOL": "account_balance",
    "SITE_URL": "/transparency/",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "backoffice.navigation.icon"}],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "8px",
    "STYLES": ["backoffice.navigation.stylesheet"],
    "LOGIN": {"form": "accounts.forms.OfficerLogInForm"},
    "ACCOUNT": {
        "navigation": [
            {"title": "Change password", "link": reverse_lazy("admin:password_change")},
            {"title": "Second factor", "link": reverse_lazy("admin:second_factor_mine")},
        ]
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "backoffice.navigation.sidebar",
    },
    "COLORS": {
        "primary": {
            "50": "oklch(97% .02 190)",
            "100": "oklch(93.5% .04 190)",
            "200": "oklch(88% .07 190)",
            "300": "oklch(81% .09 190)",
            "400": "oklch(71% .1 192)",
            "500": "oklch(66% .1 194)",
            "600": "oklch(51.5% .09 196)",
            "700": "oklch(44% .075 198)",
            "800": "oklch(37.5% .06 200)",
            "900": "oklch(32% .05 202)",
            "950": "oklch(23% .04 204)",
        },
    },
}
