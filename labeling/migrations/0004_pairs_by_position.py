
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('governance', '0003_compliance'),
        ('labeling', '0003_names_by_owner'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name='qapair',
            index=models.Index(fields=['position', 'id'], name='qapair_by_position'),
        ),
        migrations.AddIndex(
            model_name='qapair',
            index=models.Index(fields=['status', 'position', 'id'], name='qapair_status_by_position'),
        ),
    ]
