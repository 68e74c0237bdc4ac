from django.apps import AppConfig
from django.db.models.signals import post_migrate

from offers.terms import DRAFTED

MODELS = ("offer", "offerinvestment", "offerdeed", "offershare")
VIEW = [f"offers.view_{model}" for model in MODELS]


class OffersConfig(AppConfig):
    name = "offers"

    # What the application's login role may do; a table that isn't named here it may only read.
    rights = {
        "Offer": {
            "insert": "*",
            "update": [*DRAFTED, "status", "committed_amount", "published_at", "closed_on", "ended_on"],
        },
        "OfferInvestment": {
            "insert": "*",
            "update": [
                "status",
                "accepted_amount",
                "principal",
                "operation_id",
                "reserved_at",
                "reflects_until",
                "ended_at",
            ],
        },
        "OfferDeed": {"insert": "*"},
        "OfferShare": {"insert": "*"},
    }
    role_permissions = {
        "support": ["offers.view_offer", "offers.view_offerinvestment"],
        "compliance": [*VIEW, "offers.approve_publication", "offers.steer_offer", "offers.approve_deed"],
        "finance": [
            *VIEW,
            "offers.draft_offer",
            "offers.request_publication",
            "offers.approve_publication",
            "offers.steer_offer",
            "offers.request_deed",
            "offers.approve_deed",
        ],
        "administrator": VIEW,
    }

    def ready(self) -> None:
        """Register the verbs that take two persons, listen to the rooms below, and say what is to be verified."""
        from accounts.obstacles import register_provider
        from offers import notices, obstacles, seeds, verify
        from offers.services import wiring

        wiring.register_verbs()
        wiring.listen()
        notices.register()
        register_provider(obstacles.investments)
        verify.register()
        post_migrate.connect(seeds.on_migrate, sender=self, dispatch_uid="offers.seeds")
