from django.db import migrations, models


class Migration(migrations.Migration):
    """Spare each posting four index entries: a balance moves within its page, and the key's index for LIKE goes."""

    dependencies = [
        ("ledger", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(
            model_name="transaction",
            name="key",
            field=models.CharField(max_length=200),
        ),
        migrations.AddConstraint(
            model_name="transaction",
            constraint=models.UniqueConstraint(fields=["key"], name="ledger_transaction_key_once"),
        ),
        migrations.RunSQL(
            "ALTER TABLE ledger_account SET (fillfactor = 50)", "ALTER TABLE ledger_account RESET (fillfactor)"
        ),
    ]
