from django.apps import AppConfig

from investments.terms import TERMS

MODELS = (
    "product",
    "productversion",
    "rateceiling",
    "position",
    "positionterm",
    "positionevent",
    "exitrequest",
    "accrual",
    "accrualslice",
    "productaccrual",
    "correction",
    "accrualadjustment",
    "settlementrun",
    "settlementslice",
    "settlement",
    "lateaccrual",
    "settlementreversal",
)
VIEW = [f"investments.view_{model}" for model in MODELS]


class InvestmentsConfig(AppConfig):
    name = "investments"

    # What the application's login role may do; a table that isn't named here it may only read.
    rights = {
        "Product": {"insert": "*", "update": ["display_name", "rank"]},
        "ProductVersion": {"insert": "*", "update": [*TERMS, "status", "justification", "activated_at", "retired_at"]},
        "RateCeiling": {"insert": "*"},
        "Position": {
            "insert": "*",
            "update": [
                "status",
                "suspended_from",
                "initial_principal",
                "principal",
                "deposited",
                "withdrawn",
                "funded_on",
                "last_on",
            ],
        },
        "PositionTerm": {"insert": "*", "update": ["to_on", "principal", "rate", "earns"]},
        "PositionEvent": {"insert": "*"},
        "ExitRequest": {"insert": "*", "update": ["status", "paid_at"]},
        "Accrual": {"insert": "*"},
        "AccrualSlice": {"insert": "*", "update": ["positions", "problems", "done_at"]},
        "LateAccrual": {"insert": "*"},
        "ProductAccrual": {"insert": "*"},
        "Correction": {"insert": "*", "update": ["status", "booked_on"]},
        "AccrualAdjustment": {"insert": "*"},
        "SettlementRun": {
            "insert": "*",
            "update": [
                "status",
                "amount",
                "earned",
                "positions",
                "asked_at",
                "reserve",
                "reserved_at",
                "paid_at",
                "paid_in",
            ],
        },
        "SettlementSlice": {"insert": "*", "update": ["done_at"]},
        "Settlement": {"insert": "*"},
        "SettlementReversal": {"insert": "*"},
    }
    role_permissions = {
        "support": ["investments.view_product", "investments.view_productversion", "investments.view_position"],
        "compliance": [
            *VIEW,
            "investments.request_version",
            "investments.approve_version",
            "investments.request_retirement",
            "investments.approve_retirement",
            "investments.request_ceiling",
            "investments.approve_ceiling",
            "investments.suspend_position",
            "investments.request_reversal",
            "investments.approve_reversal",
            "investments.request_adjustment",
            "investments.approve_adjustment",
            "investments.request_settlement_reversal",
            "investments.approve_settlement_reversal",
        ],
        "finance": [
            *VIEW,
            "investments.pay_exits",
            "investments.request_version",
            "investments.approve_version",
            "investments.request_retirement",
            "investments.approve_retirement",
            "investments.request_ceiling",
            "investments.approve_ceiling",
            "investments.request_reversal",
            "investments.approve_reversal",
            "investments.request_adjustment",
            "investments.approve_adjustment",
            "investments.request_settlement_reversal",
            "investments.approve_settlement_reversal",
        ],
        "administrator": VIEW,
    }

    def ready(self) -> None:
        """Register the verbs that take two persons, listen to the rooms below, and say what is to be verified."""
        from accounts.obstacles import register_provider
        from investments import notices, obstacles, verify
        from investments.services import wiring

        wiring.register_verbs()
        wiring.listen()
        notices.register()
        register_provider(obstacles.positions)
        verify.register()
