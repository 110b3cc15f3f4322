"""A counter of what a person has to decide, by cause: open failures of imported files, never counted from rows again."""

import django.db.models.deletion
from django.db import migrations, models

_COUNT_FAILURES = """
CREATE FUNCTION labeling_tally_failure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO labeling_failuretally (version_id, failure_reason, documents, leaders, leader_bytes)
        SELECT d.version_id, d.failure_reason, count(*), count(*) FILTER (WHERE d.leader_id IS NULL),
            COALESCE(sum(d.encoded_bytes) FILTER (WHERE d.leader_id IS NULL), 0)
        FROM fresh d JOIN labeling_upload u ON u.id = d.upload_id AND u.kind = 'file'
        WHERE d.state = 'failed' AND d.closed_at IS NULL GROUP BY 1, 2;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO labeling_failuretally (version_id, failure_reason, documents, leaders, leader_bytes)
        SELECT d.version_id, d.failure_reason, -count(*), -count(*) FILTER (WHERE d.leader_id IS NULL),
            -COALESCE(sum(d.encoded_bytes) FILTER (WHERE d.leader_id IS NULL), 0)
        FROM stale d JOIN labeling_upload u ON u.id = d.upload_id AND u.kind = 'file'
        WHERE d.state = 'failed' AND d.closed_at IS NULL GROUP BY 1, 2;
    ELSE
        INSERT INTO labeling_failuretally (version_id, failure_reason, documents, leaders, leader_bytes)
        SELECT d.version_id, d.failure_reason, sum(d.change), COALESCE(sum(d.change) FILTER (WHERE d.leads), 0),
            COALESCE(sum(d.change * d.encoded_bytes) FILTER (WHERE d.leads), 0)
        FROM (
            SELECT upload_id, version_id, failure_reason, leader_id IS NULL AS leads,
                encoded_bytes::bigint AS encoded_bytes, 1 AS change
            FROM fresh WHERE state = 'failed' AND closed_at IS NULL
            UNION ALL
            SELECT upload_id, version_id, failure_reason, leader_id IS NULL, encoded_bytes::bigint, -1
            FROM stale WHERE state = 'failed' AND closed_at IS NULL
        ) AS d JOIN labeling_upload u ON u.id = d.upload_id AND u.kind = 'file'
        GROUP BY 1, 2
        HAVING sum(d.change) <> 0 OR COALESCE(sum(d.change) FILTER (WHERE d.leads), 0) <> 0
            OR COALESCE(sum(d.change * d.encoded_bytes) FILTER (WHERE d.leads), 0) <> 0;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER labeling_tally_failure_insert AFTER INSERT ON labeling_document
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION labeling_tally_failure();
CREATE TRIGGER labeling_tally_failure_update AFTER UPDATE ON labeling_document
    REFERENCING OLD TABLE AS stale NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION labeling_tally_failure();
CREATE TRIGGER labeling_tally_failure_delete AFTER DELETE ON labeling_document
    REFERENCING OLD TABLE AS stale FOR EACH STATEMENT EXECUTE FUNCTION labeling_tally_failure();
"""

_WHAT_IS_THERE = """
INSERT INTO labeling_failuretally (version_id, failure_reason, documents, leaders, leader_bytes)
SELECT d.version_id, d.failure_reason, count(*), count(*) FILTER (WHERE d.leader_id IS NULL),
    COALESCE(sum(d.encoded_bytes) FILTER (WHERE d.leader_id IS NULL), 0)
FROM labeling_document d JOIN labeling_upload u ON u.id = d.upload_id AND u.kind = 'file'
WHERE d.state = 'failed' AND d.closed_at IS NULL GROUP BY 1, 2
"""


class Migration(migrations.Migration):
    dependencies = [
        ("labeling", "0021_answers_of_no_use"),
    ]

    operations = [
        migrations.CreateModel(
            name="FailureTally",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("failure_reason", models.CharField(max_length=20)),
                ("documents", models.BigIntegerField()),
                (
                    "leaders",
                    models.BigIntegerField(help_text="Those that are no copies: only they are paid for"),
                ),
                ("leader_bytes", models.BigIntegerField(help_text="Length of their texts as JSON strings")),
                (
                    "version",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="labeling.labelingtaskversion",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "failure tallies",
            },
        ),
        migrations.RunSQL(_COUNT_FAILURES, "DROP FUNCTION labeling_tally_failure CASCADE"),
        migrations.RunSQL(_WHAT_IS_THERE, migrations.RunSQL.noop),
    ]
