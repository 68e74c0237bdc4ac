"""Every address: the rooms' own below /api/v1/, the console below /admin/."""

from __future__ import annotations

import importlib.util

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django_prometheus.exports import ExportToDjangoView


def _rooms_with_addresses() -> list[str]:
    return [room for room in settings.ROOMS if importlib.util.find_spec(f"{room}.urls")]


urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("metrics", ExportToDjangoView, name="metrics"),
    *(path("api/v1/", include(f"{room}.urls")) for room in _rooms_with_addresses()),
]
if "api" in settings.ROOMS and importlib.util.find_spec("api.public_urls"):
    urlpatterns.append(path("", include("api.public_urls")))
