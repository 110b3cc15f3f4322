"""What answers since a backup cost that belong to documents which the backup does not know."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("labeling", "0026_problems_of_a_file")]

    operations = [
        migrations.AddField(
            model_name="foundbatch",
            name="unknown_paid_usd",
            field=models.DecimalField(
                decimal_places=12, default=0, help_text="What those cost; in no other sum", max_digits=20
            ),
        ),
        migrations.AddField(
            model_name="foundbatch",
            name="unknown_unpriced",
            field=models.PositiveIntegerField(default=0, help_text="Those of which nobody knows the price"),
        ),
    ]
