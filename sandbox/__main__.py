"""`python -m sandbox`: start, say where, serve until told to stop.

Exit codes: 0 after SIGTERM, SIGINT or the end of standard input (with --end-with-stdin); 2 with one sentence on
standard error when it cannot start (a bad setting, a taken port, a state folder in use).
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import sys
import threading
from typing import NoReturn

from sandbox.account import Account
from sandbox.answers import AnswerDesk
from sandbox.batches import Batches
from sandbox.behavior import Behavior
from sandbox.clock import Clock
from sandbox.exchange import Sandbox
from sandbox.faults import Faults
from sandbox.server import Server
from sandbox.settings import Settings, SettingsError, read_settings
from sandbox.store import StateInUseError, Store


def main() -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings = read_settings(sys.argv[1:])
        sandbox = build(settings)
        server = Server(settings.host, settings.port, sandbox)
    except (SettingsError, StateInUseError) as error:
        _refuse(str(error))
    except OSError as error:
        _refuse(_sentence(error, settings))
    sandbox.batches.start()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    if settings.end_with_stdin:
        threading.Thread(target=_await_end_of_input, args=(stop,), daemon=True).start()
    print(json.dumps({"url": server.url, "pid": os.getpid()}), flush=True)
    stop.wait()
    server.shutdown()
    sandbox.batches.stop()


def build(settings: Settings) -> Sandbox:
    """All parts, wired. Raises StateInUseError, or OSError for a folder that cannot be written."""
    store = Store(settings.state)
    clock = Clock(store.setting("clock_offset") or 0.0)
    account = Account(settings.state)
    behavior = Behavior(settings, store)
    desk = AnswerDesk()
    batches = Batches(store, account, desk, behavior, clock)
    faults = Faults(settings.faults, store, behavior, clock)
    return Sandbox(settings, clock, store, account, behavior, desk, batches, faults)


def _await_end_of_input(stop: threading.Event) -> None:
    # A standard input that cannot be read has ended too.
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    stop.set()


def _sentence(error: OSError, settings: Settings) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {settings.port} on {settings.host} is taken by another program."
    return f"The sandbox cannot start: {error.strerror or error}."


def _refuse(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
