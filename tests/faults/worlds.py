"""What is in a house before its case begins: labeling tasks and documents, imported once and copied for every case."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from batchsite.embedded_postgres import server
from tests.faults.house import House

TASK = """
[[task]]
slug = "colors"
name = "Colors"
kind = "classify"
model = "{model}"
max_tokens = {max_tokens}
instructions = "Name the color."
labels = ["red", "green", "blue", "other"]
"""


@dataclass(frozen=True)
class World:
    """Texts of one upload under one task; a text that is there twice is one document and its copy."""

    texts: tuple[str, ...]
    lane: tuple[str, ...] = ("--leave", "now")
    model: str = "claude-haiku-4-5"
    max_tokens: int = 64
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def leaders(self) -> int:
        return len(set(self.texts))


def _texts(count: int) -> tuple[str, ...]:
    colors = ("red", "green", "blue")
    return tuple(f"Number {n} of the things that we saw was {colors[n % 3]}." for n in range(count))


_LARGE = tuple(f"Thing {n} was blue. " + "It was long. " * 4000 for n in range(12))

WORLDS: dict[str, World] = {
    # Three batches of twelve, and five copies.
    "three batches": World(_texts(36) + _texts(5)),
    "one batch": World(_texts(10) + _texts(2)),
    # The body is larger than what leaves at once, so it can break off in the middle.
    "large body": World(_LARGE),
    # More lines than one chunk holds: by bytes, because each answer thinks six million characters aloud.
    "large answers": World(tuple(f"Thing {n} was red. [[long 6000000]]" for n in range(7))),
    "tonight": World(_texts(10), lane=("--leave", "tonight")),
    "urgent": World(_texts(9) + _texts(2), lane=("--lane", "urgent")),
    "urgent, overloaded at first": World(
        (*_texts(5), "Number 6 was blue. [[error overloaded_error 1]]"), lane=("--lane", "urgent")
    ),
    "canary": World(_texts(110), settings={"NIGHTSHIFT_CANARY": "1", "NIGHTSHIFT_BATCH_REQUESTS": "60"}),
    # Every answer is cut off, so the canary fails and holds the task.
    "canary that fails": World(
        tuple(f"{text} [[cut off]]" for text in _texts(110)), settings={"NIGHTSHIFT_CANARY": "1"}
    ),
}


class Worlds:
    """One database server for all cases; each world is made once, as a template."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "pg"
        self._where = server.ensure(self._data)
        self._made: set[str] = set()
        self._number = 0
        self._lock = threading.Lock()

    def close(self) -> None:
        server.stop(self._data, even_if_connected=True)

    @contextmanager
    def house(self, name: str, **settings: str) -> Iterator[House]:
        """A house in this world, gone with its database at the end of the block."""
        with self._lock:
            if name not in self._made:
                self._make(name)
                self._made.add(name)
            self._number += 1
            database = f"case_{self._number}"
            self._execute("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", database, _template(name))
        try:
            with House(self._url(database), {**WORLDS[name].settings, **settings}) as house:
                yield house
        finally:
            self._execute("DROP DATABASE {} WITH (FORCE)", database)

    @contextmanager
    def empty_house(self) -> Iterator[House]:
        """A house whose database has no table yet."""
        with self._lock:
            self._number += 1
            database = f"case_{self._number}"
            self._execute("CREATE DATABASE {}", database)
        try:
            with House(self._url(database)) as house:
                yield house
        finally:
            self._execute("DROP DATABASE {} WITH (FORCE)", database)

    @contextmanager
    def house_with_server(self, name: str, **settings: str) -> Iterator[House]:
        """The same, with the server that comes with the product in the folder of the house."""
        with self.new_house_with_server({**WORLDS[name].settings, **settings}) as house:
            assert house.run("migrate", "--verbosity", "0") == 0, house.said()
            fill(house, WORLDS[name])
            yield house

    @contextmanager
    def new_house_with_server(self, settings: dict[str, str] | None = None) -> Iterator[House]:
        """The server that comes with the product, just made, and a database without a table."""
        with House(None, settings) as house:
            data = house.home / "pg"
            try:
                house.address = _url(server.ensure(data, "nightshift"), "nightshift")
                yield house
            finally:
                server.stop(data, even_if_connected=True)

    def _make(self, name: str) -> None:
        if not self._made:
            self._execute("CREATE DATABASE {}", "laid")
            with House(self._url("laid")) as house:
                assert house.run("migrate", "--verbosity", "0") == 0, house.said()
            self._made.add("")
        self._execute("CREATE DATABASE {} TEMPLATE {}", _template(name), "laid")
        with House(self._url(_template(name))) as house:
            fill(house, WORLDS[name])

    def _url(self, database: str) -> str:
        return _url(self._where, database)

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(**self._where, user="postgres", dbname="postgres", autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def fill(house: House, world: World) -> None:
    """Load the task and import the documents, as an operator does."""
    task, file = house.home / "tasks.toml", house.home / "documents.txt"
    task.write_text(TASK.format(model=world.model, max_tokens=world.max_tokens))
    file.write_text("".join(f"{text}\n" for text in world.texts))
    assert house.run("load_tasks", str(task)) == 0, house.said()
    assert house.run("import_documents", str(file), "--task", "colors", *world.lane) == 0, house.said()


def _url(where: dict[str, Any], database: str) -> str:
    return f"postgresql://postgres@/{database}?host={quote(where['host'], safe='')}&port={where['port']}"


def _template(name: str) -> str:
    return "world_" + re.sub(r"\W+", "_", name)
