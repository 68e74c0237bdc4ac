"""Pushes: FCM's HTTP v1 interface and Google's token server, played by a server that speaks their wire format."""

from __future__ import annotations

import json
import socket
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from accounts.services import revoke_sessions
from notifications import services
from notifications.channels import push
from notifications.models import Delivery, Device, Notification
from notifications.services import sending
from notifications.tests.conftest import FACTS, NOW, phone_of

pytestmark = pytest.mark.django_db

TOMORROW = int((NOW + timedelta(days=1)).timestamp())
PROJECT, ACCOUNT = "fiducia-tests", "push@fiducia-tests.iam.gserviceaccount.com"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
SENT = (200, {"name": f"projects/{PROJECT}/messages/0:1500415314455276%31bd1c9631bd1c96"}, {})


def google_error(status: int, name: str, code: str = "") -> tuple[int, object, dict[str, str]]:
    """An error as Google writes it; FCM's own code stands in its details."""
    error = {"code": status, "message": f"{name} of some kind.", "status": name}
    if code:
        kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
        error["details"] = [{"@type": kind, "errorCode": code}]
    return status, {"error": error}, {}


UNREGISTERED = google_error(404, "NOT_FOUND", "UNREGISTERED")
INVALID = google_error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")
MISMATCH = google_error(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH")
UNAUTHENTICATED = google_error(401, "UNAUTHENTICATED")
UNAVAILABLE = google_error(503, "UNAVAILABLE", "UNAVAILABLE")
INTERNAL = google_error(500, "INTERNAL", "INTERNAL")
QUOTA = (*google_error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED")[:2], {"Retry-After": "600"})
DISABLED = google_error(403, "PERMISSION_DENIED")
NO_PROJECT = google_error(404, "NOT_FOUND")
APPLE = google_error(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR")
PROXY = (502, "<html>bad gateway</html>", {})
PORTAL = (200, "<html>log in to this network</html>", {})
ERROR_INSIDE = (200, {"error": {"code": 503, "status": "UNAVAILABLE"}}, {})
ELSEWHERE = (302, "", {"Location": "/elsewhere"})


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def google(settings, monkeypatch):
    """The outside world: what was asked of both servers, and what they answer, one after the other."""

    class Handler(BaseHTTPRequestHandler):
        tokens: list[dict[str, str]] = []
        pushes: list[tuple[str, str, dict]] = []
        answers: list[tuple[int, object, dict[str, str]]] = []
        token_answer = (200, None)

        def do_GET(self) -> None:
            self.pushes.append((self.path, self.headers["Authorization"], {}))
            self.answer(*SENT)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/token":
                self.tokens.append({name: values[0] for name, values in parse_qs(body.decode()).items()})
                status, content = type(self).token_answer
                given = {"access_token": f"ya29.{len(self.tokens)}", "expires_in": 3599, "token_type": "Bearer"}
                self.answer(status, content or given, {})
            else:
                self.pushes.append((self.path, self.headers["Authorization"], json.loads(body)))
                self.answer(*(self.answers.pop(0) if self.answers else SENT))

        def answer(self, status, content, headers) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write((content if isinstance(content, str) else json.dumps(content)).encode())

        def log_message(self, *_: object) -> None:
            pass

    Handler.tokens, Handler.pushes, Handler.answers = [], [], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    settings.FCM_URL = address
    settings.FCM_CREDENTIALS = {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "k1",
        "private_key": PEM,
        "client_email": ACCOUNT,
        "token_uri": f"{address}/token",
    }
    monkeypatch.setattr(push, "_access", push._Access())
    yield Handler
    server.shutdown()
    server.server_close()


def tell(person, kind="tests_coffee", key="cup:7"):
    services.notify(person, kind, facts=FACTS, key=key, now=NOW)
    Delivery.objects.filter(channel="email").delete()


def pushed() -> Delivery:
    return Delivery.objects.get(channel="push")


def send(at=NOW) -> int:
    return sending.send_due(clock=lambda: at)


def test_a_push_is_posted_as_fcm_wants_it(ana, google):
    phone_of(ana, "fcm:token-of-ana")
    tell(ana)
    assert send() == 1
    ((path, authorization, body),) = google.pushes
    told = str(Notification.objects.get().pk)
    assert (path, authorization) == (f"/v1/projects/{PROJECT}/messages:send", "Bearer ya29.1")
    assert body == {
        "message": {
            "token": "fcm:token-of-ana",
            "notification": {"title": "Coffee 7", "body": "Coffee: 1,234.50\xa0USD"},
            "data": {"notification_id": told, "type": "tests_coffee", "action_url": "/coffee/7"},
            "android": {"priority": "NORMAL", "ttl": "86400s", "notification": {"tag": told}},
            "apns": {
                "headers": {"apns-priority": "5", "apns-collapse-id": told, "apns-expiration": str(TOMORROW)},
            },
            "webpush": {"headers": {"Urgency": "normal", "TTL": "86400"}, "notification": {"tag": told}},
        }
    }
    assert pushed().status == "sent"


def test_what_is_urgent_says_so(ana, google):
    phone_of(ana)
    tell(ana, "pin_set")
    send()
    message = google.pushes[0][2]["message"]
    assert message["android"]["priority"] == "HIGH" and message["apns"]["headers"]["apns-priority"] == "10"


def test_the_access_token_is_asked_for_with_a_signed_claim_and_kept(ana, google, clock):
    phone_of(ana)
    for number in range(3):
        tell(ana, key=str(number))
    assert send() == 3
    ((form),) = google.tokens
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = jwt.decode(form["assertion"], KEY.public_key(), algorithms=["RS256"], audience=google_token_uri())
    assert (claims["iss"], claims["scope"]) == (ACCOUNT, "https://www.googleapis.com/auth/firebase.messaging")
    assert claims["exp"] - claims["iat"] == 3600 and claims["iat"] == int(NOW.timestamp())
    assert jwt.get_unverified_header(form["assertion"]) == {"alg": "RS256", "kid": "k1", "typ": "JWT"}
    clock.move_to(NOW + timedelta(seconds=3599 - 60))
    tell(ana, key="later")
    send(NOW + timedelta(seconds=3599 - 60))
    assert [authorization for _, authorization, _ in google.pushes] == ["Bearer ya29.1"] * 3 + ["Bearer ya29.2"]


def google_token_uri() -> str:
    from django.conf import settings

    return settings.FCM_CREDENTIALS["token_uri"]


def test_an_access_token_that_isnt_taken_is_asked_for_anew_once(ana, google):
    phone_of(ana)
    tell(ana)
    google.answers[:] = [UNAUTHENTICATED]
    assert send() == 1
    assert [authorization for _, authorization, _ in google.pushes] == ["Bearer ya29.1", "Bearer ya29.2"]


def test_a_token_that_fcm_doesnt_know_any_more_is_forgotten(ana, google):
    phone_of(ana, "gone")
    kept = phone_of(ana, "kept")
    tell(ana)
    order = list(Delivery.objects.order_by("pk").values_list("device_id", flat=True))
    google.answers[:] = [SENT if device == kept.pk else UNREGISTERED for device in order]
    assert send() == 1
    assert list(Device.objects.all()) == [kept]
    gone = Delivery.objects.get(status="failed")
    assert gone.reason == "FCM doesn't know the token any more" and gone.device_id != kept.pk


def test_a_token_that_is_anothers_meanwhile_stays_theirs(ana, eve, google, monkeypatch):
    before = push.send

    def send_slowly(token, asked):
        phone_of(eve, "one phone")
        before(token, asked)

    monkeypatch.setattr(push, "send", send_slowly)
    phone_of(ana, "one phone")
    tell(ana)
    google.answers[:] = [UNREGISTERED]
    assert send() == 0
    assert (pushed().status, Device.objects.get().user) == ("failed", eve)


def test_a_refusal_is_final_and_the_device_stays(ana, google):
    phone_of(ana)
    tell(ana)
    google.answers[:] = [INVALID]
    assert send() == 0
    assert (pushed().status, pushed().reason) == ("failed", "FCM answered 400 INVALID_ARGUMENT")
    assert Device.objects.count() == 1


@pytest.mark.parametrize(
    ("answers", "minutes"),
    [
        ([UNAVAILABLE], 1),
        ([INTERNAL], 1),
        ([QUOTA], 10),
        ([PROXY], 1),
        ([UNAUTHENTICATED, UNAUTHENTICATED], 1),
        ([APPLE], 1),
        ([DISABLED], 1),
        ([NO_PROJECT], 1),
        ([MISMATCH], 1),
        ([PORTAL], 1),
        ([ERROR_INSIDE], 1),
        ([(200, "[" * 60000, {})], 1),
        ([ELSEWHERE], 1),
    ],
)
def test_a_failure_is_tried_again(ana, google, answers, minutes):
    phone_of(ana)
    tell(ana)
    google.answers[:] = list(answers)
    assert send() == 0
    assert (pushed().status, pushed().attempts) == ("queued", 1)
    assert pushed().next_try_at == NOW + timedelta(minutes=minutes)
    assert send(pushed().next_try_at) == 1


@pytest.mark.parametrize(
    "answer", [(400, {"error": "invalid_grant"}), (500, "<html>"), (200, "<html>"), (200, {"x": 1})]
)
def test_without_an_access_token_it_waits(ana, google, answer):
    phone_of(ana)
    tell(ana)
    google.token_answer = answer
    assert send() == 0
    assert pushed().status == "queued" and pushed().reason.startswith("Google's token server")
    assert google.pushes == []


def test_a_redirect_takes_no_access_token_elsewhere(ana, google):
    phone_of(ana)
    tell(ana)
    google.answers[:] = [ELSEWHERE]
    send()
    assert pushed().reason == "FCM answered 302"
    assert [path for path, *_ in google.pushes] == [f"/v1/projects/{PROJECT}/messages:send"]


def test_servers_that_cant_be_reached_are_tried_again(ana, google, settings):
    phone_of(ana)
    tell(ana)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings.FCM_URL = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert send() == 0
    assert (pushed().status, pushed().reason) == ("queued", "FCM can't be reached: URLError")


def test_without_a_service_account_nothing_is_pushed(ana, settings):
    settings.FCM_CREDENTIALS = {}
    phone_of(ana)
    tell(ana)
    assert send() == 0
    assert (pushed().status, pushed().reason) == ("dropped", "push-is-off")


def test_whoever_logged_out_meanwhile_gets_none(ana, google):
    phone_of(ana)
    tell(ana)
    revoke_sessions(ana, reason="log_out", at=NOW)
    assert send() == 0
    assert (pushed().status, pushed().reason) == ("dropped", "device-gone") and google.pushes == []


def test_whoever_logs_out_while_the_batch_is_sent_gets_none(ana, google, monkeypatch):
    """Between the claim and the call lie the messages before it, ten minutes of them at most."""
    phone_of(ana)
    tell(ana)
    claim = sending.claim

    def claim_then_log_out(*, now, **more):
        claimed = claim(now=now, **more)
        revoke_sessions(ana, reason="log_out", at=now)
        return claimed

    monkeypatch.setattr(sending, "claim", claim_then_log_out)
    assert send() == 0
    assert (pushed().status, pushed().reason) == ("dropped", "device-gone") and google.pushes == []
    assert Device.objects.count() == 1


def test_whoever_was_blocked_meanwhile_gets_none(ana, google, omar):
    phone_of(ana)
    tell(ana)
    ana.blocked_at, ana.blocked_by = NOW, omar
    ana.save(update_fields=["blocked_at", "blocked_by"])
    assert send() == 0
    assert (pushed().status, pushed().reason) == ("dropped", "device-gone") and google.pushes == []


def test_a_device_that_is_somebody_elses_by_now_hears_nothing_of_the_first(ana, eve, google):
    phone_of(ana, "one phone")
    tell(ana)
    phone_of(eve, "one phone")
    assert send() == 0
    assert (pushed().status, pushed().reason) == ("dropped", "device-gone") and google.pushes == []


def test_no_token_and_no_key_is_in_a_log(ana, google, caplog):
    phone_of(ana, "fcm:token-of-ana")
    tell(ana)
    google.answers[:] = [PROXY]
    send()
    assert "fcm:token-of-ana" not in caplog.text and "ya29" not in caplog.text
