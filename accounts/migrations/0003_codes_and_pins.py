import django.db.models.deletion
import django.db.models.functions.datetime
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

import core.columns
import oversight.encryption


class Migration(migrations.Migration):
    """Codes that go to an address or number, the PIN, and when somebody's proofs of who they are last changed."""

    dependencies = [
        ("accounts", "0002_where_people_log_in"),
    ]

    operations = [
        migrations.CreateModel(
            name="SmsCount",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "day", "scope", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("day", models.DateField()),
                ("scope", models.CharField(max_length=80)),
                ("sent", models.PositiveIntegerField(default=0)),
                ("counted_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="user",
            name="access_changed_at",
            field=models.DateTimeField(editable=False, help_text="payouts are held for a day from then", null=True),
        ),
        migrations.CreateModel(
            name="PinToken",
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
                ("method", models.CharField(max_length=8)),
                ("path", models.CharField(max_length=255)),
                ("token_hash", models.BinaryField(unique=True)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("spent_at", models.DateTimeField(null=True)),
                (
                    "session",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.session",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="TransactionPin",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="pin",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("encoded", models.CharField(editable=False, max_length=128)),
                ("set_at", models.DateTimeField()),
                ("failures", models.PositiveSmallIntegerField(default=0)),
                ("locked_until", models.DateTimeField(null=True)),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("failures__lte", 15)), name="accounts_pin_failures")
                ],
            },
        ),
        migrations.CreateModel(
            name="VerificationCode",
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
                ("channel", models.CharField(choices=[("email", "e-mail"), ("phone", "SMS")], max_length=8)),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("verify", "to verify the address"),
                            ("change", "to come in the place of another address"),
                            ("pin", "to set a new PIN"),
                        ],
                        max_length=8,
                    ),
                ),
                ("address", oversight.encryption.EncryptedTextField(blank=True, default="")),
                ("address_index", models.BinaryField()),
                ("secret_hash", models.BinaryField(help_text="none until the worker has sent it", null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(null=True)),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "default_permissions": (),
                "indexes": [models.Index(fields=["user", "channel", "purpose", "-id"], name="accounts_code_of")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("attempts__lte", 5)), name="accounts_verificationcode_attempts"
                    )
                ],
            },
        ),
    ]
