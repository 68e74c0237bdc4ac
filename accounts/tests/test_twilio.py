"""Twilio's Messages resource, played by a server that speaks its wire format."""

from __future__ import annotations

import base64
import json
import socket
import threading
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


@pytest.fixture
def twilio():
    """The outside world: what it was asked, and what it answers."""

    class Handler(BaseHTTPRequestHandler):
        asked: list[tuple[str, str, dict[str, list[str]]]] = []
        answer = (201, ACCEPTED)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.asked.append((self.path, self.headers["Authorization"], parse_qs(body)))
            status, content = type(self).answer
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
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


@pytest.mark.parametrize(
    ("status", "refusal"),
    [(400, SmsRefused), *((status, SmsFailed) for status in (401, 403, 404, 429, 500, 503))],
)
def test_what_it_refuses_is_final_unless_it_may_pass(twilio, settings, status, refusal):
    settings.SMS_URL = twilio.url
    twilio.answer = (status, BAD_NUMBER | {"status": status})
    with pytest.raises(refusal) as failed:
        sms.send(TO, "hello")
    assert TO not in str(failed.value)


def test_nobody_there_may_pass(settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    settings.SMS_URL = f"twilio://{SID}:{TOKEN}@{FROM}?base=http://127.0.0.1:{port}"
    with pytest.raises(SmsFailed):
        sms.send(TO, "hello")


@pytest.mark.django_db
@pytest.mark.parametrize(("refusal", "tries"), [(SmsRefused, 1), (SmsFailed, 10)])
def test_the_worker_tries_again_what_may_pass(monkeypatch, refusal, tries):
    tried = []

    def fail(code_id, *, now):
        tried.append(code_id)
        raise refusal("no")

    monkeypatch.setattr(codes, "send", fail)
    monkeypatch.setitem(current_app.conf, "task_eager_propagates", False)
    tasks.send_code.apply(["01900000-0000-7000-8000-000000000000"])
    assert len(tried) == tries
