from decimal import Decimal

import django.core.validators
import django.db.models.deletion
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

import core.columns
import core.guards


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Offer",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_default=core.columns.UUIDv7(),
                        default=uuid_utils.compat.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "code",
                    models.CharField(
                        max_length=40,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[a-z0-9][a-z0-9-]*$",
                                "A code has small letters, digits and hyphens, and begins with no hyphen.",
                            )
                        ],
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("live", "Live"),
                            ("paused", "Paused"),
                            ("closed", "Closed"),
                            ("matured", "Matured"),
                            ("failed", "Failed"),
                        ],
                        default="draft",
                        max_length=8,
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                (
                    "description",
                    models.TextField(help_text="a text without legal effect: what has one stands in the disclosure"),
                ),
                ("currency", models.CharField(max_length=8)),
                ("max_amount", models.DecimalField(decimal_places=18, help_text="the cap", max_digits=38)),
                (
                    "committed_amount",
                    models.DecimalField(decimal_places=18, default=Decimal("0"), editable=False, max_digits=38),
                ),
                (
                    "minimum_ticket",
                    models.DecimalField(
                        decimal_places=18, help_text="the least that one investment asks for", max_digits=38
                    ),
                ),
                (
                    "maximum_ticket",
                    models.DecimalField(
                        blank=True,
                        decimal_places=18,
                        help_text="the most that one investor holds; empty: the cap",
                        max_digits=38,
                        null=True,
                    ),
                ),
                (
                    "target",
                    models.DecimalField(
                        decimal_places=18,
                        help_text="what must have come by the deadline, where it is all or nothing",
                        max_digits=38,
                    ),
                ),
                (
                    "funding",
                    models.CharField(
                        choices=[("all_or_nothing", "all or nothing"), ("keep_what_came", "keep what came")],
                        max_length=14,
                    ),
                ),
                ("deadline", models.DateField(help_text="the last day on which it takes money")),
                ("maturity_date", models.DateField(help_text="the day on which principal is repaid")),
                (
                    "expected_return",
                    models.DecimalField(
                        decimal_places=12, help_text="0.08 is 8 %: expected, never promised", max_digits=18
                    ),
                ),
                (
                    "return_basis",
                    models.CharField(help_text="of what, over which time, before or after which costs", max_length=200),
                ),
                ("risk_class", models.PositiveSmallIntegerField(help_text="1, the lowest, to 7")),
                ("kyc_level", models.PositiveSmallIntegerField(default=1)),
                ("disclosure", models.TextField(help_text="the key information sheet")),
                ("disclosure_version", models.CharField(max_length=40)),
                ("metadata", models.JSONField(blank=True, default=dict)),
                ("published_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("closed_on", models.DateField(blank=True, editable=False, null=True)),
                (
                    "ended_on",
                    models.DateField(blank=True, editable=False, help_text="the day it matured or failed", null=True),
                ),
            ],
            options={
                "ordering": ["-id"],
                "permissions": [
                    ("draft_offer", "Can draft offers and edit drafts"),
                    ("request_publication", "Can ask for an offer to be published"),
                    ("approve_publication", "Can approve that an offer is published"),
                    ("steer_offer", "Can pause, resume and close offers, and change their cap and description"),
                    ("request_deed", "Can ask for a distribution, a loss or a failure"),
                    ("approve_deed", "Can approve a distribution, a loss or a failure"),
                ],
                "default_permissions": ("view",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("code__regex", "^[a-z0-9][a-z0-9-]*$")), name="offers_offer_code"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("committed_amount__gte", 0), ("committed_amount__lte", models.F("max_amount"))
                        ),
                        name="offers_offer_cap",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("minimum_ticket__gt", 0),
                            ("minimum_ticket__lte", models.F("max_amount")),
                            models.Q(
                                ("maximum_ticket__isnull", True),
                                ("maximum_ticket__gte", models.F("minimum_ticket")),
                                _connector="OR",
                            ),
                        ),
                        name="offers_offer_tickets",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("target__gt", 0), ("target__lte", models.F("max_amount"))),
                            models.Q(("status__in", ["draft", "live", "paused"]), _negated=True),
                            _connector="OR",
                        ),
                        name="offers_offer_target",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("maturity_date__gt", models.F("deadline"))), name="offers_offer_dates"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("risk_class__gte", 1), ("risk_class__lte", 7)), name="offers_offer_risk"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("funding__in", ["all_or_nothing", "keep_what_came"])),
                        name="offers_offer_funding",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("committed_amount", 0), ("published_at__isnull", True), ("status", "draft")),
                            models.Q(
                                ("closed_on__isnull", True),
                                ("published_at__isnull", False),
                                ("status__in", ["live", "paused"]),
                            ),
                            models.Q(("closed_on__isnull", False), ("ended_on__isnull", True), ("status", "closed")),
                            models.Q(("closed_on__isnull", False), ("ended_on__isnull", False), ("status", "matured")),
                            models.Q(("ended_on__isnull", False), ("status", "failed")),
                            _connector="OR",
                        ),
                        name="offers_offer_status",
                    ),
                    core.guards.Guard(
                        body="\nBEGIN\n    IF TG_OP = 'DELETE' OR OLD.code <> NEW.code\n       OR OLD.status <> 'draft' AND to_jsonb(OLD) - ARRAY['max_amount', 'description', 'metadata', 'status', 'committed_amount', 'published_at', 'closed_on', 'ended_on']\n          IS DISTINCT FROM to_jsonb(NEW) - ARRAY['max_amount', 'description', 'metadata', 'status', 'committed_amount', 'published_at', 'closed_on', 'ended_on'] THEN\n        RAISE EXCEPTION 'frozen: the terms of a published offer stay; anything else is a new offer'\n            USING ERRCODE = 'FI002';\n    END IF;\n    RETURN NEW;\nEND\n",
                        event="BEFORE UPDATE OF id, code, name, currency, minimum_ticket, maximum_ticket, target, funding, deadline, maturity_date, expected_return, return_basis, risk_class, kyc_level, disclosure, disclosure_version OR DELETE",
                        level="ROW",
                        name="offers_offer_is_fixed",
                        options="SET search_path = pg_catalog, public, pg_temp",
                        referencing="",
                        when="",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="OfferDeed",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_default=core.columns.UUIDv7(),
                        default=uuid_utils.compat.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("verb", models.CharField(choices=[("distribute", "distribution"), ("lose", "loss")], max_length=10)),
                ("amount", models.DecimalField(decimal_places=18, max_digits=38)),
                ("principal", models.DecimalField(decimal_places=18, max_digits=38)),
                ("investments", models.PositiveIntegerField(help_text="among which it was shared")),
                ("request", models.UUIDField(unique=True)),
                (
                    "reserve",
                    models.UUIDField(blank=True, help_text="what took it from the pool", null=True, unique=True),
                ),
                ("value_on", models.DateField()),
                ("made_at", models.DateTimeField()),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=models.Func(function="clock_timestamp"),
                        editable=False,
                        help_text="the clock when it was written",
                    ),
                ),
                (
                    "offer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="deeds", to="offers.offer"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "default_permissions": ("view",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount__gt", 0), ("investments__gt", 0), ("principal__gt", 0)),
                        name="offers_deed_amounts",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("reserve__isnull", False), ("verb", "distribute")),
                            models.Q(("reserve__isnull", True), ("verb", "lose")),
                            _connector="OR",
                        ),
                        name="offers_deed_verb",
                    ),
                    core.guards.Guard(
                        body="\nBEGIN\n    RAISE EXCEPTION 'append-only: % keeps what was written; correct it by a further row', TG_TABLE_NAME\n        USING ERRCODE = 'FI001';\nEND\n",
                        event="BEFORE UPDATE OR DELETE OR TRUNCATE",
                        level="STATEMENT",
                        name="offers_deed_append_only",
                        options="SET search_path = pg_catalog, public, pg_temp",
                        referencing="",
                        when="",
                    ),
                    core.guards.Guard(
                        body="\nBEGIN\n    NEW.recorded_at := clock_timestamp();\n    RETURN NEW;\nEND\n",
                        event="BEFORE INSERT",
                        level="ROW",
                        name="offers_deed_stamped",
                        options="SET search_path = pg_catalog, public, pg_temp",
                        referencing="",
                        when="",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="OfferInvestment",
            fields=[
                ("request_method", models.CharField(editable=False, max_length=8, null=True)),
                ("request_path", models.TextField(editable=False, null=True)),
                ("request_key", models.CharField(editable=False, max_length=255, null=True)),
                ("request_fingerprint", models.BinaryField(null=True)),
                (
                    "id",
                    models.UUIDField(
                        db_default=core.columns.UUIDv7(),
                        default=uuid_utils.compat.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("reserved", "Reserved"),
                            ("lapsed", "Lapsed"),
                            ("withdrawn", "Withdrawn"),
                            ("released", "Released"),
                            ("committed", "Committed"),
                            ("repaid", "Repaid"),
                        ],
                        max_length=9,
                    ),
                ),
                ("requested_amount", models.DecimalField(decimal_places=18, max_digits=38)),
                ("accepted_amount", models.DecimalField(decimal_places=18, default=Decimal("0"), max_digits=38)),
                ("principal", models.DecimalField(decimal_places=18, default=Decimal("0"), max_digits=38)),
                ("disclosure_version", models.CharField(max_length=40)),
                (
                    "operation_id",
                    models.UUIDField(blank=True, help_text="the ledger transaction", null=True, unique=True),
                ),
                ("asked_at", models.DateTimeField()),
                ("reserved_at", models.DateTimeField(blank=True, null=True)),
                (
                    "reflects_until",
                    models.DateTimeField(blank=True, help_text="until then it may be taken back", null=True),
                ),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "investor",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="offer_investments",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "offer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="investments",
                        to="offers.offer",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["offer", "id"], name="offers_investment_offer"),
                    models.Index(fields=["investor", "-id"], name="offers_investment_owner"),
                    models.Index(
                        condition=models.Q(("status", "waiting")), fields=["offer", "id"], name="offers_investment_line"
                    ),
                    models.Index(
                        condition=models.Q(("status__in", ["reserved", "committed"])),
                        fields=["investor", "offer"],
                        include=("accepted_amount",),
                        name="offers_investment_held",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("investor", "request_method", "request_path", "request_key"),
                        name="offers_investment_one_per_request",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("request_fingerprint__isnull", False),
                                ("request_key__isnull", False),
                                ("request_method__isnull", False),
                                ("request_path__isnull", False),
                            ),
                            models.Q(
                                ("request_fingerprint__isnull", True),
                                ("request_key__isnull", True),
                                ("request_method__isnull", True),
                                ("request_path__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="offers_investment_request_whole",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("status", "waiting")),
                        fields=("offer", "investor"),
                        name="offers_investment_waits_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("accepted_amount__gte", 0),
                            ("accepted_amount__lte", models.F("requested_amount")),
                            ("principal__gte", 0),
                            ("principal__lte", models.F("accepted_amount")),
                            ("requested_amount__gt", 0),
                        ),
                        name="offers_investment_amounts",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("accepted_amount", 0),
                                ("operation_id__isnull", True),
                                ("status__in", ["waiting", "lapsed"]),
                            ),
                            models.Q(
                                ("accepted_amount__gt", 0),
                                ("operation_id__isnull", False),
                                ("reflects_until__isnull", False),
                                ("reserved_at__isnull", False),
                                ("status__in", ["reserved", "withdrawn", "released", "committed", "repaid"]),
                            ),
                            _connector="OR",
                        ),
                        name="offers_investment_status",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status", "committed"), ("principal", 0), _connector="OR"),
                        name="offers_investment_principal",
                    ),
                    core.guards.Guard(
                        body="\nBEGIN\n    IF TG_OP = 'DELETE' OR (NEW.id, NEW.offer_id, NEW.investor_id, NEW.requested_amount, NEW.asked_at)\n       IS DISTINCT FROM (OLD.id, OLD.offer_id, OLD.investor_id, OLD.requested_amount, OLD.asked_at)\n       OR OLD.operation_id IS NOT NULL AND (NEW.operation_id, NEW.accepted_amount)\n          IS DISTINCT FROM (OLD.operation_id, OLD.accepted_amount) THEN\n        RAISE EXCEPTION 'frozen: what was asked for and what was accepted stay as they were' USING ERRCODE = 'FI002';\n    END IF;\n    RETURN NEW;\nEND\n",
                        event="BEFORE UPDATE OR DELETE",
                        level="ROW",
                        name="offers_investment_is_fixed",
                        options="SET search_path = pg_catalog, public, pg_temp",
                        referencing="",
                        when="",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="OfferShare",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "deed_id", "investment_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=18, max_digits=38)),
                (
                    "deed",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="shares",
                        to="offers.offerdeed",
                    ),
                ),
                (
                    "investment",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="shares",
                        to="offers.offerinvestment",
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("amount__gt", 0)), name="offers_share_amount"),
                    core.guards.Guard(
                        body="\nBEGIN\n    RAISE EXCEPTION 'append-only: % keeps what was written; correct it by a further row', TG_TABLE_NAME\n        USING ERRCODE = 'FI001';\nEND\n",
                        event="BEFORE UPDATE OR DELETE OR TRUNCATE",
                        level="STATEMENT",
                        name="offers_share_append_only",
                        options="SET search_path = pg_catalog, public, pg_temp",
                        referencing="",
                        when="",
                    ),
                    core.guards.Guard(
                        body="\nBEGIN\n    IF EXISTS (\n        SELECT FROM new_rows n\n        LEFT JOIN offers_offerdeed d ON d.id = n.deed_id\n        LEFT JOIN offers_offerinvestment i ON i.id = n.investment_id\n        WHERE d.offer_id IS DISTINCT FROM i.offer_id OR d.id IS NULL)\n    THEN\n        RAISE EXCEPTION 'no-deed: a share is of a deed and of an investment in the same offer' USING ERRCODE = 'FI019';\n    END IF;\n    RETURN NULL;\nEND\n",
                        event="AFTER INSERT",
                        level="STATEMENT",
                        name="offers_share_stands",
                        options="SET search_path = pg_catalog, public, pg_temp",
                        referencing="REFERENCING NEW TABLE AS new_rows",
                        when="",
                    ),
                ],
            },
        ),
    ]
