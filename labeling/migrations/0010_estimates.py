"""Counters also know how many documents are paid for and how long they are, and what the answers of an upload were.

What is there already is counted once, by reading the narrow rows; no row of a hot table is rewritten.
"""

import django.db.models.deletion
from django.db import migrations, models

_COUNT_LEADERS = """
CREATE OR REPLACE FUNCTION labeling_tally_document() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO labeling_documenttally (upload_id, version_id, state, way, documents, leaders, leader_bytes)
        SELECT upload_id, version_id, state, CASE WHEN state = 'queued' THEN way ELSE '' END, count(*),
            count(*) FILTER (WHERE leader_id IS NULL),
            COALESCE(sum(encoded_bytes) FILTER (WHERE leader_id IS NULL), 0)
        FROM fresh GROUP BY 1, 2, 3, 4;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO labeling_documenttally (upload_id, version_id, state, way, documents, leaders, leader_bytes)
        SELECT upload_id, version_id, state, CASE WHEN state = 'queued' THEN way ELSE '' END, -count(*),
            -count(*) FILTER (WHERE leader_id IS NULL),
            -COALESCE(sum(encoded_bytes) FILTER (WHERE leader_id IS NULL), 0)
        FROM stale GROUP BY 1, 2, 3, 4;
    ELSE
        INSERT INTO labeling_documenttally (upload_id, version_id, state, way, documents, leaders, leader_bytes)
        SELECT upload_id, version_id, state, way, sum(change),
            COALESCE(sum(change) FILTER (WHERE leads), 0),
            COALESCE(sum(change * encoded_bytes) FILTER (WHERE leads), 0)
        FROM (
            SELECT upload_id, version_id, state, CASE WHEN state = 'queued' THEN way ELSE '' END AS way,
                leader_id IS NULL AS leads, encoded_bytes::bigint AS encoded_bytes, 1 AS change FROM fresh
            UNION ALL
            SELECT upload_id, version_id, state, CASE WHEN state = 'queued' THEN way ELSE '' END,
                leader_id IS NULL, encoded_bytes::bigint, -1 FROM stale
        ) AS changes GROUP BY 1, 2, 3, 4
        HAVING sum(change) <> 0 OR COALESCE(sum(change) FILTER (WHERE leads), 0) <> 0
            OR COALESCE(sum(change * encoded_bytes) FILTER (WHERE leads), 0) <> 0;
    END IF;
    RETURN NULL;
END $$
"""

_WHAT_IS_THERE = """
INSERT INTO labeling_documenttally (upload_id, version_id, state, way, documents, leaders, leader_bytes)
SELECT upload_id, version_id, state, CASE WHEN state = 'queued' THEN way ELSE '' END, 0, count(*), sum(encoded_bytes)
FROM labeling_document WHERE leader_id IS NULL GROUP BY 1, 2, 3, 4;
INSERT INTO labeling_answertally (
    upload_id, version_id, answers, unpriced, document_bytes, prompt_tokens, output_tokens, list_usd, paid_usd)
SELECT d.upload_id, r.version_id, count(*), count(*) FILTER (WHERE s.paid_usd IS NULL), sum(d.encoded_bytes),
    sum(s.input_tokens + s.cache_write_5m_tokens + s.cache_write_1h_tokens + s.cache_read_tokens),
    sum(s.output_tokens), COALESCE(sum(s.list_usd), 0), COALESCE(sum(s.paid_usd), 0)
FROM labeling_result s JOIN labeling_request r ON r.id = s.request_id JOIN labeling_document d ON d.id = r.document_id
WHERE r.outcome = 'succeeded' GROUP BY 1, 2
"""


class Migration(migrations.Migration):
    dependencies = [
        ("labeling", "0009_night_and_needs"),
    ]

    operations = [
        migrations.AddField(
            model_name="documenttally",
            name="leader_bytes",
            field=models.BigIntegerField(db_default=0, help_text="Length of their texts as JSON strings"),
        ),
        migrations.AddField(
            model_name="documenttally",
            name="leaders",
            field=models.BigIntegerField(db_default=0, help_text="Those that are no copies: only they are paid for"),
        ),
        migrations.CreateModel(
            name="AnswerTally",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("answers", models.BigIntegerField()),
                ("unpriced", models.BigIntegerField()),
                ("document_bytes", models.BigIntegerField(help_text="Length of the answered texts as JSON strings")),
                ("prompt_tokens", models.BigIntegerField()),
                ("output_tokens", models.BigIntegerField()),
                ("list_usd", models.DecimalField(decimal_places=12, max_digits=20)),
                ("paid_usd", models.DecimalField(decimal_places=12, max_digits=20)),
                (
                    "upload",
                    models.ForeignKey(
                        db_constraint=False, on_delete=django.db.models.deletion.CASCADE, to="labeling.upload"
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="labeling.labelingtaskversion",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "answer tallies",
            },
        ),
        migrations.RunSQL(_COUNT_LEADERS, migrations.RunSQL.noop),
        migrations.RunSQL(_WHAT_IS_THERE, migrations.RunSQL.noop),
    ]
