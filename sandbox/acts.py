"""What each fault does to a call. "After" means: the call was carried out, committed and charged, then its answer
was lost."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sandbox import codec
from sandbox.errors import STATUS_OF_TYPE, ApiError, not_found
from sandbox.exchange import Flaw, Request, Response, answer, error_answer, html_answer
from sandbox.faults import Fault, Target
from sandbox.rules import USUAL

TYPE_OF_STATUS = {status: error_type for error_type, status in STATUS_OF_TYPE.items()}
SPEND_LIMIT = "spend_limit_reached"


@dataclass(frozen=True)
class Call:
    """`perform` carries the call out; it may raise ApiError."""

    request: Request
    target: Target
    perform: Callable[[], Response]

    def done(self) -> Response:
        """Carry it out; a refusal is an answer too."""
        try:
            return self.perform()
        except ApiError as error:
            return error_answer(error, self.request.request_id)


def act(fault: Fault, call: Call) -> Response:
    return ACTS[fault.do](fault, call)


def _reset(fault: Fault, call: Call) -> Response:
    return Response(lost="reset")


def _cut_before(fault: Fault, call: Call) -> Response:
    call.request.body.drain()
    return Response(lost="closed")


def _cut_after(fault: Fault, call: Call) -> Response:
    call.done()
    return Response(lost="closed")


def _error(fault: Fault, call: Call) -> Response:
    given = fault.given
    status = given["status"]
    headers = {} if given["should_retry"] is None else {"x-should-retry": str(given["should_retry"]).lower()}
    usual_type = TYPE_OF_STATUS.get(status, "api_error" if status >= 500 else "invalid_request_error")
    error = ApiError(
        usual_type if given["type"] == USUAL else given["type"],
        "Asked for by a fault." if given["message"] == USUAL else given["message"],
        status=status,
        error_code=given["error_code"],
        retry_after=_retry_after(given),
    )
    response = html_answer(status) if given["html"] else error_answer(error, call.request.request_id)
    response.headers.update(headers)
    return response


def _retry_after(given: dict[str, Any]) -> int | None:
    """By default a second with every 429, but nothing where waiting does not help."""
    if given["retry_after"] != USUAL:
        return int(given["retry_after"]) if given["retry_after"] is not None else None
    is_hopeless = (given["error_code"] or "").endswith(SPEND_LIMIT)
    return 1 if given["status"] == 429 and not is_hopeless else None


def _error_after(fault: Fault, call: Call) -> Response:
    call.done()
    return _error(fault, call)


def _wait(fault: Fault, call: Call) -> Response:
    time.sleep(fault.given["seconds"])
    return call.perform()


def _wait_after(fault: Fault, call: Call) -> Response:
    response = call.done()
    time.sleep(fault.given["seconds"])
    return response


def _not_found(fault: Fault, call: Call) -> Response:
    raise not_found(f"Message Batch {call.target.batch_id} not found.")


def _hide(fault: Fault, call: Call) -> Response:
    call.request.hidden_seconds = fault.given["seconds"]
    return call.perform()


def _short(fault: Fault, call: Call) -> Response:
    response = call.done()
    framing = None if fault.given["framing"] == USUAL else fault.given["framing"]
    return replace(response, flaw=Flaw(_place(fault, response), is_cut=True, framing=framing))


def _stall(fault: Fault, call: Call) -> Response:
    response = call.done()
    return replace(response, flaw=Flaw(_place(fault, response), stall_seconds=fault.given["seconds"]))


def _place(fault: Fault, response: Response) -> int:
    """The byte before which something happens: after so many whole lines, or after a share of all bytes."""
    if fault.given["lines"] is None or response.file is None:
        return int(response.size * fault.given["share"])
    place = 0
    with open(response.file, "rb") as file:
        for _ in range(fault.given["lines"]):
            place += len(file.readline())
    return place


def _lack(fault: Fault, call: Call) -> Response:
    return _edited(fault, call, lambda line: ())


def _repeat(fault: Fault, call: Call) -> Response:
    return _edited(fault, call, lambda line: (line, line))


def _foreign(fault: Fault, call: Call) -> Response:
    """A line of ours once more, under a custom_id that is not ours."""
    return _edited(fault, call, lambda line: (line, _renamed(line)))


def _edited(fault: Fault, call: Call, edit: Callable[[bytes], tuple[bytes, ...]]) -> Response:
    """Every download of a batch under the same rule edits the same lines."""
    response = call.done()
    if response.file is None:
        return response
    total = _count_lines(response.file)
    lot = random.Random(f"{fault.seed}/{call.target.batch_id}")
    chosen = set(lot.sample(range(total), min(total, fault.given["count"])))
    return replace(response, file=None, lines=_edit_lines(response.file, chosen, edit))


def _edit_lines(path: Path, chosen: set[int], edit: Callable[[bytes], tuple[bytes, ...]]) -> Iterator[bytes]:
    with open(path, "rb") as file:
        for number, line in enumerate(file):
            if number in chosen:
                yield from edit(line)
            else:
                yield line


def _count_lines(path: Path) -> int:
    with open(path, "rb") as file:
        return sum(1 for _ in file)


def _renamed(line: bytes) -> bytes:
    """Result lines start with the custom_id, which holds no quotation mark."""
    head, _, rest = line.removeprefix(b'{"custom_id":"').partition(b'"')
    return b'{"custom_id":"foreign-' + head[-50:] + b'"' + rest


def _status(fault: Fault, call: Call) -> Response:
    response = call.done()
    if response.status != 200:
        return response
    value = codec.loads(response.data)
    for batch in value.get("data", [value]):
        batch["processing_status"] = fault.given["value"]
    return answer(value)


def _minute_limit(fault: Fault, call: Call) -> Response:
    wait = fault.given["retry_after"]
    limit = fault.given["requests"]
    message = f"This request would exceed your organization's rate limit of {limit} batch requests per minute."
    raise ApiError("rate_limit_error", message, retry_after=wait)


ACTS: dict[str, Callable[[Fault, Call], Response]] = {
    "reset": _reset,
    "cut before": _cut_before,
    "cut after": _cut_after,
    "error": _error,
    "error after": _error_after,
    "wait": _wait,
    "wait after": _wait_after,
    "not found": _not_found,
    "hide": _hide,
    "short": _short,
    "stall": _stall,
    "lack": _lack,
    "repeat": _repeat,
    "foreign": _foreign,
    "status": _status,
    "minute limit": _minute_limit,
}
