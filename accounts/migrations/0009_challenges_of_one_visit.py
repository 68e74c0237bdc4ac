from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_sessions_end_with_the_first_factor"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="passkeychallenge",
            name="accounts_passkey_one_challenge",
        ),
        migrations.AddField(
            model_name="passkeychallenge",
            name="visit_hash",
            field=models.BinaryField(default=b"", help_text="where it was asked: see accounts/sites.py"),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            model_name="passkeychallenge",
            constraint=models.UniqueConstraint(
                fields=("user", "purpose", "visit_hash"), name="accounts_passkey_one_challenge"
            ),
        ),
    ]
