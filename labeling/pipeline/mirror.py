"""What the row of a batch keeps of its Message Batch: the API's word as it was last heard."""

from dataclasses import asdict
from typing import Any

from labeling.batch_api import MessageBatch

LONGEST_STATUS = 12
"""Characters of the API's word that the row has room for; a word that is not known yet may be longer."""


def mirrored(told: MessageBatch) -> dict[str, Any]:
    """Columns of Batch with their values."""
    return {
        "processing_status": told.processing_status[:LONGEST_STATUS],
        "created_at": told.created_at,
        "expires_at": told.expires_at,
        **asdict(told.counts),
    }
