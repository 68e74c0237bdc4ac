"""The cap of a published offer comes down to what is committed; what a CHECK refuses is said in words."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("offers", "0001_capped_offers"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="offer",
            name="offers_offer_tickets",
        ),
        migrations.RemoveConstraint(
            model_name="offer",
            name="offers_offer_target",
        ),
        migrations.AddConstraint(
            model_name="offer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("minimum_ticket__gt", 0),
                    models.Q(
                        ("minimum_ticket__lte", models.F("max_amount")),
                        models.Q(("status", "draft"), _negated=True),
                        _connector="OR",
                    ),
                    models.Q(
                        ("maximum_ticket__isnull", True),
                        ("maximum_ticket__gte", models.F("minimum_ticket")),
                        _connector="OR",
                    ),
                ),
                name="offers_offer_tickets",
                violation_error_code="minimum_ticket",
                violation_error_message="The least ticket is above nothing, at most the cap and the greatest ticket.",
            ),
        ),
        migrations.AddConstraint(
            model_name="offer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("target__gt", 0),
                    models.Q(
                        ("target__lte", models.F("max_amount")),
                        models.Q(("funding", "keep_what_came"), models.Q(("status", "draft"), _negated=True)),
                        models.Q(("status__in", ["draft", "live", "paused"]), _negated=True),
                        _connector="OR",
                    ),
                ),
                name="offers_offer_target",
                violation_error_code="target",
                violation_error_message="The target is above nothing and at most the cap.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="offer",
            name="offers_offer_cap",
            constraint=models.CheckConstraint(
                condition=models.Q(("committed_amount__gte", 0), ("committed_amount__lte", models.F("max_amount"))),
                name="offers_offer_cap",
                violation_error_code="max_amount",
                violation_error_message="The cap can't be less than what is committed.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="offer",
            name="offers_offer_dates",
            constraint=models.CheckConstraint(
                condition=models.Q(("maturity_date__gt", models.F("deadline"))),
                name="offers_offer_dates",
                violation_error_code="maturity_date",
                violation_error_message="It matures after its deadline.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="offer",
            name="offers_offer_risk",
            constraint=models.CheckConstraint(
                condition=models.Q(("risk_class__gte", 1), ("risk_class__lte", 7)),
                name="offers_offer_risk",
                violation_error_code="risk_class",
                violation_error_message="A risk class is from 1 to 7.",
            ),
        ),
    ]
