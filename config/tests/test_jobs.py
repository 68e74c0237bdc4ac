"""The periodic jobs name tasks that the worker knows, at moments that the scheduler understands."""

from __future__ import annotations

from django.conf import settings

from config.celery import app


def test_every_periodic_job_is_a_task_that_is_there() -> None:
    app.loader.import_default_modules()
    for name, job in settings.CELERY_BEAT_SCHEDULE.items():
        assert job["task"] in app.tasks, name


def test_the_close_is_asked_for_every_quarter_of_an_hour_from_one_past_midnight() -> None:
    schedule = settings.CELERY_BEAT_SCHEDULE["close what is over"]["schedule"]
    assert (sorted(schedule.minute), len(schedule.hour)) == ([1, 16, 31, 46], 24)
