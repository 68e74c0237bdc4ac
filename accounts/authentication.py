"""Who calls the API: an access token, and the session behind it, asked on every request."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts import tokens
from accounts.errors import TokenRefused
from accounts.models import Session, User


class SessionAuthentication(BaseAuthentication):
    """`Authorization: Bearer <access token>` of a session that is alive; one query finds session and person."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[User, Session] | None:
        """Return the person and, as `request.auth`, the session; None when no token is given."""
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != self.keyword.lower().encode():
            return None
        try:
            if len(words) != 2:
                raise TokenRefused
            session = self._session(words[1].decode("ascii"))
        except (TokenRefused, UnicodeDecodeError) as error:
            raise AuthenticationFailed(TokenRefused.title, code=TokenRefused.code) from error
        return session.user, session

    def _session(self, token: str) -> Session:
        claims = tokens.read(token, tokens.ACCESS)
        session = Session.objects.select_related("user").filter(pk=claims.session_id, user=claims.user_id).first()
        if session is None or not session.is_alive(timezone.now()):
            raise TokenRefused
        return session

    def authenticate_header(self, request: Request) -> str:
        return f'{self.keyword} realm="api"'


class SessionScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document names it."""

    target_class = "accounts.authentication.SessionAuthentication"
    name = "accessToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
