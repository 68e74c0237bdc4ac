"""Prometheus figures, for those who hold the token."""

from __future__ import annotations

import hmac

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView

from api.problems import CONTENT_TYPE, problem


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer to `Authorization: Bearer <METRICS_TOKEN>` alone; without a token in the settings, to nobody."""
    token = settings.METRICS_TOKEN
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if token and scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode()):
        answer: HttpResponse = ExportToDjangoView(request)
        return answer
    return _refusal(request)


def _refusal(request: HttpRequest) -> HttpResponse:
    document = problem(
        401,
        code="not-authenticated",
        title="Unauthorized",
        detail="Metrics are shown to the holder of the metrics token.",
        instance=request.path,
    )
    return JsonResponse(
        document, status=401, content_type=CONTENT_TYPE, headers={"WWW-Authenticate": 'Bearer realm="metrics"'}
    )
