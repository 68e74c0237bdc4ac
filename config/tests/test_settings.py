"""A missing or malformed setting stops the start with one line that names it."""

import base64
import json
import os
import subprocess
import sys

import pytest

from config.environment import MISCONFIGURED, PROJECT
from config.tests.starting import starter

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
PRODUCTION = {
    "FIDUCIA_MODE": "production",
    "SECRET_KEY": "a-long-secret-of-many-different-characters-0123456789-xyz",
    "FIELD_KEYS": KEY,
    "BLIND_INDEX_KEY": KEY,
    "ALLOWED_HOSTS": "fiducia.example",
    "DATABASE_URL": "postgresql://fiducia_app:one@db.example:5432/fiducia",
    "OWNER_DATABASE_URL": "postgresql://fiducia_owner:two@db.example:5432/fiducia",
    "REDIS_URL": "redis://cache.example:6379/0",
    "EMAIL_URL": "smtp+tls://us:secret@mail.example:587",
    "SMS_URL": "twilio://AC01:secret@+15005550006",
    "FIDUCIA_ENV_FILE": "/nowhere/.env",
}


@pytest.fixture(autouse=True)
def methods(tmp_path, monkeypatch):
    """A file that names a bank account of this production."""
    path = tmp_path / "payment_methods.json"
    path.write_text('[{"code": "bank_transfer"}]')
    monkeypatch.setitem(PRODUCTION, "PAYMENT_METHODS_FILE", str(path))
    return path


def environment(**changed: str | None) -> dict[str, str]:
    """Production's; None takes a setting away."""
    known = {"PATH": os.environ["PATH"], **PRODUCTION, **changed}
    return {name: value for name, value in known.items() if value is not None}


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    """A process that has loaded them."""
    path = tmp_path_factory.mktemp("libraries") / "payment_methods.json"
    path.write_text('[{"code": "bank_transfer"}]')
    with starter(environment(PAYMENT_METHODS_FILE=str(path))) as process:
        yield process


@pytest.fixture
def start(libraries):
    """Import the settings as a new process does."""

    def start(
        show: str = "config.settings.SECURE_HSTS_SECONDS", **changed: str | None
    ) -> subprocess.CompletedProcess[str]:
        done: subprocess.CompletedProcess[str] = libraries.run(
            f"import config.settings; print({show})", environment(**changed)
        )
        return done

    return start


def test_a_fork_starts_as_a_process_of_its_own_does(start):
    """What it says, and that it found nothing of ours loaded: not even with another value before."""
    alone = run("-c", "import config.settings; print(config.settings.SECURE_HSTS_SECONDS)")
    forked = start(TRUSTED_PROXIES="3"), start()
    assert [(done.returncode, done.stdout, done.stderr) for done in forked] == [(0, alone.stdout, alone.stderr)] * 2
    assert [start(show="config.settings.NUM_PROXIES", TRUSTED_PROXIES=n).stdout.strip() for n in "31"] == ["3", "1"]
    wrong = run("-c", "import config.settings", SECRET_KEY="short")
    assert (wrong.returncode, wrong.stderr) == (MISCONFIGURED, start(SECRET_KEY="short").stderr)


def test_a_whole_environment_starts(start):
    done = start()
    assert done.returncode == 0, done.stderr
    assert done.stdout == "31536000\n"


REFUSED = [
    ("SECRET_KEY", None, "is not set"),
    ("SECRET_KEY", "short", "at least 50 characters"),
    ("FIELD_KEYS", None, "is not set"),
    ("FIELD_KEYS", "not base64!", "not urlsafe base64"),
    ("FIELD_KEYS", "c2hvcnQ=", "has 5 bytes, not 32"),
    ("FIELD_KEYS", ",", "names none"),
    ("BLIND_INDEX_KEY", f"{KEY},{KEY}", "one key"),
    ("ALLOWED_HOSTS", None, "is not set"),
    ("ALLOWED_HOSTS", " , ", "names none"),
    ("DATABASE_URL", None, "is not set"),
    ("DATABASE_URL", "mysql://fiducia_app:one@db/fiducia", "postgresql://"),
    ("DATABASE_URL", "postgresql://fiducia_app:one@db.example:port/fiducia", "port"),
    ("DATABASE_URL", "postgresql://fiducia_app:one@db.example:5432", "names no database"),
    ("DATABASE_URL", "postgresql://db.example:5432/fiducia", "names no user"),
    ("OWNER_DATABASE_URL", None, "is not set"),
    ("OWNER_DATABASE_URL", PRODUCTION["DATABASE_URL"], "one role"),
    ("REDIS_URL", None, "is not set"),
    ("REDIS_URL", "cache.example:6379", "redis://"),
    ("FIDUCIA_MODE", "staging", "must be one of"),
    ("PLATFORM_TIME_ZONE", "Africa/Atlantis", "no time zone"),
    ("PLATFORM_TIME_ZONE", "../../etc/passwd", "no time zone"),
    ("PLATFORM_CURRENCY", "usd", "currency's code"),
    ("SENTRY_DSN", "nonsense", "https://"),
    ("SENTRY_DSN", "https://sentry.example/1", "https://key@host/project"),
    ("SECURE_SSL_REDIRECT", "perhaps", "not true or false"),
    ("TRUSTED_PROXIES", "-1", "not a whole number"),
    ("SENDERS_AT_ONCE", "0", "not one or more"),
    ("LOG_LEVEL", "LOUD", "not DEBUG"),
    ("CSRF_TRUSTED_ORIGINS", "fiducia.example", "https://"),
    ("CORS_ALLOWED_ORIGINS", "*", "https://"),
    ("CORS_ALLOWED_ORIGINS", "https://*.example", "isn't an origin"),
    ("CORS_ALLOWED_ORIGINS", "https://app.example/", "isn't an origin"),
    ("CORS_ALLOWED_ORIGINS", "https://user@app.example", "isn't an origin"),
    ("PASSKEY_DOMAIN", "https://fiducia.example", "not a domain"),
    ("PASSKEY_DOMAIN", "192.0.2.1", "not a domain"),
    ("PASSKEY_DOMAIN", "Fiducia.example", "not a domain"),
    ("PASSKEY_DOMAIN", "fiducia.example", "together"),
    ("PASSKEY_ORIGINS", "https://app.fiducia.example", "together"),
    ("PASSKEY_ORIGINS", "*", "https://"),
    ("PASSKEY_ORIGINS", "https://*.fiducia.example", "isn't an origin"),
    ("PASSKEY_ORIGINS", "https://App.fiducia.example", "isn't an origin"),
    ("PASSKEY_ORIGINS", "http://app.fiducia.example", "isn't an origin"),
    ("PASSKEY_ORIGINS", "https://app.fiducia.example/", "isn't an origin"),
    ("PASSKEY_ORIGINS", "android:apk-key-hash:short", "https://"),
    ("EMAIL_URL", "carrier-pigeon://coop", "smtp"),
    ("EMAIL_URL", None, "is not set"),
    ("EMAIL_URL", "postmark://", "postmark://KEY"),
    ("EMAIL_URL", "mailgun://key-without-domain", "KEY@sender-domain"),
    ("FCM_CREDENTIALS", "/nowhere.json", "there is no such file"),
    ("FCM_CREDENTIALS", "manage.py", "isn't JSON"),
    ("FCM_CREDENTIALS", '{"project_id": "p", "client_email": "e"}', "private_key is missing"),
    ("APP_URL", "app.fiducia.example", "https://"),
    ("CONSOLE_URL", "ftp://fiducia.example", "https://"),
    ("SMS_URL", "pigeon://coop", "twilio"),
    ("SMS_URL", "twilio://sid@+1", "twilio"),
    ("SMS_URL", None, "is not set"),
    ("SMS_A_DAY", "8,9", "three"),
    ("PAYMENT_METHODS_FILE", None, "is not set"),
    ("PAYMENT_METHODS_FILE", "/nowhere.json", "there is no file"),
    ("PAYMENT_METHODS_FILE", "manage.py", "isn't JSON"),
    ("PAYMENT_METHODS_FILE", "payments/data/payment_methods.json", "the demonstration's bank accounts"),
]


@pytest.mark.parametrize(
    ("content", "said"), [("{}", "isn't a list"), ('[{"beneficiary": "Us (demonstration)"}]', "the demonstration's")]
)
def test_payment_methods_are_a_list_of_ones_own(start, methods, content: str, said: str):
    methods.write_text(content)
    done = start()
    assert done.returncode == MISCONFIGURED
    assert said in done.stderr


@pytest.mark.parametrize(("name", "value", "said"), REFUSED)
def test_a_wrong_setting_is_one_line(start, name: str, value: str | None, said: str):
    done = start(**{name: value})
    assert done.returncode == MISCONFIGURED, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert name in line
    assert said in line


@pytest.mark.parametrize("origin", ["https://fiducia.example.evil.example", "https://myfiducia.example"])
def test_passkeys_are_used_at_their_domain_and_below_it(start, origin: str):
    done = start(PASSKEY_DOMAIN="fiducia.example", PASSKEY_ORIGINS=f"https://fiducia.example,{origin}")
    assert done.returncode == MISCONFIGURED
    assert f"{origin} isn't at fiducia.example or below it" in done.stderr


def test_passkeys_have_a_domain_and_its_pages_and_apps(start):
    origins = "https://fiducia.example, https://app.fiducia.example:8443, android:apk-key-hash:" + "A-_9" * 10 + "xyz"
    shown = "(config.settings.PASSKEY_DOMAIN, config.settings.PASSKEY_ORIGINS)"
    done = start(show=shown, PASSKEY_DOMAIN="fiducia.example", PASSKEY_ORIGINS=origins)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(("fiducia.example", origins.split(", ")))
    assert start(show=shown).stdout.strip() == "('', [])"


STARTS = [
    ["manage.py", "check"],
    ["-m", "gunicorn", "config.wsgi:application"],
    ["-m", "celery", "-A", "config", "worker"],
    ["-m", "celery", "-A", "config", "beat"],
]


@pytest.mark.parametrize("command", STARTS)
def test_every_way_to_start_says_it_once(command: list[str]):
    done = run(*command, SECRET_KEY="short")
    assert done.returncode == MISCONFIGURED
    assert [line for line in done.stderr.splitlines() if "gunicorn" not in line] == [
        "fiducia: SECRET_KEY is wrong: it needs at least 50 characters made by chance"
    ]


def test_the_level_of_the_log_holds_for_requests_and_tasks_too(start):
    shown = "{name: one.get('level') for name, one in config.settings.LOGGING['loggers'].items()}['django_structlog']"
    assert start(show=shown).stdout.strip() == "INFO"
    assert start(show=shown, LOG_LEVEL="WARNING").stdout.strip() == "WARNING"


def test_sentry_is_sent_no_personal_data(start):
    done = start(
        show="__import__('sentry_sdk').get_client().options",
        SENTRY_DSN="https://key@sentry.example/1",
    )
    assert done.returncode == 0, done.stderr
    for option in ("'send_default_pii': False", "'include_local_variables': False", "'max_request_body_size': 'never'"):
        assert option in done.stdout


def test_what_is_secret_is_not_repeated(start):
    done = start(SECRET_KEY="hunter2-too-short", REDIS_URL="nonsense://:hunter2@cache")
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize(
    ("url", "backend", "settings"),
    [
        ("postmark://t0ken", "postmark", {"POSTMARK_SERVER_TOKEN": "t0ken"}),
        ("brevo://xkeysib-1", "brevo", {"BREVO_API_KEY": "xkeysib-1"}),
        (
            "mailgun://key-1@mg.fiducia.example?region=eu",
            "mailgun",
            {
                "MAILGUN_API_KEY": "key-1",
                "MAILGUN_SENDER_DOMAIN": "mg.fiducia.example",
                "MAILGUN_API_URL": "https://api.eu.mailgun.net/v3",
            },
        ),
    ],
)
def test_a_mail_provider_is_one_address(start, url: str, backend: str, settings: dict[str, str]):
    shown = "(config.settings.EMAIL_BACKEND, config.settings.ANYMAIL)"
    done = start(show=shown, EMAIL_URL=url)
    assert done.returncode == 0, done.stderr
    expected = (f"anymail.backends.{backend}.EmailBackend", {**settings, "REQUESTS_TIMEOUT": 10})
    assert done.stdout.strip() == str(expected)


def test_every_mail_provider_has_its_backend():
    from django.utils.module_loading import import_string

    from config.environment import MAIL_PROVIDERS

    for provider in MAIL_PROVIDERS:
        assert import_string(f"anymail.backends.{provider}.EmailBackend")


def run(*arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
    """Run Python under the settings of production, in a process of its own."""
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment(**changed), cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


DEPLOY = ("manage.py", "check", "--deploy", "--fail-level", "WARNING")


def test_djangos_own_check_for_production_finds_nothing():
    done = run(*DEPLOY)
    assert done.returncode == 0, done.stderr
    assert "no issues (0 silenced)" in done.stdout


def test_that_check_would_find_something():
    """The control: without https everywhere it warns."""
    done = run(*DEPLOY, SECURE_SSL_REDIRECT="false")
    assert done.returncode == 1
    assert "security.W008" in done.stderr


ANSWERS = """
import json, django
django.setup()
from django.conf import settings
from django.test import Client
plain, safe = Client().get("/docs"), Client().get("/health/live", secure=True)
names, parts = ("SESSION", "CSRF"), ("NAME", "SECURE", "HTTPONLY", "SAMESITE", "PATH", "DOMAIN")
print(json.dumps({
    "plain": [plain.status_code, plain["Location"]],
    "hsts": safe["Strict-Transport-Security"],
    "cookies": [[getattr(settings, f"{name}_COOKIE_{part}") for part in parts] for name in names],
    "cors": settings.CORS_ALLOWED_ORIGINS,
}))
"""


def test_production_speaks_https_alone_and_its_cookies_are_for_this_host():
    done = run("-c", ANSWERS, DJANGO_SETTINGS_MODULE="config.settings", ALLOWED_HOSTS="testserver")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["plain"] == [301, "https://testserver/docs"]
    assert said["hsts"] == "max-age=31536000; includeSubDomains; preload"
    assert said["cookies"] == [[name, True, True, "Lax", "/", None] for name in ("__Host-session", "__Host-csrf")]
    assert said["cors"] == []


def test_no_secret_is_written_in_the_code(start):
    """Every key, password and address of a server of production comes from the environment: without it, no start."""
    secret = ("SECRET_KEY", "FIELD_KEYS", "BLIND_INDEX_KEY", "DATABASE_URL", "OWNER_DATABASE_URL", "REDIS_URL",
              "EMAIL_URL", "SMS_URL")  # fmt: skip
    for name in secret:
        done = start(**{name: None})
        assert (done.returncode, f"{name} is not set" in done.stderr) == (MISCONFIGURED, True)
