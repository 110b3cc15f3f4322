"""What was paid without a usable label says how much of it was withdrawn, and how much superseded."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("labeling", "0024_batch_shares"),
    ]

    operations = [
        migrations.AddField(
            model_name="spendtally",
            name="withdrawn_usd",
            field=models.DecimalField(
                db_default=0,
                decimal_places=12,
                help_text="Of that: for labels of documents that are withdrawn",
                max_digits=20,
            ),
        ),
        migrations.AddField(
            model_name="spendtally",
            name="superseded_usd",
            field=models.DecimalField(
                db_default=0,
                decimal_places=12,
                help_text="Of that: for labels in whose place a newer one came",
                max_digits=20,
            ),
        ),
    ]
