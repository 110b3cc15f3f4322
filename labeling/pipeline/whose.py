"""Whose a Message Batch is: the custom_id of a result line tells, and nothing before it does."""

from itertools import islice

from labeling import batch_api
from labeling.judge import read_line

LINES_READ = 100
"""Lines that are looked at for one that can be read."""


def custom_id_of(message_batch_id: str) -> object:
    """That of the first result line of an ended Message Batch; None where no line can be read. Raises ApiError."""
    with batch_api.result_lines(message_batch_id) as lines:
        read = (read_line(line) for line in islice(lines, LINES_READ))
        return next((found[0] for found in read if found is not None and found[0] is not None), None)
