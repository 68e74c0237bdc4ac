"""Where embedded servers keep their files, and as whom they run."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SHARED = Path("/var/tmp")  # noqa: S108 - its own folder below it, checked to be root's


class ServerError(Exception):
    """A server couldn't be started; the text says why in a line or two."""


@functools.cache
def unprivileged_user() -> pwd.struct_passwd | None:
    """The account that PostgreSQL runs as when we are root (it refuses to be root), or None."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ServerError("PostgreSQL doesn't run as root, and there is neither a user postgres nor nobody to run it as.")


def may_enter(user: pwd.struct_passwd, folder: Path) -> bool:
    """Say whether `user`, who owns none of it, may walk down to `folder`."""
    for step in (folder, *folder.parents):
        if step.exists():
            found = step.stat()
            wanted = stat.S_IXUSR if found.st_uid == user.pw_uid else stat.S_IXOTH
            if not found.st_mode & wanted:
                return False
    return True


def own_place() -> Path:
    """The folder of this checkout's servers: `.var`, or one in /var/tmp where `.var` can't be entered.

    FIDUCIA_VAR names another one.
    """
    user = unprivileged_user()
    if os.environ.get("FIDUCIA_VAR"):
        folder = Path(os.environ["FIDUCIA_VAR"]).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    if user is None or may_enter(user, PROJECT):
        folder = PROJECT / ".var"
        folder.mkdir(exist_ok=True)
        return folder
    folder = SHARED / f"fiducia-{hashlib.sha256(str(PROJECT).encode()).hexdigest()[:12]}"
    folder.mkdir(mode=0o755, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0:
        raise ServerError(f"{folder} exists and isn't root's: remove it.")
    return folder


def place(name: str) -> Path:
    """A folder of that name for one server."""
    folder = own_place() / name
    folder.mkdir(mode=0o755, exist_ok=True)
    return folder


def package_folder(name: str) -> Path:
    """Where a package lies; it isn't imported, since the wheels of servers do more on import than we ask for."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ServerError(f"{name} isn't installed: pip install -r requirements/embedded.txt, or set DATABASE_URL.")
    return Path(spec.origin).parent


def enterable(package: Path) -> Path:
    """The package's folder, or a copy beside the servers' data where their user couldn't read the original.

    The libraries that its wheel brings lie next to it, in a folder that its programs name relative to themselves.
    """
    user = unprivileged_user()
    if user is None or may_enter(user, package):
        return package
    version = hashlib.sha256(f"{package}{package.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    copy = own_place() / f"programs-{version}"
    if not copy.exists():
        unfinished = copy.with_suffix(f".{os.getpid()}")
        for folder in (package, package.with_name(f"{package.name}.libs")):
            if folder.exists():
                shutil.copytree(folder, unfinished / folder.name, symlinks=True)
        unfinished.rename(copy)
    return copy / package.name
