"""The export room: what is known about every document, as a file. It reads and never writes rows.

    rows        a task or an upload   -> one dict per document that is not withdrawn, in import order
    write       a file, a format      -> the same as CSV, JSONL or XLSX, with a Summary
    stream      a format              -> the same in pieces, for a download
    original    an upload             -> its own columns in their own order, plus label, state and reason
    batch_...   a batch               -> its requests as they were sent, or its raw result lines, as JSONL
    unknown_... a restored backup     -> result lines of documents that it does not know, as JSONL

Everything streams: memory holds one page of documents, however many there are.
"""

from labeling.exports.batch_files import batch_requests, batch_results, unknown_answers
from labeling.exports.files import CONTENT_TYPES, Format, Summary, stream, write
from labeling.exports.own_columns import original, original_format, original_name
from labeling.exports.reading import COLUMNS, rows

__all__ = [
    "COLUMNS",
    "CONTENT_TYPES",
    "Format",
    "Summary",
    "batch_requests",
    "batch_results",
    "original",
    "original_format",
    "original_name",
    "rows",
    "stream",
    "unknown_answers",
    "write",
]
