"""The periodic jobs: their task is there, and they are due when the platform's calendar says so."""

import pytest
from django.conf import settings
from django_celery_beat.models import CrontabSchedule
from django_celery_beat.schedulers import ModelEntry

from config.celery import app

NAME = "close what is over"


def test_every_jobs_task_is_registered():
    app.loader.import_default_modules()
    assert {job["task"] for job in settings.CELERY_BEAT_SCHEDULE.values()} <= set(app.tasks)


def test_days_are_closed_from_a_minute_past_midnight_four_times_an_hour():
    schedule = settings.CELERY_BEAT_SCHEDULE[NAME]["schedule"]
    assert schedule.minute == {1, 16, 31, 46}
    assert schedule.hour == set(range(24))


@pytest.mark.django_db
def test_beat_keeps_it_in_the_platforms_time_zone():
    ModelEntry.from_entry(NAME, app=app, **settings.CELERY_BEAT_SCHEDULE[NAME])
    kept = CrontabSchedule.objects.get()
    assert str(kept.timezone) == settings.PLATFORM_TIME_ZONE
    assert kept.human_readable


def test_a_killed_workers_task_runs_again():
    assert settings.CELERY_TASK_ACKS_LATE
    assert settings.CELERY_TASK_REJECT_ON_WORKER_LOST
    assert settings.CELERY_WORKER_PREFETCH_MULTIPLIER == 1
