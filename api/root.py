"""The root document, the schema and its two readers."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny


@require_safe
def root(request: HttpRequest) -> JsonResponse:
    """Say what this is and where to go on."""
    links = {
        "docs": "/docs",
        "redoc": "/redoc",
        "schema": "/api/v1/schema",
        "health": "/health/ready",
        "coverage": "/api/v1/transparency/coverage",
        "console": "/admin/",
    }
    return JsonResponse(
        {
            "name": settings.SPECTACULAR_SETTINGS["TITLE"],
            "version": settings.SPECTACULAR_SETTINGS["VERSION"],
            "links": {name: request.build_absolute_uri(path) for name, path in links.items()},
        }
    )


class Schema(SpectacularAPIView):
    """The OpenAPI document; JSON unless YAML is asked for."""

    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []
    throttle_scope = "schema"
    renderer_classes = [OpenApiJsonRenderer, OpenApiJsonRenderer2, OpenApiYamlRenderer, OpenApiYamlRenderer2]


class Swagger(SpectacularSwaggerSplitView):
    """Swagger UI from our own files; its template writes no style of its own."""

    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []
    template_name = "api/swagger.html"


class Redoc(SpectacularRedocView):
    """ReDoc from our own files; its template asks no font of another host."""

    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []
    template_name = "api/redoc.html"
