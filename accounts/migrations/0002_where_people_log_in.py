from django.db import migrations, models


class Migration(migrations.Migration):
    """Know a device again, and let people end their own sessions."""

    dependencies = [
        ("accounts", "0001_people"),
    ]

    operations = [
        migrations.AddField(
            model_name="session",
            name="device",
            field=models.BinaryField(help_text="see accounts/devices.py", null=True),
        ),
        migrations.AlterField(
            model_name="session",
            name="revoke_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("log_out", "logged out"),
                    ("reused", "an old refresh token came back"),
                    ("password", "the password changed"),
                    ("blocked", "the person was blocked"),
                    ("officer", "an officer ended it"),
                    ("owner", "the person ended it"),
                ],
                max_length=16,
            ),
        ),
    ]
