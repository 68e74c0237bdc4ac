"""How far the close of each day has come, what went wrong in it, and who has closed that with a word."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from core import columns


class EndOfDayRunQuerySet(models.QuerySet["EndOfDayRun"]):
    def lock(self, day: date) -> EndOfDayRun:
        """Lock one day's run until the transaction ends."""
        return self.select_for_update(no_key=True, of=("self",)).get(pk=day)

    def unfinished(self) -> EndOfDayRunQuerySet:
        """Runs whose steps aren't all done: the next close goes on with the oldest."""
        return self.filter(sealed_at__isnull=True).order_by("day")


class EndOfDayRun(models.Model):
    """The close of one business day. `sealed_at` says that all steps are done, `status` that all of it is right.

    incomplete: a step stopped the close, or single positions failed in it and nobody has closed these problems yet.
    `time_zone` is the platform's when the day was closed; it is the same in every run.
    """

    class Status(models.TextChoices):
        RUNNING = "running"
        INCOMPLETE = "incomplete"
        DONE = "done"

    MOVES: ClassVar[dict[str, set[str]]] = {
        Status.RUNNING: {Status.INCOMPLETE, Status.DONE},
        Status.INCOMPLETE: {Status.RUNNING, Status.DONE},
    }

    day = models.DateField(primary_key=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.RUNNING)
    time_zone = models.CharField(max_length=64)
    attempts = models.PositiveIntegerField(default=1, help_text="how often somebody or something began or resumed it")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    sealed_at = models.DateTimeField(null=True, blank=True)

    objects = EndOfDayRunQuerySet.as_manager()

    class Meta:
        ordering = ["-day"]
        default_permissions = ("view",)
        verbose_name = "end-of-day run"
        permissions = [("close_problem", "Can close a problem of an end-of-day run with a word")]
        indexes = [models.Index(fields=["day"], condition=Q(sealed_at__isnull=True), name="backoffice_run_unfinished")]
        constraints = [
            models.CheckConstraint(
                condition=Q(status="running", finished_at__isnull=True)
                | Q(status="incomplete", finished_at__isnull=False)
                | Q(status="done", finished_at__isnull=False, sealed_at__isnull=False),
                name="backoffice_run_status",
            ),
        ]

    def __str__(self) -> str:
        return f"Close of {self.day}"


class EndOfDayStepQuerySet(models.QuerySet["EndOfDayStep"]):
    def lock(self, step_id: int) -> EndOfDayStep:
        """Lock one step until the transaction ends."""
        return self.select_for_update(no_key=True, of=("self",)).get(pk=step_id)


class EndOfDayStep(models.Model):
    """One step of a day's close; once `done_at` is set it isn't repeated.

    `figures` are lines of [label, value]: what all attempts did together.
    """

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(EndOfDayRun, on_delete=models.PROTECT, related_name="steps", db_index=False)
    name = models.CharField(max_length=24)
    place = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    milliseconds = models.PositiveIntegerField(default=0, help_text="real time spent, over all attempts")
    figures = models.JSONField(default=list, blank=True)

    objects = EndOfDayStepQuerySet.as_manager()

    class Meta:
        ordering = ["run", "place"]
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["run", "name"], name="backoffice_step_once")]

    def __str__(self) -> str:
        return f"{self.name} of {self.run_id}"


class EndOfDayProblemQuerySet(models.QuerySet["EndOfDayProblem"]):
    def open(self) -> EndOfDayProblemQuerySet:
        return self.filter(closed_at__isnull=True, solved_at__isnull=True)


class EndOfDayProblem(models.Model):
    """What failed in a close: a position, a product, or (empty subject) the step itself.

    It is open until a later attempt gets past it (`solved_at`) or an officer closes it with a word.
    """

    id = columns.identifier()
    run = models.ForeignKey(EndOfDayRun, on_delete=models.PROTECT, related_name="problems")
    step = models.CharField(max_length=24)
    subject = models.CharField(max_length=120, blank=True)
    error = models.TextField()
    opened_at = models.DateTimeField()
    times_seen = models.PositiveIntegerField(default=1)
    solved_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    word = models.TextField(blank=True, help_text="what the one who closed it has to say")

    objects = EndOfDayProblemQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["run", "step", "subject"],
                condition=Q(closed_at__isnull=True, solved_at__isnull=True),
                name="backoffice_problem_one_open",
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, closed_by__isnull=True, word="")
                | Q(closed_at__isnull=False, closed_by__isnull=False) & ~Q(word=""),
                name="backoffice_problem_closed_by_a_word",
            ),
            models.CheckConstraint(
                condition=Q(solved_at__isnull=True) | Q(solved_at__gte=F("opened_at")), name="backoffice_problem_solved"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.step}: {self.subject or 'the step itself'}"

    @property
    def is_open(self) -> bool:
        return self.closed_at is None and self.solved_at is None
