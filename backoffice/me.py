"""What people ask of everything about themselves over HTTP. Contract: API.md, "Who you are"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.api.callers import person_of
from accounts.api.pins import PIN_TOKEN, use_of
from backoffice.export import services


class ZipRenderer(BaseRenderer):
    """Lets a client ask for an archive; what is refused is JSON all the same."""

    media_type = "application/zip"
    format = "zip"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return JSONRenderer().render(data)


class Export(APIView):
    """Everything held about me: `index.html` to read, `data.json`, and `accruals.csv` day by day, in an archive."""

    permission_classes = (IsAuthenticated,)
    renderer_classes = (JSONRenderer, ZipRenderer)
    throttle_scope = "export"

    @extend_schema(
        operation_id="export_me", parameters=[PIN_TOKEN], responses={(200, "application/zip"): OpenApiTypes.BINARY}
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Hand it out, three times a day at most; the owner of the account gets a mail about it."""
        now = timezone.now()
        file = services.export(person_of(request), use=use_of(request), now=now)
        return FileResponse(
            file,
            as_attachment=True,
            filename=f"fiducia-{now:%Y-%m-%d}.zip",
            content_type="application/zip",
            headers={"Cache-Control": "private, no-store"},
        )
