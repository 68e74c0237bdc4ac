import django.db.models.deletion
import django.db.models.functions.datetime
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

import core.columns


class Migration(migrations.Migration):
    """Codes that show whose an address or number is, and how many messages went where."""

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
                "indexes": [models.Index(fields=["user", "channel", "-id"], name="accounts_code_of")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("attempts__lte", 5)), name="accounts_verificationcode_attempts"
                    )
                ],
            },
        ),
    ]
