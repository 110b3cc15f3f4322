"""What is wrong with a file is known before anything of it is imported."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("labeling", "0025_waste_by_cause"),
    ]

    operations = [
        migrations.AddField(
            model_name="uploadestimate",
            name="problems",
            field=models.JSONField(
                db_default={}, help_text="Rows that will be refused: reason to their number and the first lines"
            ),
        ),
    ]
