"""Whose address is believed, and which request ids are taken over."""

from __future__ import annotations

import pytest
from django.http import HttpResponse

from oversight import trace
from oversight.middleware import TraceMiddleware, client_ip


@pytest.fixture
def proxies(settings):
    def behind(number: int) -> None:
        settings.NUM_PROXIES = number
        settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": number}

    return behind


@pytest.mark.parametrize(
    ("number", "peer", "forwarded", "address"),
    [
        (0, "9.9.9.9", None, "9.9.9.9"),
        (0, "9.9.9.9", "1.1.1.1", "9.9.9.9"),
        (0, "", None, None),
        (1, "10.0.0.1", "1.1.1.1", "1.1.1.1"),
        (1, "10.0.0.1", "6.6.6.6, 1.1.1.1", "1.1.1.1"),
        (1, "10.0.0.1", "6.6.6.6,7.7.7.7,1.1.1.1", "1.1.1.1"),
        (2, "10.0.0.1", "6.6.6.6, 1.1.1.1, 10.0.0.2", "1.1.1.1"),
        (2, "10.0.0.1", "1.1.1.1", "10.0.0.1"),
        (1, "10.0.0.1", None, "10.0.0.1"),
        (1, "10.0.0.1", "", "10.0.0.1"),
        (1, "10.0.0.1", "1.1.1.1, nonsense", "10.0.0.1"),
        (1, "10.0.0.1", "'; DROP TABLE", "10.0.0.1"),
        (1, "10.0.0.1", "2001:DB8::1", "2001:db8::1"),
        (1, "10.0.0.1", "[2001:db8::1]", "2001:db8::1"),
        (0, "fe80::1%eth0", None, "fe80::1"),
        (1, "10.0.0.1", "1" * 5000, "10.0.0.1"),
        (0, "::ffff:9.9.9.9", None, "9.9.9.9"),
        (1, "10.0.0.1", "::ffff:1.1.1.1", "1.1.1.1"),
        (1, "10.0.0.1", "[::ffff:1.1.1.1]:443", "1.1.1.1"),
        (1, "10.0.0.1", "1.1.1.1:5678", "1.1.1.1"),
        (1, "10.0.0.1", "[2001:db8::1]:443", "2001:db8::1"),
        (1, "10.0.0.1", "2001:db8::1%eth0", "2001:db8::1"),
        (1, "10.0.0.1", "[1.1.1.1", "10.0.0.1"),
        (1, "10.0.0.1", "1.1.1.1:", "1.1.1.1"),
        (1, "10.0.0.1", "0x7f.1", "10.0.0.1"),
        (1, "10.0.0.1", "010.1.1.1", "10.0.0.1"),
        (1, "10.0.0.1", "unknown", "10.0.0.1"),
        (2, "10.0.0.1", "9.9.9.9, 8.8.8.8", "9.9.9.9"),
        (2, "10.0.0.1", "6.6.6.6, [::1", "6.6.6.6"),
        (2, "10.0.0.1", "junk, 10.0.0.2", "10.0.0.1"),
    ],
)
def test_what_a_client_writes_itself_is_never_believed(rf, proxies, number, peer, forwarded, address):  # noqa: PLR0917
    proxies(number)
    headers = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    assert client_ip(rf.get("/", REMOTE_ADDR=peer, **headers)) == address


def follow(rf, **headers) -> tuple[trace.Trace, HttpResponse]:
    seen = []

    def view(request):
        seen.append(trace.current())
        return HttpResponse()

    response = TraceMiddleware(view)(rf.get("/", **headers))
    assert trace.current() == trace.NOWHERE, "it ends with the request"
    return seen[0], response


def test_a_harmless_request_id_is_taken_over_and_answered(rf):
    seen, response = follow(rf, HTTP_X_REQUEST_ID="abc-1.2_3")
    assert (seen.request_id, response["X-Request-ID"]) == ("abc-1.2_3", "abc-1.2_3")


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "<script>", "é", "a\nb"])
def test_another_one_is_replaced(rf, given):
    seen, response = follow(rf, HTTP_X_REQUEST_ID=given)
    assert seen.request_id != given
    assert (len(seen.request_id), response["X-Request-ID"]) == (32, seen.request_id)
