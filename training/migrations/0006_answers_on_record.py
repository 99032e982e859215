from django.db import migrations

from governance.record.migrating import put_on_record


class Migration(migrations.Migration):
    """What models answered in evaluations is on record from here."""

    dependencies = [
        ("training", "0005_grants_with_an_end"),
        ("governance", "0009_row_erasures"),
    ]

    operations = [
        migrations.RunPython(put_on_record("training.evaluationanswer"), migrations.RunPython.noop),
    ]
