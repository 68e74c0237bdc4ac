from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps

_VIEW = [f"backoffice.view_{model}" for model in ("endofdayrun", "endofdaystep", "endofdayproblem")]


class BackofficeConfig(AppConfig):
    name = "backoffice"
    default = True

    rights = {
        "EndOfDayRun": {
            "insert": "*",
            "update": ["status", "attempts", "finished_at", "sealed_at"],
        },
        "EndOfDayStep": {"insert": "*", "update": ["started_at", "done_at", "milliseconds", "figures"]},
        "EndOfDayProblem": {
            "insert": "*",
            "update": ["error", "times_seen", "solved_at", "closed_at", "closed_by", "word"],
        },
    }
    role_permissions = {
        "finance": [*_VIEW, "backoffice.close_problem"],
        "compliance": _VIEW,
        "administrator": [*_VIEW, "backoffice.close_problem"],
        "support": ["backoffice.view_endofdayrun"],
    }

    def ready(self) -> None:
        from backoffice import health, verify
        from ledger import verify as ledger

        health.register()
        ledger.register("closes", verify.unsealed_closes)


class ConsoleConfig(admin_apps.AdminConfig):
    """Django's admin with the console as its site."""

    default = False
    default_site = "backoffice.site.ConsoleSite"

    def ready(self) -> None:
        """Collect the rooms' pages; the scheduler's own stay out: jobs are code (config/jobs.py)."""
        super().ready()
        from django.apps import apps
        from django.contrib import admin

        schedules = apps.get_app_config("django_celery_beat").get_models()
        admin.site.unregister([model for model in schedules if admin.site.is_registered(model)])
