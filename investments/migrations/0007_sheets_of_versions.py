from django.db import migrations


def publish(apps, schema_editor):
    """Publish the key information sheet of each version that was ever on offer.

    Where two versions share a sheet's version, the newer one's text is what investors were shown last.
    """
    database = schema_editor.connection.alias
    version_model = apps.get_model("investments", "ProductVersion")
    disclosure_model = apps.get_model("protection", "Disclosure")
    was_on_offer = version_model.objects.using(database).filter(status__in=["active", "retired"]).exclude(disclosure="")
    sheets = [
        disclosure_model(
            subject=f"product:{version.product.code}",
            version=version.disclosure_version,
            title=version.product.display_name,
            body=version.disclosure,
            published_at=version.activated_at,
        )
        for version in was_on_offer.select_related("product").order_by("product_id", "-number")
    ]
    disclosure_model.objects.using(database).bulk_create(sheets, ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [
        ("investments", "0006_when_a_pool_was_asked"),
        ("protection", "0001_what_protects_investors"),
    ]

    operations = [
        migrations.RunPython(publish, migrations.RunPython.noop),
    ]
