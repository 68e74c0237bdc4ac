from django.apps import AppConfig
from django.db.models.signals import post_migrate


class LedgerConfig(AppConfig):
    name = "ledger"

    # What the application's login role may do; a table that isn't named here it may only read.
    # Never ids of transactions and transfers, never moments, never balances; no rule, currency, fund or day.
    rights = {
        "Account": {"insert": ["id", "kind", "owner_id", "subject", "scope", "currency_id"]},
        "Transaction": {
            "insert": [
                "kind",
                "key",
                "fingerprint",
                "moves",
                "effective_on",
                "actor_id",
                "memo",
                "evidence_id",
                "approval_id",
                "reverses_id",
            ]
        },
        "Transfer": {
            "insert": [
                "transaction_id",
                "line",
                "debit_account_id",
                "credit_account_id",
                "currency_id",
                "amount",
                "booked_on",
            ]
        },
        "Evidence": {
            "insert": ["id", "type", "source", "reference", "sha256", "file", "name", "received_at", "recorded_at"]
        },
        "Seal": {"insert": "*"},
        "AccountSnapshot": {"insert": "*"},
    }

    role_permissions = {
        role: [
            f"ledger.view_{model}"
            for model in (
                "account",
                "transaction",
                "transfer",
                "evidence",
                "postingrule",
                "businessday",
                "seal",
                "accountsnapshot",
                "fund",
                "currency",
            )
        ]
        for role in ("compliance", "finance", "administrator")
    }

    def ready(self) -> None:
        from ledger import seeds

        post_migrate.connect(seeds.on_migrate, sender=self, dispatch_uid="ledger.seeds")
