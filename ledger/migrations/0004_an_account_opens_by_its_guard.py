import django.db.models.lookups
from django.conf import settings
from django.db import migrations, models

import core.guards

# `ledger_post` posts one transfer now, and `ledger_post_many` what it did before.
DROP_FORMER_POST = """
    DROP FUNCTION IF EXISTS ledger_post(date, uuid, text[], text[], text[], int[], text[], uuid[], uuid[], uuid[],
                                        int[], int[], uuid[], uuid[], text[], numeric[])
"""


class Migration(migrations.Migration):
    """Take from each posting the reading of CHECKs that only a new account can break."""

    dependencies = [
        ("ledger", "0003_balances_grow_after_the_update"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(DROP_FORMER_POST, migrations.RunSQL.noop),
        migrations.RemoveConstraint(
            model_name="account",
            name="ledger_account_kind",
        ),
        migrations.RemoveConstraint(
            model_name="account",
            name="ledger_account_owner",
        ),
        migrations.RemoveConstraint(
            model_name="account",
            name="ledger_account_sums",
        ),
        migrations.RemoveConstraint(
            model_name="account",
            name="ledger_account_no_overdraft",
        ),
        migrations.RemoveConstraint(
            model_name="account",
            name="ledger_account_opens_empty",
        ),
        migrations.RemoveConstraint(
            model_name="businessday",
            name="ledger_one_open_day",
        ),
        migrations.RemoveConstraint(
            model_name="transaction",
            name="ledger_transaction_reversal",
        ),
        migrations.AddConstraint(
            model_name="account",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Case(
                        models.When(overdraft_allowed=True, then=models.Value(True)),
                        models.When(
                            normal_side="D",
                            then=django.db.models.lookups.GreaterThanOrEqual(models.F("debits"), models.F("credits")),
                        ),
                        default=django.db.models.lookups.GreaterThanOrEqual(models.F("credits"), models.F("debits")),
                        output_field=models.BooleanField(),
                    )
                ),
                name="ledger_account_no_overdraft",
            ),
        ),
        migrations.AddConstraint(
            model_name="account",
            constraint=core.guards.Guard(
                body="\nBEGIN\n    IF NEW.kind <> ALL (ARRAY['available', 'capital', 'cash', 'deployed', 'fees', 'fx', 'in_payout', 'locked', 'penalties', 'principal', 'receivable', 'referral_budget', 'returns_due', 'returns_pool', 'shortfall', 'suspense']) THEN\n        RAISE EXCEPTION 'no-kind: there is no account of kind %', NEW.kind USING ERRCODE = 'FI018';\n    END IF;\n    IF (NEW.kind = ANY (ARRAY['available', 'in_payout', 'locked', 'principal', 'receivable'])) <> (NEW.owner_id IS NOT NULL) THEN\n        RAISE EXCEPTION 'wrong-owner: an account of kind % belongs to %', NEW.kind,\n            CASE WHEN NEW.owner_id IS NULL THEN 'an investor' ELSE 'nobody' END USING ERRCODE = 'FI018';\n    END IF;\n    IF NEW.debits <> 0 OR NEW.credits <> 0 THEN\n        RAISE EXCEPTION 'frozen: an account opens with nothing in it' USING ERRCODE = 'FI002';\n    END IF;\n    RETURN NEW;\nEND\n",
                event="BEFORE INSERT",
                level="ROW",
                name="ledger_account_opens",
                options="SET search_path = pg_catalog, public, pg_temp",
                referencing="",
                when="",
            ),
        ),
        migrations.AddConstraint(
            model_name="businessday",
            constraint=models.UniqueConstraint(
                condition=models.Q(("closed_at__isnull", True)),
                fields=("closed_at",),
                name="ledger_one_open_day",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="transaction",
            constraint=models.CheckConstraint(
                condition=django.db.models.lookups.Exact(
                    django.db.models.lookups.Exact(models.F("kind"), models.Value("reversal")),
                    django.db.models.lookups.IsNull(models.F("reverses"), False),
                ),
                name="ledger_transaction_reversal",
            ),
        ),
    ]
