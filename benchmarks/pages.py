"""Server time and queries of every page and live part, in a house of 200,000 documents and 200 batches.

The pages are asked for in this process, without a network between: what is measured is the work of the server. A live
part is asked for as its page asks again: what shows already comes along, and where nothing is new the answer is empty.
Printed are the first time (nothing cached yet), the least (which a busy machine disturbs little), the median and the
95th percentile of the rounds, the number of queries, and the size. A mark stands where the median is over the aim.
"""

import argparse
import html
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchsite.environment import CHECKOUT

AIM_PAGE, AIM_LIVE = 50, 20
"""Milliseconds at the median."""

NOT_PAGES = ("admin", "login", "logout", "password", "healthz", "static")
FOREIGN = ("ANTHROPIC_", "NIGHTSHIFT_", "Q_CLUSTER_", "SANDBOX_", "DATABASE_URL")


@dataclass(frozen=True, slots=True)
class Measured:
    path: str
    first: float
    least: float
    median: float
    p95: float
    queries: int
    kilobytes: float

    @property
    def aim(self) -> int:
        return AIM_LIVE if self.path.startswith("/live/") else AIM_PAGE

    @property
    def is_over(self) -> bool:
        return self.median > self.aim


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=200_000)
    parser.add_argument("--batches", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--home", type=Path, help="an installation that is seeded already, and stays")
    parser.add_argument("--only", default="", help="paths that contain this")
    asked = parser.parse_args()
    home = asked.home or Path(tempfile.mkdtemp(prefix="ns-pages-"))
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        del os.environ[name]
    os.environ |= {"NIGHTSHIFT_HOME": str(home), "NIGHTSHIFT_LOOPBACK_ONLY": "1"}
    try:
        if not asked.home:
            _manage("migrate", "--verbosity", "0")
            _manage("collectstatic", "--no-input", "--verbosity", "0")
            _manage("seed_documents", "--documents", str(asked.documents), "--batches", str(asked.batches))
        return _report(_measure(asked.rounds, asked.only))
    finally:
        if not asked.home:
            _close()
            _manage("devdb", "stop")
            shutil.rmtree(home, ignore_errors=True)


def _measure(rounds: int, only: str) -> list[Measured]:
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "batchsite.settings"
    django.setup()
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client(SERVER_NAME="127.0.0.1", raise_request_exception=False)
    client.force_login(User.objects.get_or_create(username="bench", defaults={"is_superuser": True})[0])
    return [_time(client, path, rounds) for path in _paths(client) if only in path]


def _time(client: Any, path: str, rounds: int) -> Measured:
    from django.core.cache import cache
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    address = _as_polled(client, path)
    cache.clear()
    first = _once(client, address)[0]
    with CaptureQueriesContext(connection) as queries:
        _once(client, address)
    asked, size = len(queries), _once(client, path)[1]
    times = sorted(_once(client, address)[0] for _ in range(rounds))
    p95 = times[min(len(times) - 1, int(len(times) * 0.95))]
    return Measured(path, first, times[0], statistics.median(times), p95, asked, size / 1024)


def _as_polled(client: Any, path: str) -> str:
    """As the page asks for its live part again: with what it shows already, so that nothing new is a short answer."""
    asks = re.search(rb'hx-get="([^"]+[?]v=[^"]+)"', client.get(path).content) if path.startswith("/live/") else None
    return html.unescape(asks[1].decode()) if asks else path


def _once(client: Any, path: str) -> tuple[float, int]:
    began = time.perf_counter()
    response = client.get(path)
    size = len(response.content)
    return (time.perf_counter() - began) * 1000, size


def _paths(client: Any) -> list[str]:
    """Every address that answers a plain GET with a page; commands are left out, and downloads, which stream."""
    found = []
    for path in [*_reversed(), *_searches()]:
        if "." in path.rpartition("/")[2]:
            continue
        response = client.get(path)
        if response.status_code == 200 and not response.streaming:
            found.append(path)
        elif response.status_code not in (200, 405):
            raise SystemExit(f"{path} answers {response.status_code}: the house lacks what it names.")
    return found


def _reversed() -> list[str]:
    """Each address with a row in the middle of the house for everything that it names."""
    from django.urls import URLPattern, reverse

    from labeling.urls import urlpatterns

    paths = []
    for pattern in urlpatterns:
        if isinstance(pattern, URLPattern) and pattern.name and not str(pattern.pattern).startswith(NOT_PAGES):
            room = str(pattern.pattern).removeprefix("live/").split("/")[0]
            kwargs = {name: SAMPLES[name](room) for name in pattern.pattern.converters}
            if "tries" in str(pattern.pattern):
                kwargs["pk"] = _trial()
            paths.append(reverse(pattern.name, kwargs=kwargs) + (f"?u={_upload()}" if pattern.name == "erase" else ""))
    return paths


def _batch() -> int:
    from labeling.models import Batch

    return Batch.objects.filter(state="ingested").order_by("-pk").values_list("pk", flat=True)[5]


def _upload() -> int:
    from labeling.models import Upload

    return Upload.objects.filter(state="done", kind="file").order_by("-pk").values_list("pk", flat=True)[2]


def _document() -> int:
    from labeling.models import Document

    rows = Document.objects.filter(upload=_upload(), state="labeled", leader=None)
    return rows.order_by("pk").values_list("pk", flat=True)[10]


def _doubt() -> int:
    """A batch whose submission had no clear outcome."""
    from labeling.models import Batch, LabelingTaskVersion
    from tests.factories import make_batch

    doubt = Batch.objects.doubtful().first() or make_batch(LabelingTaskVersion.objects.all()[0], state="unknown")
    return doubt.pk


def _trial() -> int:
    """A document that a draft is tried on."""
    from labeling.models import LabelingTask, Upload
    from tests.factories import make_document, make_upload, make_version

    trial = Upload.objects.filter(kind="trial").first()
    if trial is None:
        trial = make_upload(make_version(LabelingTask.objects.get(slug=_slug()), draft=True), kind="trial")
        make_document(trial)
    return trial.pk


def _slug() -> str:
    from labeling.models import LabelingTask

    return LabelingTask.objects.order_by("pk").values_list("slug", flat=True)[0]


def _night() -> Any:
    from labeling.models import Night

    return Night.objects.order_by("-date").values_list("date", flat=True)[1]


def _selection() -> str:
    from labeling.models import Document, Selection
    from labeling.pipeline import bulk

    ids = Document.objects.filter(upload=_upload()).values_list("pk", flat=True)
    return (Selection.objects.first() or bulk.choose(ids, by="bench")).key


def _digest() -> str:
    """Of words whose tokens were counted."""
    from django.utils import timezone

    from labeling.models import TokenCount

    now = timezone.now()
    return TokenCount.objects.get_or_create(
        digest="0" * 64, defaults={"asked_at": now, "counted_at": now, "tokens": 12}
    )[0].digest


_ROOMS = {"uploads": _upload, "batches": _batch, "documents": _document, "doubts": _doubt}

SAMPLES: dict[str, Callable[[str], Any]] = {
    "pk": lambda room: _ROOMS.get(room, lambda: 1)(),
    "slug": lambda room: _slug(),
    "day": lambda room: _night(),
    "number": lambda room: 1,
    "reason": lambda room: "not_a_label",
    "form": lambda room: "csv",
    "key": lambda room: f"decision--{_slug()}--not_a_label" if room == "needs" else _selection(),
    "digest": lambda room: _digest(),
}
"""What an address can name, by the word that it has for it."""


def _searches() -> list[str]:
    """Questions to the documents page, of each kind."""
    from labeling.models import Document, Upload

    upload = Upload.objects.filter(state="done").order_by("-pk")[2]
    middle = Document.objects.order_by("pk").values_list("pk", flat=True)[Document.objects.count() // 2]
    asked = (
        "q=refund",
        "q=Überweisung",
        "q=refund+fee+nowhere",
        "q=T-0007-000011",
        "q=order+26789",
        f"before={middle}",
        "state=failed",
        "state=open",
        "state=queued",
        "task=support-ticket-intent",
        "task=contract-clauses&state=failed",
        "label=change_pin",
        "label=nothing_of_the_kind",
        "cause=cut_off",
        "gold=differs",
        "source=urgent",
        "q=refund&label=change_pin",
        f"upload={upload.pk}",
        f"upload={upload.pk}&q=refund",
    )
    return [f"/documents/?{query}" for query in asked]


def _report(measured: list[Measured]) -> int:
    width = max(len(m.path) for m in measured)
    print(f"{'page':<{width}}  {'first':>7}  {'least':>7}  {'median':>7}  {'p95':>7}  queries     kB   (ms)")
    for m in measured:
        mark = f"  over {m.aim} ms" if m.is_over else ""
        print(
            f"{m.path:<{width}}  {m.first:7.1f}  {m.least:7.1f}  {m.median:7.1f}  {m.p95:7.1f}"
            f"  {m.queries:7}  {m.kilobytes:5.1f}{mark}"
        )
    over = [m.path for m in measured if m.is_over]
    print(f"{len(measured)} pages and live parts, {len(over)} over the aim{': ' + ', '.join(over) if over else ''}.")
    return 0


def _close() -> None:
    from django.db import connections

    connections.close_all()


def _manage(*arguments: str) -> None:
    command = [sys.executable, str(CHECKOUT / "manage.py"), *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
