from django.db import migrations

import core.guards


class Migration(migrations.Migration):
    dependencies = [
        ("offers", "0002_the_cap_comes_down"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="offer",
            name="offers_offer_is_fixed",
        ),
        migrations.AddConstraint(
            model_name="offer",
            constraint=core.guards.Guard(
                body="\nBEGIN\n    IF TG_OP = 'DELETE' OR OLD.code <> NEW.code\n       OR OLD.closed_on IS NOT NULL AND OLD.closed_on IS DISTINCT FROM NEW.closed_on\n       OR OLD.status <> 'draft' AND to_jsonb(OLD) - ARRAY['max_amount', 'description', 'metadata', 'status', 'committed_amount', 'published_at', 'closed_on', 'ended_on']\n          IS DISTINCT FROM to_jsonb(NEW) - ARRAY['max_amount', 'description', 'metadata', 'status', 'committed_amount', 'published_at', 'closed_on', 'ended_on'] THEN\n        RAISE EXCEPTION 'frozen: the terms of a published offer stay; anything else is a new offer'\n            USING ERRCODE = 'FI002';\n    END IF;\n    RETURN NEW;\nEND\n",
                event="BEFORE UPDATE OF id, code, name, currency, minimum_ticket, maximum_ticket, target, funding, deadline, maturity_date, expected_return, return_basis, risk_class, kyc_level, disclosure, disclosure_version, closed_on OR DELETE",
                level="ROW",
                name="offers_offer_is_fixed",
                options="SET search_path = pg_catalog, public, pg_temp",
                referencing="",
                when="",
            ),
        ),
    ]
