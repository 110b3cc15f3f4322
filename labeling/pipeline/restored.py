"""A restored backup -> Batch (ended) for every Message Batch since then, so that nothing of it is paid again.

custom_ids can be read only when a Message Batch has ended, so running ones are waited for. A batch is ours
when one of its first lines carries the installation's prefix. Its documents are told by id and by the first
eight characters of their text's hash; both must fit. Batches are taken in the order in which they were
created, because a document may have gone again from one to the next. Every step is harmless to repeat.
"""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import islice

from django.utils import timezone

from labeling import batch_api, faults
from labeling.after_restore import unsettled
from labeling.batch_api import ApiError, Fault, MessageBatch
from labeling.configuration import Configuration, installation
from labeling.judge import read_line, storable_line, usage_of
from labeling.locks import only_one
from labeling.messages import custom_ids
from labeling.messages.answers import storable
from labeling.models import Account, Batch, FoundBatch, ModelPrice, Restoration, StrayLine
from labeling.money.pricing import NOTHING, PriceTable
from labeling.pipeline.accounts import SANDBOX, account_of_key
from labeling.states import BatchState, Found, Lane, ProcessingStatus, Work
from labeling.transitions import restorations
from labeling.transitions.restorations import Blocked, FoundLine, Seen, Unknown
from labeling.transitions.unfinished import counted

log = logging.getLogger(__name__)

LINES_AT_ONCE = 2_000
MOST_TRIES = 4
"""Clean readings that bring fewer lines than the batch had requests before what came is taken for all."""

_IN_THE_AIR = (BatchState.BUILDING, BatchState.SUBMITTING, BatchState.UNKNOWN)
_NEVER_SENT = (BatchState.REJECTED, BatchState.ABSENT)


class _AnotherWorkspace(Exception):
    """The key in use lists the batches of another workspace."""


def look_up(settings: Configuration, now: datetime) -> int:
    """List what the API has since the backup, and take over what of it is ours and has ended; returns how many."""
    restoration = unsettled()
    if restoration is None:
        return 0
    with only_one("restored") as held:
        if not held:
            return 0
        with counted(Work.RESTORATION, restoration.pk) as may_try:
            return _look_up(restoration) if may_try else 0


def _look_up(restoration: Restoration) -> int:
    try:
        account = _account()
        mirrors = _list(restoration)
    except (ApiError, _AnotherWorkspace) as error:
        Restoration.objects.filter(pk=restoration.pk).update(note=f"The API's list was not read: {error}")
        return 0
    faults.reach("restored: listed")
    return _take_over_in_order(restoration, mirrors, account)


def _account() -> Account:
    """Whose batches are listed; those of another workspace say nothing about ours."""
    account = account_of_key()
    last = Batch.objects.exclude(account=None).order_by("-claimed_at").select_related("account").first()
    if last and last.account and last.account_id != account.pk and account.base_url != SANDBOX:
        raise _AnotherWorkspace(f"the key in use belongs to {account}, and the backup's batches to {last.account}.")
    return account


def _list(restoration: Restoration) -> dict[str, MessageBatch]:
    """Every Message Batch that may have left between the backup and the restore; new ones get their row."""
    mirrors: dict[str, MessageBatch] = {}
    for mirror in batch_api.list_batches(limit=100):
        if mirror.created_at < restoration.listed_from:
            break
        if mirror.created_at <= restoration.listed_until:
            mirrors[mirror.id] = mirror
    rows = [
        FoundBatch(
            restoration=restoration,
            message_batch_id=mirror.id,
            created_at=mirror.created_at,
            requests=mirror.counts.total,
        )
        for mirror in mirrors.values()
    ]
    FoundBatch.objects.bulk_create(rows, ignore_conflicts=True)
    ended = [id for id, mirror in mirrors.items() if mirror.processing_status == ProcessingStatus.ENDED]
    FoundBatch.objects.filter(restoration=restoration, state=Found.RUNNING, message_batch_id__in=ended).update(
        state=Found.ENDED
    )
    known = Batch.objects.filter(message_batch_id__in=list(mirrors)).values("message_batch_id")
    fresh = FoundBatch.objects.filter(restoration=restoration, state__in=Found.open(), message_batch_id__in=known)
    fresh.update(state=Found.KNOWN)
    Restoration.objects.filter(pk=restoration.pk).update(listed_at=timezone.now(), note="")
    return mirrors


def _take_over_in_order(restoration: Restoration, mirrors: dict[str, MessageBatch], account: Account) -> int:
    taken = 0
    for found in restoration.found.filter(state=Found.ENDED).order_by("created_at", "pk"):
        mirror = mirrors.get(found.message_batch_id)
        if mirror is None:
            continue
        try:
            taken += _take_over(found, mirror, account)
        except Blocked as blocked:
            _note(found, f"It is read when {blocked} is settled, which carries documents of it too.")
            break
        except ApiError as error:
            log.warning("lines of %s: %s", found.message_batch_id, error.message)
            gone = mirror.archived_at is not None
            _note(found, f"Its results cannot be read: {error.message}", Found.GONE if gone else Found.ENDED)
    return taken


def _take_over(found: FoundBatch, mirror: MessageBatch, account: Account) -> bool:
    lines = _read(mirror)
    faults.reach("restored: lines read")
    if lines is None:
        _note(found, "Its lines do not carry the prefix of this installation.", Found.ANOTHERS)
        return False
    if len(lines.ours) + lines.others < mirror.counts.total and found.tries + 1 < MOST_TRIES:
        FoundBatch.objects.filter(pk=found.pk).update(
            tries=found.tries + 1, why="Its results lacked some of the requests; they are read again."
        )
        return False
    of_token = Batch.objects.filter(token=lines.token).first()
    if of_token and of_token.state in _IN_THE_AIR:
        raise Blocked(str(of_token))
    if of_token and of_token.state not in _NEVER_SENT:
        _note(found, f"It carries the token of {of_token}, which is {of_token.message_batch_id}.", Found.ANOTHERS)
        return False
    return restorations.take_over(found, _seen(mirror, lines.token), lines.ours, account, lines.unknown)


@dataclass(slots=True)
class _Lines:
    token: str
    ours: list[FoundLine]
    others: int = 0
    unknown: Unknown = field(default_factory=Unknown)


def _read(mirror: MessageBatch) -> _Lines | None:
    """The custom_ids of all lines; None for a batch of another program. Lines without a document here are kept."""
    own, lines, strange = installation(), None, 0
    prices = PriceTable(row.price for row in ModelPrice.objects.all())
    with batch_api.result_lines(mirror.id) as stream:
        for chunk in _chunks(stream):
            found: list[tuple[FoundLine, bytes]] = []
            for line in chunk:
                read = read_line(line)
                parsed = custom_ids.parse(read[0], own) if read else None
                if lines is None and parsed is not None:
                    lines = _Lines(parsed.token, [], others=strange)
                if parsed and lines and parsed.token == lines.token:
                    found.append((FoundLine(parsed.document_id, parsed.text_hash, str(read and read[0])), line))
                elif lines:
                    lines.others += 1
                else:
                    strange += read is not None
            if lines is None and strange:
                return None
            if lines:
                lines.ours += [line for line, _ in found]
                _add_costs(lines.unknown, _keep_what_nobody_knows(mirror, found), mirror, prices)
    if lines is None:
        raise ApiError("It brought no line that can be read.", Fault.TRANSIENT)
    return lines


def _chunks(stream: Iterator[bytes]) -> Iterator[list[bytes]]:
    while chunk := list(islice(stream, LINES_AT_ONCE)):
        yield chunk


def _keep_what_nobody_knows(mirror: MessageBatch, found: list[tuple[FoundLine, bytes]]) -> list[bytes]:
    known = restorations.known([line for line, _ in found])
    unknown = [(line, raw) for line, raw in found if line.custom_id not in known]
    StrayLine.objects.bulk_create(
        (
            StrayLine(
                message_batch_id=mirror.id,
                custom_id=storable(line.custom_id),
                why="no_document",
                line_sha256=hashlib.sha256(raw).hexdigest(),
                line=storable_line(raw),
            )
            for line, raw in unknown
        ),
        ignore_conflicts=True,
    )
    return [raw for _, raw in unknown]


def _add_costs(unknown: Unknown, lines: list[bytes], mirror: MessageBatch, prices: PriceTable) -> None:
    """Only an answer costs something; these are booked to no document, so the sum is shown beside the book."""
    for line in lines:
        read = read_line(line)
        message = read[1].get("message") if read else None
        if isinstance(message, dict):
            model, stop_reason = str(message.get("model")), str(message.get("stop_reason"))
            cost = prices.cost(model, mirror.created_at.date(), usage_of(message), Lane.BATCH, stop_reason)
            unknown.paid_usd += cost.paid_usd if cost else NOTHING
            unknown.unpriced += cost is None


def _seen(mirror: MessageBatch, token: str) -> Seen:
    return Seen(
        message_batch_id=mirror.id,
        token=token,
        processing_status=mirror.processing_status,
        created_at=mirror.created_at,
        expires_at=mirror.expires_at,
        ended_at=mirror.ended_at or mirror.expires_at,
        counts=asdict(mirror.counts),
    )


def _note(found: FoundBatch, why: str, state: Found = Found.ENDED) -> None:
    FoundBatch.objects.filter(pk=found.pk, state=Found.ENDED).update(why=why, state=state)
