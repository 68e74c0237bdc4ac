"""A provider of identity tokens, played: real keys, served over HTTP in the format that Google and Apple have."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

CLIENT = "1234-web.apps.example"
ISSUER = {"google": "https://accounts.google.com", "apple": "https://appleid.apple.com"}
RSA_KEYS = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)]
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def number(value: int, length: int | None = None) -> str:
    """An integer as JWKs write it (RFC 7518 §2, Base64urlUInt)."""
    raw = value.to_bytes(length or (value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def jwk(key: Any, kid: str, **others: Any) -> dict[str, Any]:
    """A public key as a provider publishes it."""
    public = key.public_key().public_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        shape = {"kty": "RSA", "alg": "RS256", "n": number(public.n), "e": number(public.e)}
    else:
        shape = {"kty": "EC", "alg": "ES256", "crv": "P-256", "x": number(public.x, 32), "y": number(public.y, 32)}
    return {"kid": kid, "use": "sig", **shape, **others}


@dataclass
class Issuer:
    """Its keys, how it answers, and how often it was asked."""

    keys: list[dict[str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=lambda: {"Cache-Control": "public, max-age=3600"})
    status: int = 200
    body: bytes | None = None
    pause: float = 0
    drip: float = 0
    drips_head: bool = False
    asked: int = 0
    address: str = ""

    def answer(self) -> bytes:
        return json.dumps({"keys": self.keys}).encode() if self.body is None else self.body


def claims(provider: str, nonce: Any, *, now: datetime, **others: Any) -> dict[str, Any]:
    """What the provider would say of Ana; None takes a claim out."""
    moment = int(now.timestamp())
    said = {
        "iss": ISSUER[provider],
        "aud": CLIENT,
        "sub": "110169484474386276334",
        "email": "ana@gmail.com",
        "email_verified": True,
        "iat": moment - 5,
        "exp": moment + 3600,
        "nonce": nonce,
    }
    if provider == "google":
        said |= {"azp": CLIENT, "given_name": "Ana", "family_name": "Houngbo", "name": "Ana Houngbo"}
    else:
        said |= {"email_verified": "true", "is_private_email": "false", "nonce_supported": True}
    return {name: value for name, value in (said | others).items() if value is not None}


def signed(said: dict[str, Any], *, key: Any = RSA_KEYS[0], kid: str = "one", alg: str = "", **header: Any) -> str:
    """The token, as the provider would sign it."""
    algorithm = alg or ("RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256")
    return jwt.PyJWS().encode(json.dumps(said).encode(), key, algorithm, {"typ": "JWT", "kid": kid, **header})


def raw_token(header: dict[str, Any], said: Any, signature: bytes = b"") -> str:
    """A token put together by hand."""
    parts = (json.dumps(header).encode(), json.dumps(said).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@contextmanager
def serving(issuer: Issuer) -> Iterator[Issuer]:
    """Serve its keys on a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked += 1
            time.sleep(issuer.pause)
            if issuer.drips_head:
                self.drip_head()
                return
            body = issuer.answer()
            self.send_response(issuer.status)
            for name, value in issuer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                for place in range(0, len(body), 64 if issuer.drip else len(body)):
                    self.wfile.write(body[place : place + 64] if issuer.drip else body)
                    time.sleep(issuer.drip)
            except OSError:
                return  # The reader has heard enough.

        def drip_head(self) -> None:
            with contextlib.suppress(OSError):
                for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + bytes(50).replace(b"\0", b"x"):
                    self.wfile.write(bytes([byte]))
                    time.sleep(issuer.drip)

        def log_message(self, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    issuer.address = f"http://127.0.0.1:{server.server_port}/certs"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
