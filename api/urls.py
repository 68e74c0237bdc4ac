"""Below /api/v1/: the schema and its readers."""

from __future__ import annotations

from django.urls import path

from api import root

urlpatterns = [
    path("schema", root.Schema.as_view(), name="schema"),
    path("docs", root.Swagger.as_view(url_name="schema"), name="api-docs"),
    path("redoc", root.Redoc.as_view(url_name="schema"), name="api-redoc"),
]
