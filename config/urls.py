"""Every address: the rooms' own below /api/v1/, the console below /admin/."""

from __future__ import annotations

import importlib.util

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path


def _rooms_with_addresses() -> list[str]:
    return [room for room in settings.ROOMS if importlib.util.find_spec(f"{room}.urls")]


urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    *(path("api/v1/", include(f"{room}.urls")) for room in _rooms_with_addresses()),
    path("", include("backoffice.public_urls")),
    path("", include("api.public_urls")),
]

handler400 = "api.problems.bad_request"
handler403 = "api.problems.permission_denied"
handler404 = "api.problems.page_not_found"
handler500 = "api.problems.server_error"
