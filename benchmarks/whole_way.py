"""`make bench`: the whole way of 100,000 documents, stage by stage, beside a hand-written script in the same run.

Every stage runs in a process of its own, so its peak memory is its own. The provider's seconds (the
time a batch takes at the sandbox) are left out on both sides; what remains is reading, storing,
encoding, sending, fetching, parsing and writing. These machines are noisy: read the ratios.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import corpus
from sandbox.process import running_sandbox

CHECKOUT = Path(__file__).resolve().parent.parent
LABELS = ["alpha", "beta", "gamma", "delta"]
MEASURED = ("import", "submit", "ingest", "export")
TASK = f"""
[[task]]
slug = "bench"
name = "Bench"
kind = "classify"
instructions = "Which of the labels fits the text best?"
model = "claude-haiku-5-5"
max_tokens = 128
thinking = "disabled"
labels = {json.dumps(LABELS)}
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--bytes", type=int, default=250, help="of text per document")
    options = parser.parse_args()
    small = max(1_000, options.documents // 10)
    print(f"{options.documents:,} documents of {options.bytes} bytes; peak memory beside a run with {small:,}.\n")
    few = measure(small, options.bytes, by_hand=False)
    many = measure(options.documents, options.bytes, by_hand=True)
    report(options.documents, few, many)


def measure(documents: int, text_bytes: int, *, by_hand: bool) -> dict[str, dict[str, float]]:
    """Seconds and peak MB of every stage, in an installation of its own that is gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="ns-bench-"))
    try:
        source = home / "documents.csv"
        corpus.write(source, documents, text_bytes)
        (home / "bench.toml").write_text(TASK)
        measured = _nightshift(home, source)
        if by_hand:
            measured["by hand"] = _by_hand(home, source)
        return measured
    finally:
        _manage(home, "devdb", "stop")
        shutil.rmtree(home, ignore_errors=True)


def _nightshift(home: Path, source: Path) -> dict[str, dict[str, float]]:
    _manage(home, "migrate", "--verbosity", "0")
    _manage(home, "load_tasks", str(home / "bench.toml"))
    return {
        stage: _run(home, "-m", "benchmarks.stage", stage, str(source))
        for stage in ("raw_copy", "import", "submit", "wait", "ingest", "export")
    }


def _by_hand(home: Path, source: Path) -> dict[str, float]:
    with running_sandbox(home / "by-hand", seconds_per_batch=0.1) as sandbox:
        target = str(home / "by-hand.jsonl")
        return _run(home, "-m", "benchmarks.by_hand", str(source), target, sandbox.url, ",".join(LABELS))


def report(documents: int, few: dict[str, dict[str, float]], many: dict[str, dict[str, float]]) -> None:
    print(f"{'':10} {'seconds':>9} {'documents/s':>12} {'peak MB':>9} {'with a tenth':>13}")
    for stage in ("raw_copy", *MEASURED, "by hand"):
        seconds, peak = many[stage]["seconds"], many[stage]["peak_mb"]
        tenth = f"{few[stage]['peak_mb']:13.0f}" if stage in few else ""
        print(f"{stage:10} {seconds:9.2f} {documents / seconds:12,.0f} {peak:9.0f} {tenth}")
    whole = sum(many[stage]["seconds"] for stage in MEASURED)
    print(f"\nwhole way  {whole:9.2f} s, {many['by hand']['seconds'] / whole:.2f} times as fast as the script by hand")
    print(f"import is {many['import']['seconds'] / many['raw_copy']['seconds']:.1f} times a raw COPY of the same file")


def _manage(home: Path, *arguments: str) -> None:
    command = [sys.executable, str(CHECKOUT / "manage.py"), *arguments]
    done = subprocess.run(command, env=_environment(home), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"manage.py {arguments[0]}: {done.stderr}")


def _run(home: Path, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, env=_environment(home), cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments[:3])} ended with {done.returncode}")
    return dict(json.loads(done.stdout.strip().rsplit("\n", 1)[-1]))


def _environment(home: Path) -> dict[str, str]:
    foreign = ("ANTHROPIC_", "NIGHTSHIFT_", "Q_CLUSTER_", "SANDBOX_", "DATABASE_URL")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return inherited | {
        "NIGHTSHIFT_HOME": str(home),
        "NIGHTSHIFT_LOOPBACK_ONLY": "1",
        "NIGHTSHIFT_BATCH_REQUESTS": "100000",
        "NIGHTSHIFT_QUEUE_LIMIT": "1000000",
        "NIGHTSHIFT_POLL_SECONDS": "0.1",
        "NIGHTSHIFT_CANARY": "off",
        "NIGHTSHIFT_MIN_FREE_BYTES": "0",
        "SANDBOX_SECONDS_PER_BATCH": "0.1",
    }


if __name__ == "__main__":
    main()
