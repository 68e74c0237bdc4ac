"""Outside the prefix: the root document, the readers of the schema, health, metrics."""

from __future__ import annotations

from django.urls import path

from api import health, metrics, root

urlpatterns = [
    path("", root.root, name="root"),
    path("docs", root.Swagger.as_view(url_name="schema"), name="docs"),
    path("redoc", root.Redoc.as_view(url_name="schema"), name="redoc"),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("metrics", metrics.metrics, name="metrics"),
]
