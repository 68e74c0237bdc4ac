from django.apps import AppConfig


class OversightConfig(AppConfig):
    name = "oversight"
    verbose_name = "Oversight"
    rights = {
        "ApprovalRequest": {"insert": "*", "update": ["status", "decided_at"], "delete": False},
        "Decision": {"insert": "*", "update": [], "delete": False},
        "AuditEvent": {"insert": "*", "update": [], "delete": False},
        "PersonKey": {"insert": "*", "update": ["wrapped", "destroyed_at"], "delete": False},
        "Alert": {
            "insert": "*",
            "update": [
                "title",
                "detail",
                "severity",
                "last_raised_at",
                "times_raised",
                "closed_at",
                "closed_by_id",
                "word",
            ],
            "delete": False,
        },
    }
    role_permissions = {
        "support": ("oversight.view_alert",),
        "compliance": (
            "oversight.view_approvalrequest",
            "oversight.view_auditevent",
            "oversight.see_personal",
            "oversight.view_alert",
            "oversight.close_alert",
        ),
        "finance": (
            "oversight.view_approvalrequest",
            "oversight.view_auditevent",
            "oversight.view_alert",
            "oversight.close_alert",
        ),
        "administrator": (
            "oversight.view_approvalrequest",
            "oversight.view_auditevent",
            "oversight.view_alert",
            "oversight.close_alert",
        ),
    }
