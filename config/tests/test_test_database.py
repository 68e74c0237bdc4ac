"""The tests' own database: what a test commits is gone before the next, and what `migrate` sows is there again."""

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection, connections
from django_celery_beat.models import IntervalSchedule


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", [1, 2])
def test_committed_rows_are_gone(turn: int):
    assert IntervalSchedule.objects.count() == 0
    assert ContentType.objects.filter(app_label="contenttypes").count() == 1
    IntervalSchedule.objects.create(every=turn, period="days")
    ContentType.objects.filter(app_label="contenttypes").update(model=f"changed-{turn}")


@pytest.mark.django_db(databases=["default", "owner"])
def test_its_name_lets_guards_stand_aside_for_truncate():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database() LIKE 'test\\_%%'", [])
        assert cursor.fetchone() == (True,)
    assert connections["owner"].settings_dict["NAME"].startswith("test_")
