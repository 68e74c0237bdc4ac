"""A command is one transaction; a guard's refusal comes out of it as one."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.db import OperationalError, connection

from core.commands import ATTEMPTS, command
from core.errors import DatabaseRefusal


@command
def make_group(name: str, *, then: str = "") -> Group:
    group = Group.objects.create(name=name)
    if then:
        with connection.cursor() as cursor:
            cursor.execute(then)
    return group


RAISE = "DO $$ BEGIN RAISE EXCEPTION '%s' USING ERRCODE = '%s'; END $$"


@pytest.mark.django_db(transaction=True)
class TestCommand:
    def test_it_commits(self):
        make_group("walkers")
        assert Group.objects.filter(name="walkers").exists()

    def test_a_guards_refusal_is_a_domain_error_and_nothing_is_left(self):
        with pytest.raises(DatabaseRefusal) as caught:
            make_group("walkers", then=RAISE % ("too-late: the day is closed", "FI042"))
        assert (caught.value.detail, caught.value.facts) == ("the day is closed", {"guard": "too-late"})
        assert not Group.objects.filter(name="walkers").exists()

    def test_a_deadlock_is_tried_three_times(self, monkeypatch):
        tries = []

        @command
        def meet() -> None:
            tries.append(1)
            with connection.cursor() as cursor:
                cursor.execute(RAISE % ("deadlock", "40P01"))

        with pytest.raises(OperationalError):
            meet()
        assert len(tries) == ATTEMPTS

    def test_another_error_is_tried_once(self):
        tries = []

        @command
        def fail() -> None:
            tries.append(1)
            with connection.cursor() as cursor:
                cursor.execute(RAISE % ("no", "P0001"))

        with pytest.raises(Exception, match="no"):
            fail()
        assert len(tries) == 1

    def test_a_command_never_calls_a_command(self):
        @command
        def outer() -> None:
            make_group("walkers")

        with pytest.raises(RuntimeError, match="durable"):
            outer()
        assert not Group.objects.filter(name="walkers").exists()

    def test_its_body_runs_in_a_transaction_that_is_there(self):
        @command
        def outer() -> Group:
            return make_group.inside("walkers")

        outer()
        assert Group.objects.filter(name="walkers").exists()
