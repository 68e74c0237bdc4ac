"""End-of-day runs in the console: the list, a run with its steps and problems, and closing a problem with a word."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.decorators import display

from backoffice import problems, steps
from backoffice.models import EndOfDayProblem, EndOfDayRun, EndOfDayStep
from core.errors import DomainError
from oversight.console import ReadOnlyAdmin

LABELS = {"done": "success", "running": "warning", "incomplete": "danger"}


@admin.register(EndOfDayRun)
class EndOfDayRunAdmin(ReadOnlyAdmin):
    """Runs are written by the close alone; an officer reads them, and closes problems."""

    list_display = ("day", "shown_status", "steps_done", "problems_open", "took", "attempts", "finished_at")
    list_filter = ("status",)
    date_hierarchy = "day"
    list_fullwidth = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[EndOfDayRun]:
        is_open = Q(problems__closed_at__isnull=True, problems__solved_at__isnull=True)
        found = super().get_queryset(request)
        counted = found.annotate(
            open_count=Count("problems", filter=is_open & Q(problems__isnull=False), distinct=True)
        )
        work = (
            EndOfDayStep.objects.filter(run=OuterRef("pk")).order_by().values("run").annotate(sum=Sum("milliseconds"))
        )
        counted = counted.annotate(work=Subquery(work.values("sum")))
        return counted.annotate(done_count=Count("steps", filter=Q(steps__done_at__isnull=False), distinct=True))

    @display(description="status", label=LABELS, ordering="status")
    def shown_status(self, run: EndOfDayRun) -> tuple[str, str]:
        return run.status, run.get_status_display()

    @display(description="steps done")
    def steps_done(self, run: Any) -> str:
        return f"{run.done_count} of {len(steps.STEPS)}"

    @display(description="open problems", ordering="open_count")
    def problems_open(self, run: Any) -> int:
        return int(run.open_count)

    @display(description="took")
    def took(self, run: Any) -> str:
        return f"{(run.work or 0) / 1000:.2f} s"

    def get_urls(self) -> list[URLPattern]:
        close = path(
            "problems/<uuid:problem_id>/close/",
            self.admin_site.admin_view(self.close_problem),
            name="backoffice_endofdayproblem_close",
        )
        return [close, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a run; there is nothing to change."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        run = self.get_object(request, object_id)
        if run is None:
            raise Http404
        titles = {step.name: step.title for step in steps.STEPS}
        done = [{"row": row, "title": titles.get(row.name, row.name)} for row in run.steps.all()]
        waiting = [step.title for step in steps.STEPS if step.name not in {each["row"].name for each in done}]
        context = {
            **self.admin_site.each_context(request),
            "title": f"Close of {run.day:%d %B %Y}",
            "opts": self.model._meta,
            "run": run,
            "steps": done,
            "waiting": waiting,
            "longest": max((each["row"].milliseconds for each in done), default=0) or 1,
            "total": sum(each["row"].milliseconds for each in done),
            "problems": run.problems.select_related("closed_by").order_by(F("closed_at").desc(nulls_first=True), "-id"),
            "may_close": request.user.has_perm("backoffice.close_problem"),
        }
        return TemplateResponse(request, "admin/backoffice/run.html", context)

    def close_problem(self, request: HttpRequest, problem_id: UUID) -> HttpResponse:
        """Ask for the word, say what closing does, and close on POST."""
        if not request.user.has_perm("backoffice.close_problem"):
            raise PermissionDenied
        problem = get_object_or_404(EndOfDayProblem.objects.select_related("run"), pk=problem_id)
        back = reverse("admin:backoffice_endofdayrun_change", args=[problem.run_id])
        refusal = ""
        if request.method == "POST":
            try:
                problems.close_problem(
                    problem_id, by=request.user, now=timezone.now(), word=request.POST.get("word", "")
                )
            except DomainError as error:
                refusal = error.detail
            else:
                messages.success(request, "The problem is closed.")
                return HttpResponseRedirect(back)
        context = {
            **self.admin_site.each_context(request),
            "title": "Close a problem",
            "opts": self.model._meta,
            "problem": problem,
            "left": problem.run.problems.open().exclude(pk=problem_id).count(),
            "refusal": refusal,
            "word": request.POST.get("word", ""),
            "back": back,
        }
        return TemplateResponse(request, "admin/backoffice/close_problem.html", context, status=422 if refusal else 200)
