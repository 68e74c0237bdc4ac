"""Django's settings. What differs between machines comes from the environment (config/environment.py)."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from config import environment
from config.environment import read

BASE_DIR = Path(__file__).resolve().parents[1]
MODE = environment.mode()
PRODUCTION = MODE == "production"
EMBEDDED = environment.uses_embedded_servers()
DEBUG = False

# Keys
if PRODUCTION:
    SECRET_KEY = read("SECRET_KEY", environment.long_secret)
    FIELD_KEYS = read("FIELD_KEYS", environment.keys)
    BLIND_INDEX_KEY = read("BLIND_INDEX_KEY", environment.one_key)
    # 127.0.0.1 is how the image's health check calls.
    ALLOWED_HOSTS = [*read("ALLOWED_HOSTS", environment.names), "127.0.0.1"]
else:
    _made = environment.secrets_of_this_checkout()
    SECRET_KEY = read("SECRET_KEY", environment.long_secret, default=_made["SECRET_KEY"])
    FIELD_KEYS = read("FIELD_KEYS", environment.keys, default=[_made["FIELD_KEYS"]])
    BLIND_INDEX_KEY = read("BLIND_INDEX_KEY", environment.one_key, default=_made["BLIND_INDEX_KEY"])
    ALLOWED_HOSTS = read("ALLOWED_HOSTS", environment.names, default=["*"])

# Where `play_demo` leaves its log-ins for the supervisor, and where files lie that were handed in.
DEMO_LOG_INS: Path | None = None
MEDIA_ROOT = Path(read("MEDIA_ROOT", str, default=str(BASE_DIR / "media")))

# Databases: `default` logs in as the application's role, `owner` as the role that owns the tables.
if MODE == "test":
    _app = _owner = environment.postgres_url("postgresql://nobody@127.0.0.1:1/conftest-fills-this-in")
    REDIS_URL = "redis://127.0.0.1:1/0"
elif EMBEDDED:
    from config import embedded
    from config.embedded.places import own_place

    DEMO_LOG_INS = own_place() / "demo-log-ins.json"
    MEDIA_ROOT = own_place() / "media"
    _server = embedded.demo_postgres()
    _app = environment.postgres_url(_server.url("app", embedded.DATABASE))
    _owner = environment.postgres_url(_server.url("owner", embedded.DATABASE))
    REDIS_URL = embedded.demo_valkey().url()
else:
    _app = read("DATABASE_URL", environment.postgres_url)
    _owner = read("OWNER_DATABASE_URL", environment.postgres_url)
    REDIS_URL = read("REDIS_URL", environment.redis_url)
    if _app["USER"] == _owner["USER"]:
        environment.stop(
            "DATABASE_URL and OWNER_DATABASE_URL name one role; they need two (manage.py provision_database)"
        )

_OPTIONS: dict[str, Any] = {"server_side_binding": True, "prepare_threshold": 5, "application_name": "fiducia"}
_POOL = {"min_size": 0, "max_size": read("DATABASE_POOL_SIZE", environment.whole_number, default=20), "timeout": 30}
WORK_AT_ONCE = read("WORK_AT_ONCE", environment.whole_number, default=2)
DATABASES = {
    "default": {
        **_app,
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 0,
        "ATOMIC_REQUESTS": False,
        "OPTIONS": {**_app.get("OPTIONS", {}), **_OPTIONS, "pool": _POOL},
    },
    "owner": {
        **_owner,
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 0,
        "ATOMIC_REQUESTS": False,
        "OPTIONS": {**_owner.get("OPTIONS", {}), **_OPTIONS},
    },
}
CACHES: dict[str, Any] = {
    "default": {
        "BACKEND": "config.cache.Cache",
        "LOCATION": REDIS_URL,
        # A cache that doesn't answer must not hold a request: throttles then let it pass.
        "OPTIONS": {"socket_connect_timeout": 2, "socket_timeout": 2},
    }
}

# Apps, upper floors first: a template or a static file of an upper floor goes first.
ROOMS = [
    *("backoffice", "investments", "offers", "payments", "treasury", "protection"),
    *("notifications", "ledger", "accounts", "api", "oversight", "core"),
]
INSTALLED_APPS = [
    *ROOMS,
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "backoffice.apps.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "django_filters",
    "django_prometheus",
    "corsheaders",
    "django_structlog",
    "django_celery_beat",
]
if MODE != "production" and importlib.util.find_spec("django_linear_migrations"):
    INSTALLED_APPS.append("django_linear_migrations")
AUTH_USER_MODEL = "accounts.User"
LOGIN_REDIRECT_URL = "/admin/"

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.AnswerHeaders",
    "corsheaders.middleware.CorsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.middleware.RequestLog",
    "oversight.middleware.TraceMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The platform
PLATFORM_TIME_ZONE = read("PLATFORM_TIME_ZONE", environment.time_zone, default="UTC")
PLATFORM_CURRENCY = read("PLATFORM_CURRENCY", environment.currency, default="AED")
PAYMENT_METHODS_FILE: Path = read(
    "PAYMENT_METHODS_FILE",
    environment.payment_methods,
    default=None if PRODUCTION else environment.DEMONSTRATION_METHODS,
)
USE_TZ = True
TIME_ZONE = PLATFORM_TIME_ZONE
USE_I18N = True
LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = ["config.formats"]

# Rights and passwords
AUTHENTICATION_BACKENDS = ["accounts.backends.RoleBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# Static files
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles" if PRODUCTION else None
WHITENOISE_USE_FINDERS = not PRODUCTION
_STATIC = "whitenoise.storage.CompressedManifestStaticFilesStorage" if PRODUCTION else None
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": _STATIC or "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# Mail
# In production whoever sends it has to be named: mails hold reset tokens and names, and consolemail:// logs them.
_mail = read(
    "EMAIL_URL", environment.email_url, default=None if PRODUCTION else environment.email_url("consolemail://")
)
EMAIL_BACKEND, EMAIL_HOST, EMAIL_PORT = _mail["EMAIL_BACKEND"], _mail["EMAIL_HOST"] or "localhost", _mail["EMAIL_PORT"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_USER"] or "", _mail["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.get("EMAIL_USE_TLS", False), _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
ANYMAIL: dict[str, Any] = {**_mail["ANYMAIL"], "REQUESTS_TIMEOUT": 10}
DEFAULT_FROM_EMAIL = read("DEFAULT_FROM_EMAIL", str, default="no-reply@localhost")

# Short messages, and how many go out on a day: to a number, to a country, in all
SMS_URL = read("SMS_URL", environment.sms_url, default=None if PRODUCTION else "console://")
SMS_A_DAY = read("SMS_A_DAY", environment.three_numbers, default=(8, 2000, 10000))

# How many processes of the worker send messages at once; the others are left to codes and to the close of a day
SENDERS_AT_ONCE = read("SENDERS_AT_ONCE", environment.one_or_more, default=1)

# Log-in by Google and Apple: the ids of our clients there; with none nobody logs in that way
SOCIAL_CLIENT_IDS = {
    "google": read("GOOGLE_CLIENT_IDS", environment.names, default=[]),
    "apple": read("APPLE_CLIENT_IDS", environment.names, default=[]),
}
# Whoever says where the keys are decides who logs in: in production it is the providers' own address.
SOCIAL_JWKS_URLS: dict[str, str] = {}
if not PRODUCTION:
    SOCIAL_JWKS_URLS = {
        "google": read("GOOGLE_JWKS_URL", environment.web_url, default=""),
        "apple": read("APPLE_JWKS_URL", environment.web_url, default=""),
    }

# Passkeys: the domain that they belong to (WebAuthn's RP id), and the origins of all pages and apps that use them.
# With neither, each host has its own, for its own pages alone.
PASSKEY_DOMAIN = read("PASSKEY_DOMAIN", environment.domain, default="")
PASSKEY_ORIGINS = read("PASSKEY_ORIGINS", environment.passkey_origins, default=[])
environment.require_passkeys_fit(PASSKEY_DOMAIN, PASSKEY_ORIGINS)

# Pushes, off where no service account is named; and where messages lead
FCM_CREDENTIALS: dict[str, str] = read("FCM_CREDENTIALS", environment.fcm_credentials, default={})
FCM_URL = "https://fcm.googleapis.com"
APP_URL = read("APP_URL", environment.web_url, default="")
CONSOLE_URL = read("CONSOLE_URL", environment.web_url, default="")

# API
NUM_PROXIES = read("TRUSTED_PROXIES", environment.whole_number, default=0)
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.SessionAuthentication"],
    "DEFAULT_PARSER_CLASSES": ["api.parsers.JSONParser"],
    "DEFAULT_PERMISSION_CLASSES": ["api.permissions.DenyAll"],
    "DEFAULT_PAGINATION_CLASS": "api.pagination.CursorPagination",
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_THROTTLE_CLASSES": ["api.throttles.ScopedRate"],
    "DEFAULT_THROTTLE_RATES": {
        "api": "1200/minute",
        "schema": "60/minute",
        "signup": "20/hour",
        "login": "20/minute",
        "refresh": "60/minute",
        "password": "20/hour",
        "password_reset": "10/hour",
        "verify": "30/hour",
        "pin": "60/hour",
        "factor": "60/hour",
        "social": "20/minute",
        "avatar": "30/hour",
        "export": "30/day",
        "knowledge_test": "30/hour",
    },
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "COERCE_DECIMAL_TO_STRING": True,
    "NUM_PROXIES": NUM_PROXIES,
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "api.problems.ProblemHandler",
    "EXCEPTION_FORMATTER_CLASS": "api.problems.ProblemFormatter",
}
METRICS_TOKEN = read("METRICS_TOKEN", str, default="")
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Fiducia",
    "DESCRIPTION": "Wallets, deposits and daily returns on a real ledger.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "TransactionTypeEnum": "ledger.history.TYPES",
        "ProductKindEnum": "investments.models.Product.Kind",
        "OfferStatusEnum": "offers.models.Offer.Status",
        "OfferInvestmentStatusEnum": "offers.models.OfferInvestment.Status",
        "ApprovalStatusEnum": "oversight.models.ApprovalRequest.Status",
        "NextActionTypeEnum": ["redirect", "address", "instructions", "none"],
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "api.schema.add_problems",
    ],
}

# Safety of browsers
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
CSRF_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = read("CSRF_TRUSTED_ORIGINS", environment.origins, default=[])
if PRODUCTION:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    # A browser takes a cookie of this name from this very host alone, over https, for all of its paths.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"
    SECURE_SSL_REDIRECT = read("SECURE_SSL_REDIRECT", environment.yes_or_no, default=True)
    SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
    SECURE_HSTS_SECONDS = read("SECURE_HSTS_SECONDS", environment.whole_number, default=365 * 24 * 3600)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    if NUM_PROXIES:
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Web apps of other origins may call the API, if they are named; with tokens, never with cookies.
CORS_ALLOWED_ORIGINS = read("CORS_ALLOWED_ORIGINS", environment.origins, default=[])
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_CREDENTIALS = False
CORS_ALLOW_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
CORS_ALLOW_HEADERS = (
    *("accept", "authorization", "content-type", "idempotency-key", "if-none-match", "x-pin-token", "x-request-id"),
)
CORS_EXPOSE_HEADERS = ("Content-Disposition", "ETag", "Idempotent-Replayed", "Retry-After", "X-Request-ID")
CORS_PREFLIGHT_MAX_AGE = 3600

from config.console import *  # noqa: E402, F403
from config.jobs import *  # noqa: E402, F403
from config.watching import *  # noqa: E402, F403
