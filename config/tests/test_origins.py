"""Which other sites' pages may call the API from a browser: those that are named, with tokens, and nothing else."""

from __future__ import annotations

import re

import pytest
from django.conf import settings as project
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

pytestmark = pytest.mark.django_db

APP = "https://app.example"
ASKS = {"Origin": APP, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "idempotency-key"}


@pytest.fixture
def named(settings):
    settings.CORS_ALLOWED_ORIGINS = [APP]


def cors(answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.lower().startswith("access-control")}


def test_none_is_named_by_itself():
    answer = Client().options("/api/v1/auth/login", headers=ASKS)
    assert cors(answer) == {}
    assert cors(Client().get("/api/v1/wallets", headers={"Origin": APP})) == {}


@pytest.mark.usefixtures("named")
class TestNamed:
    def test_it_is_told_what_it_may_send_and_read(self):
        answer = Client().options("/api/v1/deposits", headers=ASKS)
        assert cors(answer) == {
            "access-control-allow-origin": APP,
            "access-control-allow-methods": "GET, POST, PUT, PATCH, DELETE",
            "access-control-allow-headers": (
                "accept, authorization, content-type, idempotency-key, if-none-match, x-pin-token, x-request-id"
            ),
            "access-control-expose-headers": (
                "Content-Disposition, ETag, Idempotent-Replayed, Retry-After, X-Request-ID"
            ),
            "access-control-max-age": "3600",
        }
        assert "origin" in answer["Vary"].lower()

    def test_a_refusal_can_be_read_too(self):
        answer = Client().get("/api/v1/wallets", headers={"Origin": APP})
        assert answer.status_code == 401
        assert answer["Access-Control-Allow-Origin"] == APP
        assert "Access-Control-Allow-Credentials" not in answer

    @pytest.mark.parametrize(
        "origin",
        ["https://app.example.evil.example", "http://app.example", "https://app.example:444", "null", "https://APP.example",
         "https://", "*", "javascript:alert(1)", "[", "https://app.example https://evil.example"],
    )  # fmt: skip
    def test_another_is_told_nothing(self, origin):
        for answer in (
            Client().options("/api/v1/deposits", headers={**ASKS, "Origin": origin}),
            Client().get("/api/v1/wallets", headers={"Origin": origin}),
        ):
            assert cors(answer) == {}

    @pytest.mark.parametrize(
        "path", ["/admin/login/", "/docs", "/transparency/", "/health/live", "/metrics", "/apix", "/"]
    )
    def test_only_the_api_is_told_of(self, path):
        assert cors(Client().get(path, headers={"Origin": APP})) == {}
        assert cors(Client().options(path, headers=ASKS)) == {}


def test_the_headers_are_those_that_the_document_names():
    """What the API asks of a client in headers may be sent, and what it answers in headers may be read."""
    document = SchemaGenerator().get_schema(public=True)
    operations = [each for item in document["paths"].values() for each in item.values() if isinstance(each, dict)]
    sent = {p["name"].lower() for each in operations for p in each.get("parameters", []) if p["in"] == "header"}
    answered = {
        name for each in operations for response in each["responses"].values() for name in response.get("headers", {})
    }
    assert sent and sent <= set(project.CORS_ALLOW_HEADERS)
    assert answered and answered <= set(project.CORS_EXPOSE_HEADERS)
    assert re.match(project.CORS_URLS_REGEX, "/api/v1/wallets")


def test_the_console_works_with_the_cookies_of_production(settings, omar):
    """Names with `__Host-`, both out of reach of scripts; a post without the form's token is refused."""
    from tests.people import PASSWORD

    settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    browser = Client(enforce_csrf_checks=True)
    page = browser.get("/admin/login/", secure=True)
    given = {"username": omar.email, "password": PASSWORD}
    assert (
        browser.post("/admin/login/", given, secure=True, headers={"Referer": "https://testserver/"}).status_code == 403
    )
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.content.decode())
    answer = browser.post(
        "/admin/login/",
        {**given, "csrfmiddlewaretoken": token.group(1)},
        secure=True,
        headers={"Referer": "https://testserver/admin/login/"},
    )
    assert answer.status_code == 302, answer.content
    for name in ("__Host-session", "__Host-csrf"):
        cookie = browser.cookies[name]
        assert (cookie["secure"], cookie["path"], cookie["domain"], bool(cookie["httponly"])) == (True, "/", "", True)
    assert browser.get("/admin/second-factor/enrol/", secure=True).status_code == 200
