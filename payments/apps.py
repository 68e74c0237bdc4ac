from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PaymentsConfig(AppConfig):
    name = "payments"

    # No right to write payment methods: they say where investors send their money.
    rights = {
        "Deposit": {
            "insert": "*",
            "update": ["status", "arrived_amount", "value_on", "confirmed_at", "transaction_id", "position_refusal"],
            "delete": False,
        },
        "BankCredit": {"insert": "*", "update": ["status", "deposit_id", "moved_by_transaction_id"], "delete": False},
    }

    role_permissions = {
        "finance": [
            "payments.view_paymentmethod",
            "payments.view_deposit",
            "payments.view_bankcredit",
            "payments.request_deposit_confirmation",
            "payments.approve_deposit_confirmation",
            "payments.request_deposit_reversal",
            "payments.approve_deposit_reversal",
            "payments.request_suspense",
            "payments.approve_suspense",
        ],
        "compliance": ["payments.view_paymentmethod", "payments.view_deposit", "payments.view_bankcredit"],
        "support": ["payments.view_paymentmethod", "payments.view_deposit"],
        "administrator": ["payments.view_paymentmethod", "payments.view_deposit", "payments.view_bankcredit"],
    }

    def ready(self) -> None:
        from accounts.obstacles import register_provider
        from ledger import verify as ledger
        from payments import notices, obstacles, seeds, verbs, verify

        verbs.register()
        notices.register()
        register_provider(obstacles.money)
        ledger.register("deposits", verify.unmatched_deposits)
        ledger.claim("payments", verify.CLAIMS)
        post_migrate.connect(seeds.on_migrate, sender=self, dispatch_uid="payments.seeds")
