"""What the environment says, read strictly: a missing or malformed setting stops the start with one line."""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import json
import os
import re
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

import environ

PROJECT = Path(__file__).resolve().parents[1]
DEMONSTRATION_METHODS = PROJECT / "payments" / "data" / "payment_methods.json"
MODES = ("development", "test", "production")
MISCONFIGURED = 78  # EX_CONFIG of sysexits.h

env = environ.Env()


class Wrong(Exception):
    """A setting that can't be used; the text names it."""


def stop(message: str) -> NoReturn:
    """End the process with one line and the exit code for a wrong configuration."""
    sys.stderr.write(f"fiducia: {message}\n")
    sys.stderr.flush()
    raise SystemExit(MISCONFIGURED)


@functools.cache
def load_env_file() -> None:
    """Read `.env` beside manage.py, if there is one; the process's own environment goes first."""
    path = Path(os.environ.get("FIDUCIA_ENV_FILE", PROJECT / ".env"))
    if path.exists() and os.environ.get("FIDUCIA_MODE") != "test":
        environ.Env.read_env(str(path))


def mode() -> str:
    """development, test or production; production is assumed as soon as a database is named."""
    load_env_file()
    named = os.environ.get("FIDUCIA_MODE", "")
    if named and named not in MODES:
        stop(f"FIDUCIA_MODE is {named!r}; it must be one of {', '.join(MODES)}")
    return named or ("production" if os.environ.get("DATABASE_URL") else "development")


def uses_embedded_servers() -> bool:
    """Say whether PostgreSQL and Valkey are this checkout's own."""
    return mode() != "production" and not os.environ.get("DATABASE_URL")


def read(name: str, check: Callable[[str], Any], *, default: Any = None) -> Any:
    """Return the setting `name` as `check` makes it; stop with one line if it is missing or wrong.

    Where it may be missing, `default` is what it then is, unchecked.
    """
    load_env_file()
    text = os.environ.get(name, "").strip()
    if not text:
        if default is None:
            stop(f"{name} is not set; {mode()} needs it (see .env.example)")
        return default
    try:
        return check(text)
    except (Wrong, ValueError) as error:
        stop(f"{name} is wrong: {error}")


def postgres_url(text: str) -> dict[str, Any]:
    """The connection that `postgresql://user:password@host:port/name` names, as Django wants it."""
    parts = _url(text, {"postgres", "postgresql"})
    if not parts.path.strip("/"):
        raise Wrong("it names no database: postgresql://user:password@host:5432/name")
    if not parts.username:
        raise Wrong("it names no user: postgresql://user:password@host:5432/name")
    return dict(env.db_url_config(text))


def redis_url(text: str) -> str:
    _url(text, {"redis", "rediss"})
    return text


MAIL_SERVERS = ("smtp", "smtps", "smtp+tls", "smtp+ssl", "consolemail")
MAIL_PROVIDERS = {
    "brevo": "BREVO_API_KEY",
    "mailgun": "MAILGUN_API_KEY",
    "postmark": "POSTMARK_SERVER_TOKEN",
    "resend": "RESEND_API_KEY",
    "sendgrid": "SENDGRID_API_KEY",
}
"""Providers by django-anymail: postmark://TOKEN; mailgun://KEY@sender-domain, with ?region=eu where it is there."""


def email_url(text: str) -> dict[str, Any]:
    """Who sends mail: a server (smtp+tls://user:password@host:587), a provider (postmark://TOKEN), or consolemail://."""
    scheme = urlsplit(text).scheme
    if scheme in MAIL_PROVIDERS:
        return _mail_provider(text)
    if scheme not in MAIL_SERVERS:
        known = ", ".join(sorted((*MAIL_SERVERS, *MAIL_PROVIDERS)))
        raise Wrong(f"not an address that starts with one of {known}")
    return {"ANYMAIL": {}, **env.email_url_config(text)}


def _mail_provider(text: str) -> dict[str, Any]:
    parts = urlsplit(text)
    key, _, domain = (
        unquote(parts.netloc).rpartition("@") if parts.scheme == "mailgun" else (unquote(parts.netloc), "", "")
    )
    if not key:
        raise Wrong(f"it has no key: {parts.scheme}://KEY{'@sender-domain' if parts.scheme == 'mailgun' else ''}")
    anymail = {MAIL_PROVIDERS[parts.scheme]: key}
    if parts.scheme == "mailgun":
        anymail["MAILGUN_SENDER_DOMAIN"] = domain
        if dict(parse_qsl(parts.query)).get("region") == "eu":
            anymail["MAILGUN_API_URL"] = "https://api.eu.mailgun.net/v3"
    backend = f"anymail.backends.{parts.scheme}.EmailBackend"
    nothing = {"EMAIL_HOST": "", "EMAIL_PORT": None, "EMAIL_HOST_USER": "", "EMAIL_HOST_PASSWORD": ""}
    return {"EMAIL_BACKEND": backend, "ANYMAIL": anymail, **nothing}


def fcm_credentials(text: str) -> dict[str, str]:
    """A Firebase service account: the path of its JSON file, or the JSON itself."""
    if not text.startswith("{"):
        path = Path(text)
        if not path.is_file():
            raise Wrong("there is no such file")
        text = path.read_text()
    try:
        account = json.loads(text)
    except ValueError as error:
        raise Wrong("it isn't JSON") from error
    for name in ("project_id", "client_email", "private_key", "token_uri"):
        if not isinstance(account, dict) or not isinstance(account.get(name), str) or not account[name]:
            raise Wrong(f"it isn't a service account's: {name} is missing")
    web_url(account["token_uri"])
    return account


def sms_url(text: str) -> str:
    """Who sends short messages: twilio://SID:TOKEN@FROM; console:// prints, sandbox:///path writes to a file."""
    parts = urlsplit(text)
    named = {"twilio": parts.username and parts.password, "sandbox": parts.path, "console": True}
    if not named.get(parts.scheme):
        raise Wrong("not console://, sandbox:///path/to/file or twilio://SID:TOKEN@FROM")
    return text


def three_numbers(text: str) -> tuple[int, ...]:
    """Three whole numbers, separated by commas."""
    numbers = tuple(whole_number(part.strip()) for part in text.split(","))
    if len(numbers) != 3:
        raise Wrong("not three numbers, separated by commas")
    return numbers


def web_url(text: str) -> str:
    _url(text, {"http", "https"})
    return text


def sentry_dsn(text: str) -> str:
    """https://key@host/project."""
    parts = _url(text, {"http", "https"})
    if not parts.username or not parts.path.strip("/"):
        raise Wrong("not an address such as https://key@host/project")
    return text


def _url(text: str, schemes: set[str]) -> Any:
    parts = urlsplit(text)
    if parts.scheme not in schemes or not parts.hostname:
        raise Wrong(f"not an address that starts with {' or '.join(f'{scheme}://' for scheme in sorted(schemes))}")
    _ = parts.port  # a ValueError here says what is wrong with it
    return parts


def long_secret(text: str) -> str:
    if len(text) < 50 or len(set(text)) < 5:
        raise Wrong("it needs at least 50 characters made by chance")
    return text


def keys(text: str) -> list[str]:
    """One or more keys of 32 bytes in urlsafe base64, separated by commas; the first one encrypts."""
    found = names(text)
    for key in found:
        try:
            length = len(base64.b64decode(key, altchars=b"-_", validate=True))
        except (binascii.Error, ValueError) as error:
            raise Wrong("not urlsafe base64") from error
        if length != 32:
            raise Wrong(f"a key has {length} bytes, not 32")
    return found


def one_key(text: str) -> str:
    found = keys(text)
    if len(found) != 1:
        raise Wrong("it is one key, not several")
    return found[0]


def names(text: str) -> list[str]:
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise Wrong("it names none")
    return found


def origins(text: str) -> list[str]:
    """Addresses of other sites, without a path: https://app.example,https://www.example."""
    found = names(text)
    for origin in found:
        web_url(origin)
        parts = urlsplit(origin)
        if parts.path or parts.query or parts.fragment or parts.username or "*" in origin:
            raise Wrong(f"{origin} isn't an origin such as https://app.example")
    return found


_DOMAIN = re.compile(r"localhost|(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])")
_ANDROID_APP = re.compile(r"android:apk-key-hash:[A-Za-z0-9_-]{43}")


def domain(text: str) -> str:
    """A host's name and nothing beside it: fiducia.example."""
    if not _DOMAIN.fullmatch(text):
        raise Wrong("not a domain such as fiducia.example")
    return text


def passkey_origins(text: str) -> list[str]:
    """Origins as browsers and apps write them: https://app.example, android:apk-key-hash:…"""
    found = names(text)
    for origin in found:
        if not _ANDROID_APP.fullmatch(origin):
            origins(origin)
            parts = urlsplit(origin)
            if origin != origin.lower() or (parts.scheme != "https" and parts.hostname != "localhost"):
                raise Wrong(f"{origin} isn't an origin such as https://app.example, in small letters")
    return found


def require_passkeys_fit(domain: str, origins: list[str]) -> None:
    """Stop where the two settings can't work together: browsers take a domain's passkeys at it and below it alone."""
    if bool(domain) != bool(origins):
        stop("PASSKEY_DOMAIN and PASSKEY_ORIGINS are set together, or neither is")
    for origin in origins:
        host = urlsplit(origin).hostname
        if host is not None and host != domain and not host.endswith(f".{domain}"):
            stop(f"PASSKEY_ORIGINS is wrong: {origin} isn't at {domain} or below it")


def payment_methods(text: str) -> Path:
    """The JSON file that says to which bank accounts investors send their money."""
    path = Path(text)
    if not path.is_file():
        raise Wrong(f"there is no file {text}")
    try:
        listed = json.loads(path.read_text())
    except ValueError as error:
        raise Wrong(f"{text} isn't JSON: {error}") from error
    if not isinstance(listed, list):
        raise Wrong(f"{text} isn't a list")
    if path.resolve() == DEMONSTRATION_METHODS or "(demonstration)" in str(listed):
        raise Wrong("it names the demonstration's bank accounts; write your own into a copy")
    return path


def whole_number(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else -1
    if number < 0:
        raise Wrong("not a whole number")
    return number


def one_or_more(text: str) -> int:
    number = whole_number(text)
    if number < 1:
        raise Wrong("not one or more")
    return number


def share(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 1:
        raise Wrong("not between 0 and 1")
    return number


def yes_or_no(text: str) -> bool:
    if text.lower() not in {"true", "false", "yes", "no", "1", "0", "on", "off"}:
        raise Wrong("not true or false")
    return text.lower() in {"true", "yes", "1", "on"}


def time_zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, OSError, ValueError) as error:
        raise Wrong(f"there is no time zone {text!r}") from error
    return text


def currency(text: str) -> str:
    if not (text.isascii() and text.isalnum() and text.isupper() and 3 <= len(text) <= 10):
        raise Wrong("not a currency's code, such as USD")
    return text


def log_level(text: str) -> str:
    if text.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
        raise Wrong("not DEBUG, INFO, WARNING, ERROR or CRITICAL")
    return text.upper()


@functools.cache
def secrets_of_this_checkout() -> dict[str, str]:
    """Keys for development, made up once and kept beside the embedded servers; tests have constant ones."""
    if mode() == "test":
        digest = [hashlib.sha256(f"fiducia-test-{use}".encode()).digest() for use in range(3)]
        return dict(zip(("SECRET_KEY", "FIELD_KEYS", "BLIND_INDEX_KEY"), map(_key, digest), strict=True))
    from config.embedded.places import own_place

    path = own_place() / "secrets.json"
    if not path.exists():
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.touch(mode=0o600)
        made = {"SECRET_KEY": secrets.token_urlsafe(64)}
        made |= {name: _key(secrets.token_bytes(32)) for name in ("FIELD_KEYS", "BLIND_INDEX_KEY")}
        unfinished.write_text(json.dumps(made))
        unfinished.replace(path)
    kept: dict[str, str] = json.loads(path.read_text())
    return kept


def _key(random: bytes) -> str:
    return base64.urlsafe_b64encode(random).decode()
