"""What an error says isn't logged; of which kind it is and where it was raised is."""

from __future__ import annotations

import logging
from smtplib import SMTPRecipientsRefused

import pytest

from config import discretion, watching

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("said", "logged"),
    [
        ("invalid literal for int() with base 10: 'hunter2'", "invalid literal for int() with base 10: …"),
        ("ana@example.com wasn't found", "… wasn't found"),
        ("no such number +229 01 97 12 34 56", "no such number …"),
        ("from 203.0.113.77", "from …"),
        ("from 2001:db8:0:1::7", "from …"),
        (f"bad token {TOKEN}", "bad token …"),
        (
            'duplicate key value violates unique constraint "accounts_user_one_per_email"\nDETAIL:  Key (ip)=(1).',
            'duplicate key value violates unique constraint "accounts_user_one_per_email"',
        ),
        ('relation "treasury" is "Ana Houngbo"', "relation … is …"),
        ("the worker is gone", "the worker is gone"),
    ],
)
def test_what_somebody_may_have_sent_is_left_out(said, logged):
    assert discretion.without_data(said) == logged


def logged(error: Exception, *, name: str = "ledger") -> dict:
    try:
        raise error
    except Exception as raised:
        said = {"event": "it broke", "logger": name, "exc_info": (type(raised), raised, raised.__traceback__)}
    return dict(discretion.discreet(None, "error", said))


def test_an_error_is_told_by_its_kind_and_place():
    event = logged(SMTPRecipientsRefused({"ana@example.com": (550, b"no such user ana@example.com")}))
    assert "ana@" not in str(event)
    assert "smtplib.SMTPRecipientsRefused: " in event["exception"]
    assert "in logged" in event["exception"]


def test_so_is_what_led_to_it():
    try:
        try:
            raise KeyError("ana@example.com")
        except KeyError as error:
            raise ValueError("hunter2 is no number: 'hunter2'") from error
    except ValueError as error:
        said = discretion.told((type(error), error, error.__traceback__))
    assert "builtins.KeyError: …" in said and "which led to" in said
    assert "builtins.ValueError: hunter2 is no number: …" in said


def test_what_a_refused_request_was_isnt_logged():
    said = {"event": "Invalid HTTP_HOST header: 'ana@example.com'", "logger": "django.security.DisallowedHost"}
    assert discretion.discreet(None, "error", said)["event"] == "refused: DisallowedHost"


def test_gunicorns_own_lines_say_nothing_of_a_request():
    import runpy

    module = runpy.run_path(str(watching.environment.PROJECT / "gunicorn.conf.py"))
    for text, kept in (
        ("Invalid request from ip=1.2.3.4: Invalid HTTP Header: 'Bearer x'", "An invalid request was refused"),
        ("Error handling request %s %s", "A request ended in an error"),
        ("Booting worker with pid: %s", "Booting worker with pid: %s"),
    ):
        record = logging.LogRecord("gunicorn.error", logging.WARNING, "", 0, text, (), None)
        assert module["without_requests"](record)
        assert record.msg == kept


def test_a_report_says_no_more_than_the_log():
    event = {
        "exception": {"values": [{"type": "KeyError", "value": "'ana@example.com'"}]},
        "breadcrumbs": {"values": [1]},
    }
    assert watching.without_what_people_wrote(event, {}) == {
        "exception": {"values": [{"type": "KeyError", "value": "…"}]}
    }


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ("/api/v1/wallets?token=x", "GET /api/v1/wallets"),
        ("/api/v1/users/ana@example.com", "GET an unknown path"),
        ("/health/live", "GET /health/live"),
    ],
)
def test_a_path_that_isnt_ours_isnt_logged(rf, path, logged):
    from config.middleware import RequestLog

    assert RequestLog.format_request(rf.get(path)) == logged


def test_what_others_call_an_error_is_left_out_too():
    said = {"event": "task_failed", "exception": "SMTPRecipientsRefused({'ana@example.com': 550})", "error": "'ana'"}
    event = discretion.discreet(None, "error", said)
    assert (event["exception"], event["error"]) == ("SMTPRecipientsRefused({…: 550})", "…")


def test_what_a_browser_calls_itself_isnt_logged():
    said = {"event": "request_started", "request": "GET /health/live", "user_agent": "hunter2"}
    assert discretion.discreet(None, "info", said) == {"event": "request_started", "request": "GET /health/live"}


def test_a_failed_request_is_logged_without_the_token_in_its_path(rf):
    path = "/api/v1/devices/hunter2"
    record = logging.LogRecord("django.request", logging.ERROR, "", 0, "%s: %s", ("Internal Server Error", path), None)
    record.request, record.status_code = rf.delete(path), 500
    said = {"event": record.getMessage(), "logger": record.name, "_record": record}
    assert discretion.discreet(None, "error", said)["event"] == "Internal Server Error: /api/v1/devices/<str:token>"


def test_a_report_holds_no_path_and_no_argument_of_a_log_line():
    path = "/api/v1/devices/hunter2"
    event = {
        "request": {"url": f"https://fiducia.example{path}", "method": "DELETE"},
        "logentry": {"message": "%s: %s", "params": ["Internal Server Error", path], "formatted": f"Error: {path}"},
        "extra": {"request": f"<WSGIRequest: DELETE '{path}'>"},
    }
    record = logging.LogRecord("django.request", logging.ERROR, "", 0, "%s: %s", (), None)
    assert watching.without_what_people_wrote(event, {"log_record": record}) == {
        "request": {"method": "DELETE"},
        "logentry": {"message": "%s: %s"},
    }


def test_a_trace_holds_no_key_and_no_address_of_what_was_called():
    event = {
        "type": "transaction",
        "spans": [
            {
                "op": "db.redis",
                "description": "GET ':1:throttle_login_203.0.113.77'",
                "data": {"db.key": "203.0.113.77"},
            },
            {"op": "http.client", "description": "POST https://api.twilio.com/2010/AC01234567", "data": {"url": "x"}},
            {"op": "db", "description": "SELECT 1 WHERE id = %s", "data": {}},
            {"op": "middleware"},
        ],
        "contexts": {"trace": {"op": "http.server", "data": {"url.full": "/api/v1/devices/hunter2"}}},
    }
    assert watching.without_what_people_wrote(event, {}) == {
        "type": "transaction",
        "spans": [
            {"op": "db.redis", "description": "GET …"},
            {"op": "http.client", "description": "POST https:……"},
            {"op": "db", "description": "SELECT 1 WHERE id = %s"},
            {"op": "middleware", "description": ""},
        ],
        "contexts": {"trace": {"op": "http.server"}},
    }


def test_a_report_of_a_structured_line_holds_its_event_alone():
    record = logging.LogRecord("x", logging.ERROR, "", 0, {"event": "task_failed", "user_agent": "hunter2"}, (), None)
    event = {"logentry": {"message": str(record.msg), "params": []}}
    assert watching.without_what_people_wrote(event, {"log_record": record}) == {"logentry": {"message": "task_failed"}}


def test_an_error_that_cant_be_written_is_told_by_its_kind():
    class Broken(Exception):
        def __str__(self):
            raise AttributeError("hunter2")

    assert logged(Broken())["exception"].endswith("Broken: …")


def test_an_error_that_leads_to_itself_is_told_once():
    error, other = ValueError("one"), KeyError("two")
    error.__context__, other.__context__ = other, error
    text = discretion.told((ValueError, error, None))
    assert text.count("builtins.ValueError") == 1 and text.count("builtins.KeyError") == 1
