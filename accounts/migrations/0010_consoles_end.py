from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0009_challenges_of_one_visit"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="console_ended_at",
            field=models.DateTimeField(
                editable=False, help_text="whoever was logged in at the console before isn't any more", null=True
            ),
        ),
    ]
