from django.apps import AppConfig

MODELS = (
    "asset",
    "valuation",
    "statementbalance",
    "treasurymovement",
    "coverageday",
    "coverage",
    "coveragepart",
    "productcoverage",
)
VIEW = [f"treasury.view_{model}" for model in MODELS]


class TreasuryConfig(AppConfig):
    name = "treasury"

    # Everything here is written once: no UPDATE, no DELETE.
    rights = {
        "Asset": {"insert": "*"},
        "Valuation": {"insert": "*"},
        "StatementBalance": {"insert": "*"},
        "TreasuryMovement": {"insert": "*"},
        "CoverageDay": {"insert": "*"},
        "Coverage": {"insert": "*"},
        "CoveragePart": {"insert": "*"},
        "ProductCoverage": {"insert": "*"},
    }

    role_permissions = {
        "finance": [
            *VIEW,
            "treasury.add_asset",
            "treasury.request_movement",
            "treasury.approve_movement",
            "treasury.request_proof",
            "treasury.approve_proof",
            "treasury.request_reversal",
        ],
        "compliance": [*VIEW, "treasury.approve_movement", "treasury.approve_proof", "treasury.approve_reversal"],
        "administrator": VIEW,
    }

    def ready(self) -> None:
        from ledger import verify as ledger
        from treasury import services, verify

        services.register_verbs()
        ledger.register("coverage", verify.changed_coverage)
        ledger.register("treasury movements", verify.unmatched_movements)
        ledger.register("treasury proofs", verify.unmatched_proofs)
        ledger.claim("treasury", verify.CLAIMS)
