from datetime import date

from django.db import migrations


def create_cruises(apps, schema_editor):
    Destination = apps.get_model("cruises", "Destination")
    Cruise = apps.get_model("cruises", "Cruise")
    for destination, name, departs_on in [
        ("Moon", "Weekend at Tranquility", date(2031, 7, 20)),
        ("Mars", "Valles Marineris by Balloon", date(2032, 4, 11)),
    ]:
        Cruise.objects.create(
            name=name,
            destination=Destination.objects.create(name=destination),
            departs_on=departs_on,
        )


class Migration(migrations.Migration):
    dependencies = [("cruises", "0001_initial")]
    operations = [migrations.RunPython(create_cruises, migrations.RunPython.noop)]
