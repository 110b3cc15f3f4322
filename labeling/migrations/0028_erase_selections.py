"""Documents that a person chose can be erased, however many they are."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("labeling", "0027_unknown_answers")]

    operations = [
        migrations.AddField(
            model_name="erasure",
            name="selection",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="erasures",
                to="labeling.selection",
            ),
        ),
        migrations.AddField(
            model_name="erasure",
            name="with_copies",
            field=models.BooleanField(db_default=False, help_text="Others with the same texts go with the selection"),
        ),
        migrations.AlterField(
            model_name="erasure",
            name="last_document",
            field=models.BigIntegerField(default=0, help_text="Documents up to here are erased"),
        ),
        migrations.AddConstraint(
            model_name="erasure",
            constraint=models.UniqueConstraint(
                condition=models.Q(("selection__isnull", False)), fields=("selection",), name="selection_erased_once"
            ),
        ),
    ]
