"""What browsers are told, and what the log says of a request."""

import json
import re
import subprocess
import sys

import pytest
from django.test import Client

from config import watching
from config.embedded.places import PROJECT
from config.middleware import policy

pytestmark = pytest.mark.django_db


PAGES = ("/docs", "/redoc", "/api/v1/docs", "/api/v1/redoc", "/transparency/")


def directives(text: str) -> dict[str, list[str]]:
    return {name: values for name, *values in (part.split() for part in text.split(";"))}


def test_json_may_load_nothing():
    answer = Client().get("/health/live")
    assert directives(answer.headers["Content-Security-Policy"])["default-src"] == ["'none'"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"


def test_only_the_console_may_evaluate_scripts():
    console = directives(Client().get("/admin/login/").headers["Content-Security-Policy"])
    assert console["script-src"] == ["'self'", "'unsafe-eval'"]
    for path in PAGES:
        others = directives(Client().get(path).headers["Content-Security-Policy"])
        assert others["script-src"] == ["'self'"]
        assert others["frame-ancestors"] == ["'none'"]


@pytest.mark.parametrize("path", PAGES)
def test_no_page_of_ours_allows_styles_that_are_written_into_it(path):
    answer = Client().get(path)
    allowed = directives(answer.headers["Content-Security-Policy"])["style-src"]
    assert "'unsafe-inline'" not in allowed
    assert allowed == ["'self'"] or path.endswith("redoc")
    assert re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]+src=)", answer.content.decode()) is None


def test_a_neighbour_of_the_console_has_no_exception():
    from django.http import HttpResponse

    page = HttpResponse("<p>", content_type="text/html")
    assert "unsafe-eval" not in policy("/administration", page)


LOGGING = """
import django, structlog, logging
django.setup()
with structlog.contextvars.bound_contextvars(request_id="abc"):
    logging.getLogger("ledger").warning("plain %s", "words")
    structlog.get_logger("ledger").warning("bound", amount="1.00")
    try:
        1 / 0
    except ZeroDivisionError:
        logging.getLogger("ledger").exception("it broke")
"""


def test_logs_are_json_lines_with_the_requests_id():
    done = subprocess.run(
        [sys.executable, "-c", LOGGING], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["plain words", "bound", "it broke"]
    assert {line["request_id"] for line in lines} == {"abc"}
    assert lines[1]["amount"] == "1.00"
    assert "ZeroDivisionError" in lines[2]["exception"]


def test_a_request_is_logged_without_what_it_carries(caplog):
    with caplog.at_level("INFO", logger="django_structlog"):
        Client().post(
            "/api/v1/auth/login?email=ana@example.org",
            {"identifier": "ana@example.org", "password": "correct horse"},
            content_type="application/json",
        )
    assert caplog.records
    said = " ".join(str(record.msg) for record in caplog.records)
    assert "ana@example.org" not in said
    assert "correct horse" not in said


def test_a_report_names_nobody():
    event = {"request": {"url": "https://x/api", "query_string": "q=ana", "data": "ana", "headers": {"Cookie": "c"}}}
    assert watching.without_what_people_wrote(event, {}) == {"request": {}}


def test_nobody_keeps_what_the_api_answers(client, ana):
    assert client.get("/api/v1/wallets").headers["Cache-Control"] == "private, no-store"
    assert client.get("/api/v1/nowhere").headers["Cache-Control"] == "private, no-store"
    assert client.get("/api/v1/transparency/coverage").headers["Cache-Control"].startswith("public")
