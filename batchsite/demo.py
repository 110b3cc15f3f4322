"""`make demo`: label the shipped example in an installation of its own, without a browser.

The installation lives in a temporary folder, knows no API key and speaks to a sandbox of its own; at
the end everything is stopped and gone but the file with the labels.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from batchsite.environment import CHECKOUT

EXAMPLE = CHECKOUT / "examples"
LABELS = CHECKOUT / "demo" / "labels.csv"
FOREIGN = ("ANTHROPIC_", "NIGHTSHIFT_", "Q_CLUSTER_", "SANDBOX_", "DATABASE_URL")


class DemoFailed(Exception):
    """A step did not end well; the message is a sentence for a person."""


def main() -> int:
    # Short and below /tmp: a unix socket lives in it, and its path may have 107 bytes.
    home = Path(tempfile.mkdtemp(prefix="nightshift-demo-"))
    try:
        print(json.dumps(label_the_example(home)))
    except DemoFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    finally:
        _manage(home, "devdb", "stop", check=False)
        shutil.rmtree(home, ignore_errors=True)
    return 0


def label_the_example(home: Path) -> dict[str, Any]:
    """Every step as an operator would type it; returns the account of what was labeled and what it cost."""
    _say("Making an installation of its own ...")
    _manage(home, "migrate", "--verbosity", "0")
    _manage(home, "load_tasks", str(EXAMPLE / "tasks.toml"))
    columns = ("--text-column", "text", "--id-column", "id", "--gold-column", "gold")
    _say("Importing examples/documents.csv ...")
    _manage(home, "import_documents", str(EXAMPLE / "documents.csv"), "--task", "document-type", *columns)
    _say("Labeling against the local sandbox; its answers are make-believe ...")
    _manage(home, "run_pipeline", "--until-idle", "--timeout", "300")
    LABELS.parent.mkdir(exist_ok=True)
    _manage(home, "export_labels", "--task", "document-type", "--format", "csv", "--output", str(LABELS))
    status = _manage(home, "status", "--json")
    documents, money = status["documents"], status["money"]
    return {
        "documents": sum(documents.values()),
        "labeled": documents["labeled"],
        "failed": documents["failed"],
        "list_usd": money["list_usd"],
        "paid_usd": money["paid_usd"],
        "saved_usd": money["saved_usd"],
        "file": str(LABELS),
    }


def _manage(home: Path, *arguments: str, check: bool = True) -> dict[str, Any]:
    """One operator command in the demo's installation; returns its JSON summary, empty if it has none."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    environment |= {"NIGHTSHIFT_HOME": str(home), "NIGHTSHIFT_LOOPBACK_ONLY": "1"}
    done = subprocess.run(
        [sys.executable, str(CHECKOUT / "manage.py"), *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if check and done.returncode:
        raise DemoFailed(f"`manage.py {arguments[0]}` ended with {done.returncode}; its words are above.")
    last = done.stdout.strip().rsplit("\n", 1)[-1]
    return dict(json.loads(last)) if last.startswith("{") else {}


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
