"""The embedded servers survive what happens to servers on somebody's laptop."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest

from config.embedded.places import ServerError, may_enter, place, unprivileged_user
from config.embedded.postgres import Postgres
from config.embedded.servers import is_alive
from config.embedded.valkey import Valkey
from tests.database import worker_name

INNOCENT = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def server() -> Postgres:
    """A server of this file's own, which a test may kill."""
    return Postgres(place(f"test-victim-{worker_name()}"), durable=False)


def postmaster(server: Postgres) -> int:
    number = server._postmaster()
    assert number is not None
    return number


def ask(server: Postgres, question: str) -> object:
    with psycopg.connect(server.url("admin", "postgres")) as connection:
        row = connection.execute(question).fetchone()
        return row and row[0]


def test_the_last_one_to_leave_stops_it(server):
    with server.in_use():
        with Postgres(server.root, durable=False).in_use():
            number = postmaster(server)
        assert ask(server, "SELECT 1") == 1
    assert not is_alive(number)


def test_it_starts_again_after_a_kill(server):
    with server.in_use():
        ask(server, "SELECT 1")
        os.kill(postmaster(server), signal.SIGKILL)
        with Postgres(server.root, durable=False).in_use() as again:
            assert ask(again, "SELECT 1") == 1


def test_a_stale_pid_file_that_names_an_innocent_process_harms_nobody(server):
    with server.in_use():
        pass
    with subprocess.Popen(INNOCENT) as innocent:
        stale = (server.data / "postmaster.pid", f"{innocent.pid}\n{server.data}\n0\n{server.port}\n\n\n0 0\nready\n")
        stale[0].write_text(stale[1])
        user = unprivileged_user()
        if user:
            os.chown(stale[0], user.pw_uid, user.pw_gid)
        with server.in_use():
            assert ask(server, "SELECT 1") == 1
        assert innocent.poll() is None
        innocent.kill()


def test_a_taken_port_is_given_up(server):
    with server.in_use():
        before = server.port
    with socket.create_server(("127.0.0.1", before)), server.in_use():
        assert server.port != before
        assert ask(server, "SELECT 1") == 1


def test_a_stranger_on_the_port_is_not_taken_for_ours(server):
    other = Postgres(place(f"test-victim-other-{worker_name()}"), durable=False)
    with other.in_use():
        server.remember(server.remembered() | {"port": other.port})
        assert not server.answers()
        with server.in_use():
            assert server.port != other.port
            assert Path(str(ask(server, "SHOW data_directory"))) == server.data


def test_a_data_folder_whose_making_was_interrupted_is_made_anew(server):
    with server.in_use():
        pass
    (server.root / "initialised").unlink()
    (server.data / "global" / "pg_control").unlink()
    with server.in_use():
        assert ask(server, "SELECT 1") == 1


def test_many_start_it_at_once(server):
    numbers = []
    gate = threading.Barrier(4)

    def use() -> None:
        with Postgres(server.root, durable=False).in_use() as mine:
            numbers.append(postmaster(mine))
            gate.wait(timeout=30)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(numbers) == 4
    assert len(set(numbers)) == 1
    assert not is_alive(numbers[0])


def test_a_password_is_asked_for(server):
    with server.in_use(), pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(f"postgresql://postgres@127.0.0.1:{server.port}/postgres", passfile="/nowhere")


def test_lost_passwords_are_said_in_a_line(server):
    with server.in_use():
        before = server.remembered()
        server.remember(before | {"admin": "another"})
        with pytest.raises(ServerError, match="demo-reset"), Postgres(server.root, durable=False).in_use():
            pass
        server.remember(before)


def test_passwords_are_ours_alone(server):
    server.remembered()
    assert (server.root / "remembered.json").stat().st_mode & 0o077 == 0


def test_demo_keeps_what_it_committed():
    with Postgres(place(f"test-durable-{worker_name()}")).in_use() as server:
        assert [ask(server, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")] == [
            "on"
        ] * 3


def test_valkey_starts_again_after_a_kill():
    server = Valkey(place(f"test-victim-valkey-{worker_name()}"))
    with server.in_use():
        server._client().set("kept", "yes")
        number = int(server._client().info()["process_id"])
        os.kill(number, signal.SIGKILL)
        time.sleep(0.1)
        with Valkey(server.root).in_use() as again:
            assert again.answers()
    assert not server.answers()


def test_valkey_asks_for_a_password():
    import redis

    with Valkey(place(f"test-victim-valkey-{worker_name()}")).in_use() as server:
        stranger = redis.Redis(port=server.port)
        with pytest.raises(redis.AuthenticationError):
            stranger.ping()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has folders that another user may not enter")
def test_a_folder_of_root_alone_is_known(tmp_path):
    user = unprivileged_user()
    assert user is not None
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert not may_enter(user, closed / "project")
