from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_messages_and_their_deliveries")]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="goes_first",
            field=models.BooleanField(db_default=False, editable=False, help_text="urgent: it waits behind no crowd"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("goes_first", True), ("status", "queued")),
                fields=["next_try_at"],
                name="notifications_due_first",
            ),
        ),
    ]
