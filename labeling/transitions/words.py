"""The words of the texts, for the search: made after the import, upload by upload, and gone with the text.

An index on words costs several times what storing the texts costs, so no import waits for it. Whoever erases a text
needs to know nothing of this: a trigger of the database removes the words in the same transaction, and the lock that
both take means that a worker cannot bring them back.
"""

import time

from django.db import connection, transaction
from django.utils import timezone

from labeling.models import Upload

CHUNK = 5_000
MOST_CHARACTERS = 100_000
"""Of one text: what comes later is not found by its words. PostgreSQL keeps at most a megabyte of words in a row."""

MOST_ID_CHARACTERS = 500

_NEXT = """
    WITH chunk AS (
        SELECT id FROM labeling_document WHERE upload_id = %(upload)s AND id > %(after)s ORDER BY id LIMIT %(chunk)s
    ), made AS (
        INSERT INTO labeling_documentwords (document_id, words)
        SELECT t.document_id, to_tsvector('simple', left(t.text, %(characters)s)) || array_to_tsvector(
            array_remove(ARRAY[lower(left(t.external_id, %(id_characters)s))], ''))
        FROM chunk JOIN labeling_documenttext t ON t.document_id = chunk.id
        ON CONFLICT (document_id) DO NOTHING
    )
    SELECT max(id) FROM chunk
"""


def make_searchable(upload: Upload, *, seconds: float = float("inf")) -> bool:
    """The words of an upload that is ready, from where it stands; True once all of them are there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not _next_chunk(upload):
            Upload.objects.filter(pk=upload.pk).update(searchable_at=timezone.now())
            with connection.cursor() as cursor:
                cursor.execute("SELECT gin_clean_pending_list('words_of_documents')")
            return True
    return False


def make_all_searchable() -> None:
    for upload in Upload.objects.filter(searchable_at=None).exclude(ready_at=None).order_by("pk"):
        make_searchable(upload)


def _next_chunk(upload: Upload) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended('nightshift words', 0))")
        cursor.execute(
            _NEXT,
            {
                "upload": upload.pk,
                "after": upload.searchable_to,
                "chunk": CHUNK,
                "characters": MOST_CHARACTERS,
                "id_characters": MOST_ID_CHARACTERS,
            },
        )
        last = cursor.fetchone()[0]
        if last is None:
            return False
        upload.searchable_to = last
        Upload.objects.filter(pk=upload.pk).update(searchable_to=last)
    return True
