#!/usr/bin/env python3
"""Runs a command of Nightshift: `python manage.py help` lists them."""

import sys


def main() -> int:
    if sys.version_info < (3, 11):  # noqa: UP036 -- the one file that an old Python may read
        print("Nightshift needs Python 3.11 or newer.", file=sys.stderr)
        return 1
    try:
        from batchsite.command_line import run
    except ModuleNotFoundError as error:
        print(
            f"The Python package {error.name!r} is not installed here. Run `make run` once: it installs everything "
            "into .venv; then use `.venv/bin/python manage.py`.",
            file=sys.stderr,
        )
        return 1
    return run(sys.argv)


if __name__ == "__main__":
    sys.exit(main())
