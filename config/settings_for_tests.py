"""The settings of tests: embedded servers, constant keys, a quick password hasher."""

import os

os.environ["FIDUCIA_MODE"] = "test"
for _name in ("DATABASE_URL", "OWNER_DATABASE_URL", "REDIS_URL", "SENTRY_DSN"):
    os.environ.pop(_name, None)

from config.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = True
# Tests call more often in a minute than people do; those of the throttles set rates of their own.
REST_FRAMEWORK = {
    **REST_FRAMEWORK,  # noqa: F405
    "DEFAULT_THROTTLE_RATES": dict.fromkeys(REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "100000/minute"),  # noqa: F405
}
# Each client of a test makes the middleware anew: looking for all static files took it longer than most answers.
WHITENOISE_AUTOREFRESH = True
METRICS_TOKEN = ""
# Files of tests never meet those of the demo that runs from this checkout.
STORAGES = {**STORAGES, "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}  # noqa: F405
