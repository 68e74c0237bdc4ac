"""The caller's picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from django.http import HttpResponse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.parsers import BaseParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import pictures
from accounts.api.callers import person_of
from accounts.errors import PictureTooLarge
from accounts.models import Avatar, User
from accounts.services import avatars
from core.errors import NotFound
from oversight.models import PersonErased

PATH = "/api/v1/users/me/avatar"
TAKEN = ("image/jpeg", "image/png", "image/webp")
HEADERS = {
    "Cache-Control": "private, no-cache",
    "Vary": "Authorization",
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Content-Disposition": 'inline; filename="avatar.webp"',
}


class PictureParser(BaseParser):
    """Reads a picture's bytes, up to the limit: what says that it is longer isn't read at all."""

    media_type = "image/*"

    def parse(  # type: ignore[override]
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> bytes:
        said = stream.META.get("CONTENT_LENGTH") or "0"  # type: ignore[attr-defined]
        if said.isdigit() and int(said) > pictures.MAXIMUM_BYTES:
            raise PictureTooLarge
        raw: bytes = stream.read(pictures.MAXIMUM_BYTES + 1)
        if len(raw) > pictures.MAXIMUM_BYTES:
            raise PictureTooLarge
        return raw


class PictureRenderer(BaseRenderer):
    """Lets clients ask for pictures; what has to be said instead is a problem document."""

    media_type = pictures.MEDIA_TYPE
    format = "webp"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> Any:
        return JSONRenderer().render(data)


class AvatarView(APIView):
    """My picture: nobody else sees it."""

    permission_classes = (IsAuthenticated,)
    parser_classes = (PictureParser,)
    renderer_classes = (JSONRenderer, PictureRenderer)

    def get_throttles(self) -> list[Any]:
        self.throttle_scope = "avatar" if self.request.method == "PUT" else "api"
        return super().get_throttles()

    @extend_schema(
        operation_id="read_avatar",
        responses={
            (200, pictures.MEDIA_TYPE): OpenApiTypes.BINARY,
            304: OpenApiResponse(description="The one of this ETag is still it"),
            404: OpenApiResponse(description="There is none"),
        },
    )
    def get(self, request: Request) -> HttpResponse:
        """Show it: a square WebP."""
        found = Avatar.objects.filter(user=person_of(request)).first()
        if found is None:
            raise NotFound("You have no picture.")
        etag = f'"{found.version}"'
        same = get_conditional_response(request._request, etag=etag)
        answer = same or HttpResponse(_opened(found), content_type=pictures.MEDIA_TYPE)
        for name, value in {**HEADERS, "ETag": etag}.items():
            answer.headers[name] = value
        return answer

    @extend_schema(
        operation_id="set_avatar",
        request=dict.fromkeys(TAKEN, OpenApiTypes.BINARY),
        responses={
            204: OpenApiResponse(description="It is shown from now on"),
            503: OpenApiResponse(description="Others' pictures are being read; Retry-After says when to try again"),
        },
    )
    def put(self, request: Request) -> Response:
        """Show this picture, cut to a square and drawn anew: up to 5 MB; 25 million pixels, 10 of a PNG or WebP."""
        raw = request.data if isinstance(request.data, bytes) else b""  # Without a body nothing parses it.
        avatars.set_avatar(person_of(request), raw, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        operation_id="remove_avatar",
        responses={
            204: OpenApiResponse(description="It is gone"),
            404: OpenApiResponse(description="There was none"),
        },
    )
    def delete(self, request: Request) -> Response:
        """Show no picture any more."""
        avatars.remove_avatar(person_of(request), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


def _opened(avatar: Avatar) -> bytes:
    try:
        return avatar.picture
    except PersonErased as error:
        raise NotFound("You have no picture.") from error


def address_of(user: User) -> str | None:
    """Say where a person's own picture is, or None."""
    return PATH if Avatar.objects.filter(user=user).exists() else None
