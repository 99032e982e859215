
import django.db.models.deletion
import simple_history.models
from django.conf import settings
from django.db import migrations, models

import governance.ids


class Migration(migrations.Migration):

    dependencies = [
        ('governance', '0002_record'),
    ]

    operations = [
        migrations.CreateModel(
            name='EvidenceExport',
            fields=[
                ('id', models.UUIDField(default=governance.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('question', models.TextField()),
                ('filters', models.JSONField(default=dict)),
                ('reason', models.TextField()),
                ('objects_count', models.PositiveIntegerField(help_text='Objects whose whole chains it holds.')),
                ('entries_count', models.PositiveIntegerField()),
                ('checkpoint', models.BigIntegerField(help_text='The last checkpoint in it.', null=True)),
                ('digest', models.CharField(help_text='SHA-256 of the archive.', max_length=64)),
                ('made_by_id', models.BigIntegerField()),
                ('made_by_name', models.CharField(max_length=150)),
                ('made_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ('-made_at', '-id'),
            },
        ),
        migrations.CreateModel(
            name='HistoricalSavedQuestion',
            fields=[
                ('actor_name', models.CharField(blank=True, max_length=150)),
                ('door', models.CharField(blank=True, max_length=16)),
                ('request_id', models.CharField(blank=True, max_length=64)),
                ('history_user_id', models.BigIntegerField(blank=True, null=True)),
                ('history_change_reason', models.TextField(blank=True, default='')),
                ('id', models.UUIDField(db_index=True, default=governance.ids.uuid7, editable=False)),
                ('name', models.CharField(max_length=200)),
                ('filters', models.JSONField(default=dict, help_text='Filters by name, such as {"use": "training"}.')),
                ('created_at', models.DateTimeField(blank=True, editable=False)),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
            ],
            options={
                'verbose_name': 'historical saved question',
                'verbose_name_plural': 'historical saved questions',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='SavedQuestion',
            fields=[
                ('id', models.UUIDField(default=governance.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200)),
                ('filters', models.JSONField(default=dict, help_text='Filters by name, such as {"use": "training"}.')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ('name', 'id'),
            },
        ),
        migrations.AddIndex(
            model_name='constraintchange',
            index=models.Index(fields=['actor_name', 'actor_id'], name='constraintchange_people'),
        ),
        migrations.AddField(
            model_name='historicalsavedquestion',
            name='owner',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='savedquestion',
            name='owner',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='savedquestion',
            constraint=models.UniqueConstraint(fields=('owner', 'name'), name='savedquestion_name_of_owner'),
        ),
    ]
