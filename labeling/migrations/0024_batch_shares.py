"""Which uploads a batch carries is kept with the batch; of batches that are there already it is counted once."""

import django.db.models.deletion
from django.db import migrations, models

COUNT = """
    INSERT INTO labeling_batchshare (batch_id, upload_id, requests)
    SELECT r.batch_id, d.upload_id, count(*)
    FROM labeling_request r JOIN labeling_document d ON d.id = r.document_id
    WHERE r.batch_id IS NOT NULL GROUP BY r.batch_id, d.upload_id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("labeling", "0023_bulk_decisions"),
    ]

    operations = [
        migrations.CreateModel(
            name="BatchShare",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("requests", models.PositiveIntegerField()),
                (
                    "batch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="shares", to="labeling.batch"
                    ),
                ),
                (
                    "upload",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="shares", to="labeling.upload"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("batch", "upload"), name="batch_share_once")],
            },
        ),
        migrations.RunSQL(COUNT, migrations.RunSQL.noop),
    ]
