from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("protection", "0001_what_protects_investors"),
    ]

    operations = [
        migrations.AlterField(
            model_name="jurisdiction",
            name="commissions",
            field=models.BooleanField(
                help_text="commissions for inviting others are open; none are paid yet, so nothing asks"
            ),
        ),
        migrations.AlterField(
            model_name="jurisdiction",
            name="vip",
            field=models.BooleanField(help_text="VIP packages can be opened and topped up; levels don't ask"),
        ),
    ]
