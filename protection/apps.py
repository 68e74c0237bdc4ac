from django.apps import AppConfig
from django.db.models.signals import post_migrate

TEXTS = [f"protection.view_{model}" for model in ("jurisdiction", "disclosure", "knowledgetest")]
VIEW = [*TEXTS, "protection.view_acceptance"]
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
        "moderator": TEXTS,
        "support": VIEW,
        "finance": VIEW,
        "administrator": [*VIEW, "protection.approve_protection"],
    }

    def ready(self) -> None:
        from protection import seeds, verbs

        verbs.register()
        post_migrate.connect(seeds.on_migrate, sender=self, dispatch_uid="protection.seeds")
