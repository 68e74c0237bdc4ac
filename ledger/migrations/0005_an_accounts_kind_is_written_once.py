from django.conf import settings
from django.db import migrations, models

import core.guards

# The values stay; the guard writes those of new accounts.
NO_LONGER_GENERATED = """
    ALTER TABLE ledger_account
        ALTER COLUMN normal_side DROP EXPRESSION,
        ALTER COLUMN normal_side SET NOT NULL,
        ALTER COLUMN overdraft_allowed DROP EXPRESSION,
        ALTER COLUMN overdraft_allowed SET NOT NULL,
        ALTER COLUMN keeps_balance DROP EXPRESSION,
        ALTER COLUMN keeps_balance SET NOT NULL
"""


class Migration(migrations.Migration):
    """Take from each posting the reading of what the database generated from an account's kind. Can't be reversed."""

    dependencies = [
        ("ledger", "0004_an_account_opens_by_its_guard"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="account",
            name="ledger_account_is_fixed",
        ),
        migrations.RemoveConstraint(
            model_name="account",
            name="ledger_account_opens",
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(NO_LONGER_GENERATED)],
            state_operations=[
                migrations.AlterField(
                    model_name="account",
                    name="keeps_balance",
                    field=models.BooleanField(editable=False),
                ),
                migrations.AlterField(
                    model_name="account",
                    name="normal_side",
                    field=models.CharField(editable=False, max_length=1),
                ),
                migrations.AlterField(
                    model_name="account",
                    name="overdraft_allowed",
                    field=models.BooleanField(editable=False),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="account",
            constraint=core.guards.Guard(
                body="\nBEGIN\n    IF NEW.kind <> ALL (ARRAY['available', 'capital', 'cash', 'deployed', 'fees', 'fx', 'in_payout', 'locked', 'penalties', 'principal', 'receivable', 'referral_budget', 'returns_due', 'returns_pool', 'shortfall', 'suspense']) THEN\n        RAISE EXCEPTION 'no-kind: there is no account of kind %', NEW.kind USING ERRCODE = 'FI018';\n    END IF;\n    IF (NEW.kind = ANY (ARRAY['available', 'in_payout', 'locked', 'principal', 'receivable'])) <> (NEW.owner_id IS NOT NULL) THEN\n        RAISE EXCEPTION 'wrong-owner: an account of kind % belongs to %', NEW.kind,\n            CASE WHEN NEW.owner_id IS NULL THEN 'an investor' ELSE 'nobody' END USING ERRCODE = 'FI018';\n    END IF;\n    IF NEW.debits <> 0 OR NEW.credits <> 0 THEN\n        RAISE EXCEPTION 'frozen: an account opens with nothing in it' USING ERRCODE = 'FI002';\n    END IF;\n    NEW.normal_side := CASE WHEN NEW.kind = ANY (ARRAY['cash', 'deployed', 'fx', 'receivable', 'shortfall']) THEN 'D' ELSE 'C' END;\n    NEW.overdraft_allowed := (NEW.kind = ANY (ARRAY['cash', 'fx']));\n    NEW.keeps_balance := (NEW.kind <> ALL (ARRAY['cash', 'fx']));\n    RETURN NEW;\nEND\n",
                event="BEFORE INSERT",
                level="ROW",
                name="ledger_account_opens",
                options="SET search_path = pg_catalog, public, pg_temp",
                referencing="",
                when="",
            ),
        ),
        migrations.AddConstraint(
            model_name="account",
            constraint=core.guards.Guard(
                body="\nBEGIN\n    RAISE EXCEPTION 'frozen: of an account only the sums change' USING ERRCODE = 'FI002';\nEND\n",
                event="AFTER UPDATE OF id, kind, owner_id, subject, scope, currency_id, normal_side, overdraft_allowed, keeps_balance",
                level="ROW",
                name="ledger_account_is_fixed",
                options="SET search_path = pg_catalog, public, pg_temp",
                referencing="",
                when="",
            ),
        ),
    ]
