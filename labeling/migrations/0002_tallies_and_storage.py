"""Counters by statement-level triggers, and text stored as it is.

A trigger per statement sees all its rows at once; one per row would be quadratic. Uncompressed
text is written faster, because PostgreSQL need not compress it.
"""

from django.db import migrations

# table, counted columns of a row as an expression list, tally table, its columns, its count
_COUNTED = (
    (
        "document",
        "upload_id, version_id, state, CASE WHEN state = 'queued' THEN way ELSE '' END",
        "upload_id, version_id, state, way",
        "documents",
    ),
    ("request", "batch_id, lane, outcome", "batch_id, lane, outcome", "requests"),
)

_FUNCTION = """
CREATE FUNCTION labeling_tally_{name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO labeling_{name}tally ({columns}, {count})
        SELECT {row}, count(*) FROM fresh GROUP BY {places};
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO labeling_{name}tally ({columns}, {count})
        SELECT {row}, -count(*) FROM stale GROUP BY {places};
    ELSE
        INSERT INTO labeling_{name}tally ({columns}, {count})
        SELECT {columns}, sum(change) FROM (
            SELECT {aliased}, 1 AS change FROM fresh UNION ALL SELECT {aliased}, -1 FROM stale
        ) AS changes GROUP BY {columns} HAVING sum(change) <> 0;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER labeling_tally_{name}_insert AFTER INSERT ON labeling_{name}
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION labeling_tally_{name}();
CREATE TRIGGER labeling_tally_{name}_update AFTER UPDATE ON labeling_{name}
    REFERENCING OLD TABLE AS stale NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION labeling_tally_{name}();
CREATE TRIGGER labeling_tally_{name}_delete AFTER DELETE ON labeling_{name}
    REFERENCING OLD TABLE AS stale FOR EACH STATEMENT EXECUTE FUNCTION labeling_tally_{name}();
"""

_STORAGE = """
ALTER TABLE labeling_documenttext ALTER COLUMN text SET STORAGE EXTERNAL;
ALTER TABLE labeling_documenttext SET (toast_tuple_target = 8160);
ALTER TABLE labeling_resultline ALTER COLUMN line SET STORAGE EXTERNAL;
ALTER TABLE labeling_resultline SET (toast_tuple_target = 8160);
"""


def _counting(name: str, row: str, columns: str, count: str) -> migrations.RunSQL:
    names = columns.split(", ")
    aliased = ", ".join(
        f"{expression} AS {column}" for expression, column in zip(_split(row, len(names)), names, strict=True)
    )
    return migrations.RunSQL(
        _FUNCTION.format(
            name=name,
            row=row,
            columns=columns,
            count=count,
            aliased=aliased,
            places=", ".join(str(place) for place in range(1, len(names) + 1)),
        ),
        f"DROP FUNCTION labeling_tally_{name} CASCADE",
    )


def _split(row: str, parts: int) -> list[str]:
    return row.split(", ", parts - 1)


class Migration(migrations.Migration):
    dependencies = (("labeling", "0001_initial"),)

    operations = (
        *(_counting(*counted) for counted in _COUNTED),
        migrations.RunSQL(_STORAGE, migrations.RunSQL.noop),
    )
