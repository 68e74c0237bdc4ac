"""The platform's own settings for processes that are killed: a real broker, real workers, slices of a few positions."""

from config.settings import *  # noqa: F403

# Thirty-five people have passwords, which nobody tries.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
RETURNS_SLICE_SIZE = 4
RETURNS_STALLED_SECONDS = 1
