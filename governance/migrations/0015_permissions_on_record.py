from django.db import migrations

from governance.record.migrating import put_on_record


class Migration(migrations.Migration):
    """What permissions mean is on record from here."""

    dependencies = [
        ("governance", "0014_comments"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.RunPython(
            put_on_record("auth.permission", "contenttypes.contenttype"), migrations.RunPython.noop
        ),
    ]
