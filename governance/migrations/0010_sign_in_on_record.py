from django.db import migrations

from governance.record.migrating import put_on_record


class Migration(migrations.Migration):
    """E-mail addresses, second factors and accounts at identity providers are on record from here."""

    dependencies = [
        ("governance", "0009_row_erasures"),
        ("account", "0009_emailaddress_unique_primary_email"),
        ("mfa", "0003_authenticator_type_uniq"),
        ("socialaccount", "0006_alter_socialaccount_extra_data"),
    ]

    operations = [
        migrations.RunPython(
            put_on_record("account.emailaddress", "mfa.authenticator", "socialaccount.socialaccount"),
            migrations.RunPython.noop,
        ),
    ]
