"""Long work that ends its worker again and again is counted and set aside."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("labeling", "0028_erase_selections")]

    operations = [
        migrations.CreateModel(
            name="UnfinishedWork",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "work",
                    models.CharField(
                        choices=[
                            ("selection", "selection"),
                            ("bulk_act", "bulk act"),
                            ("words", "words"),
                            ("move", "move"),
                            ("erasure", "erasure"),
                            ("restoration", "restoration"),
                        ],
                        max_length=12,
                    ),
                ),
                ("row_id", models.BigIntegerField(help_text="Number of the row that is worked on")),
                (
                    "tries",
                    models.PositiveSmallIntegerField(help_text="Workers that began with it and did not come back"),
                ),
                ("last_at", models.DateTimeField(help_text="When the last of them began")),
            ],
            options={
                "verbose_name_plural": "unfinished work",
                "constraints": [models.UniqueConstraint(fields=("work", "row_id"), name="unfinished_work_once")],
            },
        ),
    ]
