"""Document (queued, urgent) -> Request -> one Messages call -> Result; same rows, full price.

A worker claims only what it can call at once; the limit of open calls is the installation's. Threads
do nothing but HTTP, the rows stay with the one thread that has the database connection. A lost
answer is never asked for again: the request ends unclear, because it may have been paid.
"""

import logging
from collections import defaultdict
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import orjson
from django.db import OperationalError, close_old_connections
from django.utils import timezone

from labeling import asked_to_wait, batch_api, clock, faults
from labeling.batch_api import Answered, ApiError, Fault
from labeling.configuration import Configuration, installation
from labeling.judge import Judge, storable_line
from labeling.messages import prompts
from labeling.messages.answers import loads
from labeling.messages.rules import SPEND_LIMIT_CODES
from labeling.models import Account, DocumentText, LabelingTask, LabelingTaskVersion
from labeling.money import limits
from labeling.money.terms import prices_of
from labeling.money.worst_case import WorstCase
from labeling.pipeline.accounts import account_in_use
from labeling.states import FailureReason, Lane, Outcome
from labeling.transitions import claims, gates, requests, results
from labeling.transitions.claims import Claimed
from labeling.transitions.results import Booking, Reading

log = logging.getLogger(__name__)

CALL_TIMEOUT = timedelta(seconds=120)
DEADLINE_AFTER = CALL_TIMEOUT + timedelta(seconds=60)
"""After that an open call whose process died counts as unclear."""

PAUSE_WITHOUT_RETRY_AFTER = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class _Call:
    claimed: Claimed
    answer: Answered | None = None
    error: ApiError | None = None


def drain(settings: Configuration, *, until: datetime | None = None) -> int:
    """Send what waits urgently until nothing is left, the API asks to wait, or `until`; returns answers booked."""
    if asked_to_wait.until(Lane.URGENT) or clock.is_off():
        return 0
    account = account_in_use()
    versions: dict[int, LabelingTaskVersion] = {}
    worst: dict[int, WorstCase | None] = {}
    booked, open_calls, claiming = 0, set[Future[_Call]](), True
    with ThreadPoolExecutor(settings.urgent_concurrency, thread_name_prefix="urgent") as pool:
        while claiming or open_calls:
            claiming = claiming and (until is None or timezone.now() < until)
            if claiming:
                claimed = _claim(settings, account, settings.urgent_concurrency - len(open_calls), worst)
                claiming = bool(claimed or open_calls)
                faults.reach("urgent: claimed")
                for claim, params in _with_params(claimed, versions):
                    open_calls.add(pool.submit(_call, claim, params))
            if open_calls:
                done, open_calls = wait(open_calls, return_when=FIRST_COMPLETED)
                calls = [future.result() for future in done]
                booked += _book_surely(calls, versions, account, settings)
                faults.reach("urgent: booked")
                claiming = claiming and not _must_wait(calls)
    return booked


def _claim(settings: Configuration, account: Account, most: int, worst: dict[int, WorstCase | None]) -> list[Claimed]:
    """What may be called now; `worst` remembers the worst case of each version that waits."""
    now = timezone.now()
    if most <= 0:
        return []
    new = set(limits.versions_waiting(Lane.URGENT)) - set(worst)
    worst |= limits.worst_cases(LabelingTaskVersion.objects.filter(pk__in=new), Lane.URGENT) if new else {}
    return claims.claim_urgent(
        installation=installation(),
        account_id=account.pk,
        most=most,
        concurrency=settings.urgent_concurrency,
        deadline=now + DEADLINE_AFTER,
        now=now,
        gate_tasks=list(LabelingTask.objects.values_list("pk", flat=True)),
        worst=worst,
        room_usd=lambda: limits.urgent_standing(settings, now).room_usd if settings.urgent_limit_usd else None,
    )


def _with_params(claimed: list[Claimed], versions: dict[int, LabelingTaskVersion]) -> list[tuple[Claimed, bytes]]:
    """The encoded params of each claimed document; versions are remembered."""
    unknown = {claim.version_id for claim in claimed} - set(versions)
    versions |= LabelingTaskVersion.objects.select_related("task").in_bulk(unknown)
    texts = dict(DocumentText.objects.filter(pk__in=[claim.document_id for claim in claimed]).values_list("pk", "text"))
    erased = [claim.request_id for claim in claimed if claim.document_id not in texts]
    if erased:
        requests.release_unsent(request_ids=erased)
    encoded = []
    for claim in claimed:
        if claim.document_id not in texts:
            continue
        before, after = prompts.frame(versions[claim.version_id].spec)
        encoded.append((claim, before + orjson.dumps(texts[claim.document_id]) + after))
    return encoded


def _call(claimed: Claimed, params: bytes) -> _Call:
    """One real-time call; runs in a thread and touches no row."""
    faults.reach("urgent: calling")
    try:
        answer = batch_api.send_message(params, timeout=CALL_TIMEOUT.total_seconds())
        faults.reach("urgent: answered")
        return _Call(claimed, answer=answer)
    except ApiError as error:
        return _Call(claimed, error=error)
    except Exception as error:  # the answers of the other calls are paid for and must be booked all the same
        log.exception("the call for %s broke", claimed.custom_id)
        return _Call(claimed, error=ApiError(f"The call broke: {type(error).__name__}.", Fault.UNCLEAR))


def _book_surely(
    calls: list[_Call], versions: dict[int, LabelingTaskVersion], account: Account, settings: Configuration
) -> int:
    """These answers are paid for and cannot be asked for again: a connection that broke during the calls, or a lost
    race for rows, is tried once more. Booking twice books once."""
    close_old_connections()
    try:
        return _book(calls, versions, account, settings)
    except OperationalError as error:
        log.warning("booking %s answers failed and is tried again: %s", len(calls), error)
        close_old_connections()
        return _book(calls, versions, account, settings)


def _book(
    calls: list[_Call], versions: dict[int, LabelingTaskVersion], account: Account, settings: Configuration
) -> int:
    by_version: dict[int, list[_Call]] = defaultdict(list)
    for call in calls:
        by_version[call.claimed.version_id].append(call)
    booked = 0
    for version_id, group in by_version.items():
        _settle_faults(versions[version_id], group)
        readings = _read(versions[version_id], group, settings)
        booked += results.settle(readings, _booking(versions[version_id], account, settings), timezone.now())
    return booked


def _read(version: LabelingTaskVersion, calls: list[_Call], settings: Configuration) -> list[Reading]:
    judge = _judge(version, settings)
    readings = []
    for call in calls:
        if call.answer:
            line = storable_line(call.answer.raw)
            message = loads(call.answer.raw)
            readings.append(judge.message(call.claimed.document_id, message, line, call.answer.request_id))
        elif call.error and _is_of_the_document(call.error):
            error_type = call.error.error_type or "invalid_request_error"
            readings.append(
                judge.error(call.claimed.document_id, error_type, call.error.message, call.error.request_id)
            )
    return readings


def _settle_faults(version: LabelingTaskVersion, calls: list[_Call]) -> None:
    """Calls without an answer: back to the queue, unclear, or a closed gate."""
    for call in calls:
        if not call.error:
            continue
        if call.error.fault is Fault.TRANSIENT:
            requests.release_unsent(request_ids=[call.claimed.request_id], not_before=_wait_as_asked(call.error))
        elif call.error.fault is Fault.UNCLEAR:
            log.warning("no clear answer for %s: %s", call.claimed.custom_id, call.error.message)
            requests.end_without_answer([call.claimed.request_id], Outcome.UNCLEAR, FailureReason.UNCLEAR)
        elif _is_configuration(call.error):
            requests.release_unsent(request_ids=[call.claimed.request_id])
            scope = version.task if call.error.status == 404 else None
            gates.close_gate(
                scope, by="urgent", kind="refusal", reason=f"A real-time call was refused: {call.error.message}"
            )
        faults.reach("urgent: fault settled")


def _is_of_the_document(error: ApiError) -> bool:
    return error.fault in (Fault.PERMANENT, Fault.TOO_LARGE) and not _is_configuration(error)


def _is_configuration(error: ApiError) -> bool:
    """Refusals that concern the key, the account or the model, and not the document."""
    return error.fault is Fault.PERMANENT and (
        error.status in (401, 402, 403, 404) or error.error_code in SPEND_LIMIT_CODES
    )


def _wait_as_asked(error: ApiError) -> datetime:
    """Remember for every worker how long the API asked to wait."""
    pause = timedelta(seconds=error.retry_after) if error.retry_after else PAUSE_WITHOUT_RETRY_AFTER
    asked_to_wait.remember(Lane.URGENT, pause.total_seconds())
    return timezone.now() + pause


def _must_wait(calls: list[_Call]) -> bool:
    return any(call.error and call.error.fault is Fault.TRANSIENT for call in calls)


def _judge(version: LabelingTaskVersion, settings: Configuration) -> Judge:
    prices = prices_of([version.model])
    return Judge(version.spec, prices, _today(settings), Lane.URGENT)


def _booking(version: LabelingTaskVersion, account: Account, settings: Configuration) -> Booking:
    return Booking(
        batch_id=None,
        version_id=version.pk,
        model=version.model,
        account_id=account.pk,
        lane=Lane.URGENT.value,
        day=_today(settings),
        zone=settings.time_zone,
        max_attempts=settings.max_attempts,
        again_at=timezone.now() + timedelta(seconds=settings.retry_backoff_seconds),
    )


def _today(settings: Configuration) -> date:
    return timezone.now().astimezone(settings.zone).date()
