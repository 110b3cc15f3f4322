"""What was sent is rebuilt and compared with the hash that was kept: Batch (proof due) -> Batch (proof equal, ...).

The body of a create call is not kept; it is made again from the frozen version and the texts. This
says whether that is still, byte for byte, what left: once by itself when the results are in, and
again whenever somebody asks.
"""

import hashlib

from django.utils import timezone

from labeling import exact, faults
from labeling.locks import only_one
from labeling.messages import bodies
from labeling.models import Batch
from labeling.states import Proof
from labeling.transitions import batches


def prove(batch: Batch) -> Proof:
    """Rebuild the requests of a batch and note what that proves; reads every text of it, in constant memory."""
    with only_one(f"prove {batch.pk}") as held:
        if not held:
            return Proof(batch.proof)
        with batches.counted(batch) as may_try:
            if may_try:
                proof = _compare(batch)
                faults.reach("prove: compared")
                Batch.objects.filter(pk=batch.pk).update(proof=proof, proved_at=timezone.now())
    batch.refresh_from_db()
    return Proof(batch.proof)


def prove_due() -> list[Proof]:
    """Every batch whose proof is due, in this process."""
    return [prove(batch) for batch in Batch.objects.filter(proof=Proof.DUE).select_related("version").order_by("pk")]


def ask_for_proof(batch: Batch) -> bool:
    """A worker compares again; False where there is nothing to compare with, or it is due already."""
    comparable = Batch.objects.filter(pk=batch.pk, requests_sha256__gt="", ingested_at__isnull=False)
    return bool(comparable.exclude(proof=Proof.DUE).update(proof=Proof.DUE))


def _compare(batch: Batch) -> Proof:
    if not batch.requests_sha256:
        return Proof.NOTHING_KEPT
    encode, digest = bodies.encoder(batch.version.spec), hashlib.sha256()
    for custom_id, text in exact.requests(batch):
        if text is None:
            return Proof.ERASED
        digest.update(encode(custom_id, text) + bodies.LINE_END)
    return Proof.EQUAL if digest.hexdigest() == batch.requests_sha256 else Proof.DIFFERENT
