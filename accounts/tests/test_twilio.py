"""Twilio's Messages resource, played by a server that speaks its wire format."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import pytest
from celery import current_app

from accounts import sms, tasks
from accounts.services import codes
from accounts.sms import SmsFailed, SmsRefused

SID, TOKEN, FROM, TO = "AC0123", "s3cr3t", "+15005550006", "+2290197123456"
ACCEPTED = {"sid": "SM1", "status": "queued", "to": TO, "from": FROM, "error_code": None}
BAD_NUMBER = {"code": 21211, "message": "The 'To' number is not a valid phone number.", "status": 400}
NO_SUCH_COUNTRY = {"code": 21408, "message": "Permission to send an SMS has not been enabled for the region."}
NOT_OURS = {"code": 21659, "message": "'From' is not a Twilio phone number."}


@pytest.fixture
def twilio():
    """The outside world: what it was asked, and what it answers."""

    class Handler(BaseHTTPRequestHandler):
        asked: list[tuple[str, str, dict[str, list[str]]]] = []
        answer = (201, ACCEPTED)
        headers_sent: dict[str, str] = {}

        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
            self.asked.append((self.path, self.headers["Authorization"], parse_qs(body)))
            status, content = type(self).answer
            self.send_response_only(status)
            for name, value in type(self).headers_sent.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    Handler.asked = []
    Handler.url = f"twilio://{SID}:{TOKEN}@{FROM}?base=http://127.0.0.1:{server.server_port}"
    yield Handler
    server.shutdown()
    server.server_close()


def test_a_message_is_posted_as_twilio_wants_it(twilio, settings):
    settings.SMS_URL = twilio.url
    sms.send(TO, "492817 is your code & no one's else")
    ((path, authorization, form),) = twilio.asked
    assert path == f"/2010-04-01/Accounts/{SID}/Messages.json"
    assert authorization == "Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
    assert form == {"To": [TO], "From": [FROM], "Body": ["492817 is your code & no one's else"]}


@pytest.mark.parametrize("code", [21211, 21610, 21614, 21635])
def test_what_it_says_of_one_number_is_final(twilio, settings, code):
    settings.SMS_URL = twilio.url
    twilio.answer = (400, BAD_NUMBER | {"code": code})
    with pytest.raises(SmsRefused, match=rf"^Twilio answered 400 \({code}\)$"):
        sms.send(TO, "hello")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        *((400, said) for said in (NO_SUCH_COUNTRY, NOT_OURS, {}, [], "<html>", {"code": "21211"}, {"code": [21211]})),
        *((status, {"code": 20003}) for status in (401, 403, 404, 429, 500, 503)),
        (200, ACCEPTED),
    ],
)
def test_what_it_says_of_our_account_may_pass(twilio, settings, status, said):
    """An account sends to no country that nobody switched on: no code would come, and nobody would hear of it."""
    settings.SMS_URL = twilio.url
    twilio.answer = (status, said)
    with pytest.raises(SmsFailed) as failed:
        sms.send(TO, "hello")
    assert TO not in str(failed.value) and failed.value.wait is None


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "120"}, timedelta(minutes=2)),
        ({"Retry-After": "9" * 30}, timedelta(days=1)),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "soon"}, None),
        (
            {"Retry-After": "Fri, 20 Nov 2026 09:05:00 GMT", "Date": "Fri, 20 Nov 2026 09:00:00 GMT"},
            timedelta(minutes=5),
        ),
        ({"Retry-After": "Fri, 20 Nov 2026 08:00:00 GMT", "Date": "Fri, 20 Nov 2026 09:00:00 GMT"}, timedelta(0)),
        ({}, None),
    ],
)
def test_how_long_it_asks_to_be_left_alone(twilio, settings, headers, wait):
    settings.SMS_URL = twilio.url
    twilio.answer, twilio.headers_sent = (429, {"code": 20429}), headers
    with pytest.raises(SmsFailed) as failed:
        sms.send(TO, "hello")
    assert failed.value.wait == wait


def test_a_redirect_takes_no_password_elsewhere(twilio, settings):
    settings.SMS_URL = twilio.url
    twilio.answer, twilio.headers_sent = (302, {}), {"Location": "/elsewhere"}
    with pytest.raises(SmsFailed, match=r"^Twilio answered 302$"):
        sms.send(TO, "hello")
    assert [path for path, *_ in twilio.asked] == [f"/2010-04-01/Accounts/{SID}/Messages.json"]


@contextmanager
def saying(what: bytes) -> Iterator[str]:
    """A server that says this to whoever asks, whatever HTTP thinks of it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def say() -> None:
            there, _ = server.accept()
            asked = b""
            while b"Body=hello" not in asked:
                asked += there.recv(65536)
            there.sendall(what)
            there.close()

        threading.Thread(target=say, daemon=True).start()
        yield f"twilio://{SID}:{TOKEN}@{FROM}?base=http://127.0.0.1:{server.getsockname()[1]}"


def test_what_isnt_http_may_pass(settings):
    """A box in between that speaks in its own words is no error of sockets, and no bug of ours."""
    with saying(b"* OK ready\r\n") as settings.SMS_URL, pytest.raises(SmsFailed, match="BadStatusLine"):
        sms.send(TO, "hello")


def test_what_was_taken_is_sent_though_the_answer_breaks_off(settings):
    """Another attempt would be read twice."""
    with saying(b"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{") as settings.SMS_URL:
        sms.send(TO, "hello")


def test_nobody_there_may_pass(settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    settings.SMS_URL = f"twilio://{SID}:{TOKEN}@{FROM}?base=http://127.0.0.1:{port}"
    with pytest.raises(SmsFailed):
        sms.send(TO, "hello")


@pytest.mark.django_db
@pytest.mark.parametrize(("refusal", "tries"), [(SmsRefused, 1), (SmsFailed, 7)])
def test_the_worker_tries_again_what_may_pass(monkeypatch, refusal, tries):
    tried = []

    def fail(code_id, *, now):
        tried.append(code_id)
        raise refusal("no")

    monkeypatch.setattr(codes, "send", fail)
    monkeypatch.setitem(current_app.conf, "task_eager_propagates", False)
    tasks.send_code.apply(["01900000-0000-7000-8000-000000000000"])
    assert len(tried) == tries
