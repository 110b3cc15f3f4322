"""Whose a Message Batch is: the custom_ids of its result lines tell, and nothing before they do."""

from itertools import islice

from labeling import batch_api
from labeling.configuration import installation
from labeling.judge import read_line
from labeling.messages import custom_ids

LINES_READ = 100
"""Lines that are looked at: where one of them is ours, the batch is, whatever stands beside it."""


def custom_id_of(message_batch_id: str, token: str) -> object:
    """One with this token, else the first that can be read, of an ended Message Batch; None where none can.

    Raises ApiError.
    """
    ours, first = installation(), None
    with batch_api.result_lines(message_batch_id) as lines:
        for line in islice(lines, LINES_READ):
            custom_id, _ = read_line(line) or (None, None)
            own = custom_ids.parse(custom_id, ours)
            if own is not None and own.token == token:
                return custom_id
            first = custom_id if first is None else first
    return first
