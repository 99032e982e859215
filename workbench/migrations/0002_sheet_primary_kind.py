"""A Sheet may point at the files of a volume instead of a table."""

from django.db import migrations, models

CHOICES = [("table", "table"), ("volume", "volume of files")]
REF_HELP = "Primary table or volume, such as billing.invoices."


class Migration(migrations.Migration):
    dependencies = [("workbench", "0001_initial")]

    operations = [
        *[
            migrations.AddField(
                model,
                "primary_kind",
                models.CharField(choices=CHOICES, default="table", max_length=8),
            )
            for model in ("sheetversion", "historicalsheetversion")
        ],
        *[
            migrations.AlterField(model, "primary_ref", models.CharField(help_text=REF_HELP, max_length=300))
            for model in ("sheetversion", "historicalsheetversion")
        ],
    ]
