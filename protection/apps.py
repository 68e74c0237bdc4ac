from django.apps import AppConfig
from django.db.models.signals import post_migrate

VIEW = [f"protection.view_{model}" for model in ("jurisdiction", "disclosure", "acceptance", "knowledgetest")]
PERSONAL = [f"protection.view_{model}" for model in ("knowledgeresult", "losssimulation", "riskwarning")]


class ProtectionConfig(AppConfig):
    name = "protection"

    rights = {
        "Jurisdiction": {"insert": "*"},
        "Disclosure": {"insert": "*"},
        "Acceptance": {"insert": "*"},
        "KnowledgeTest": {"insert": "*"},
        "KnowledgeResult": {"insert": "*"},
        "LossSimulation": {"insert": "*"},
        "RiskWarning": {"insert": "*"},
        "RiskConfirmation": {"insert": "*"},
    }

    role_permissions = {
        "compliance": [*VIEW, *PERSONAL, "protection.request_protection", "protection.approve_protection"],
        "moderator": VIEW,
        "support": VIEW,
        "finance": VIEW,
        "administrator": [*VIEW, "protection.approve_protection"],
    }

    def ready(self) -> None:
        from protection import seeds, verbs

        verbs.register()
        post_migrate.connect(seeds.on_migrate, sender=self, dispatch_uid="protection.seeds")
