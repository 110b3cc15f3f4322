"""Imports run downwards only, as docs/architecture.md draws the house."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

PURE = (
    "labeling.states",
    "labeling.messages",
    "labeling.money.pricing",
    "labeling.money.estimating",
    "labeling.money.worst_case",
    "labeling.nights",
    "labeling.shares",
    "labeling.ahead",
    "labeling.files",
)
NO_ROWS_NO_NETWORK = ("django", "django_q", "psycopg", "anthropic", "httpx", "httpx2", "batchsite", "sandbox")

STAGES = (
    "build",
    "bulk",
    "cancel",
    "canary",
    "counting",
    "decide",
    "doubt",
    "erase",
    "hold",
    "ingest",
    "intake",
    "listing",
    "measure",
    "moving",
    "poll",
    "prove",
    "recover",
    "release",
    "restored",
    "send_now",
    "settle",
    "submit",
    "trial",
    "trying",
    "urgent",
)
DOORS = ("labeling.views", "labeling.admin", "labeling.tasks", "labeling.management", "labeling.forms")
MAY_NAME_A_DOOR = ("labeling.urls", "labeling.apps", "batchsite.urls", "batchsite.settings")
READING_SIDE = ("labeling.reports", "labeling.exports")
TRANSITIONS_MAY_USE = (
    "labeling.transitions",
    "labeling.models",
    "labeling.querysets",
    "labeling.faults",
    *PURE,
)
ROWS_MAY_USE = ("labeling.models", "labeling.querysets", *PURE)


def modules(package: str) -> Iterator[tuple[str, Path]]:
    """(dotted name, file) of every module of a package or of one module, migrations left out."""
    place = ROOT / package.replace(".", "/")
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    for file in files:
        if "migrations" in file.parts:
            continue
        parts = file.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), file


@cache
def imports(file: Path, module: str) -> frozenset[str]:
    """Everything that a file imports, wherever in the file: modules, and the names taken from them."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return frozenset(found)


def is_in(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)


def own(names: frozenset[str]) -> set[str]:
    """The imported modules of this repository, without the names taken from them."""
    return {
        name
        for name in names
        if (ROOT / name.replace(".", "/")).is_dir() or (ROOT / name.replace(".", "/")).with_suffix(".py").is_file()
    } - {"labeling"}


def test_there_is_something_to_check() -> None:
    checked = dict(modules("labeling"))
    assert {f"labeling.pipeline.{stage}" for stage in STAGES} <= set(checked)
    assert "labeling.models.batches" in imports(checked["labeling.models"], "labeling.models")


@pytest.mark.parametrize("room", PURE)
def test_a_pure_room_knows_neither_rows_nor_network_nor_the_rooms_above(room: str) -> None:
    for module, file in modules(room):
        names = imports(file, module)
        assert not {name for name in names if is_in(name, NO_ROWS_NO_NETWORK)}, module
        assert all(is_in(name, PURE) for name in own(names)), module


def test_only_batch_api_imports_the_sdk() -> None:
    importers = {
        module
        for package in ("labeling", "batchsite", "manage")
        for module, file in modules(package)
        if any(is_in(name, ("anthropic",)) for name in imports(file, module))
    }
    assert importers
    assert all(is_in(module, ("labeling.batch_api",)) for module in importers), importers


def test_the_batch_api_knows_no_rows() -> None:
    for module, file in modules("labeling.batch_api"):
        names = imports(file, module)
        above = ("django", "labeling.models", "labeling.pipeline", "labeling.transitions", "labeling.configuration")
        assert not {name for name in names if is_in(name, above)}, module


@pytest.mark.parametrize("stage", STAGES)
def test_stages_do_not_import_each_other(stage: str) -> None:
    module = f"labeling.pipeline.{stage}"
    ((_, file),) = modules(module)
    rest = (*STAGES, "conductor", "pausing", "wishes", "withdraw")
    others = tuple(f"labeling.pipeline.{other}" for other in rest if other != stage)
    assert not {name for name in imports(file, module) if is_in(name, others)}


def test_every_stage_is_checked() -> None:
    helpers = {"accounts", "conductor", "define", "drafts", "mirror", "pausing", "whose", "wishes", "withdraw"}
    found = {module.rpartition(".")[2] for module, _ in modules("labeling.pipeline")} - {"pipeline"}
    assert found == set(STAGES) | helpers


def test_the_pipeline_knows_no_door_and_no_report() -> None:
    for module, file in modules("labeling.pipeline"):
        assert not {name for name in imports(file, module) if is_in(name, (*DOORS, *READING_SIDE))}, module


@pytest.mark.parametrize("door", DOORS)
def test_doors_do_not_import_each_other(door: str) -> None:
    others = tuple(other for other in DOORS if other != door)
    if door == "labeling.views":
        others = tuple(other for other in others if other != "labeling.forms")
    for module, file in modules(door):
        assert not {name for name in imports(file, module) if is_in(name, others)}, module


def test_only_urls_and_apps_import_a_door() -> None:
    inside = (*DOORS, "labeling.templatetags", "labeling.admin_site")
    for package in ("labeling", "batchsite"):
        for module, file in modules(package):
            if not is_in(module, (*inside, *MAY_NAME_A_DOOR)):
                assert not {name for name in imports(file, module) if is_in(name, DOORS)}, module


@pytest.mark.parametrize("room", READING_SIDE)
def test_the_reading_side_never_writes_and_never_calls_the_pipeline(room: str) -> None:
    forbidden = ("labeling.pipeline", "labeling.transitions", "labeling.batch_api", *DOORS)
    for module, file in modules(room):
        assert not {name for name in imports(file, module) if is_in(name, forbidden)}, module


def test_what_goes_out_is_known_to_doors_alone() -> None:
    for module, file in modules("labeling"):
        if not is_in(module, ("labeling.outgoing", *DOORS)):
            assert not {name for name in imports(file, module) if is_in(name, ("labeling.outgoing",))}, module


def test_only_what_goes_out_imports_apprise() -> None:
    for package in ("labeling", "batchsite"):
        for module, file in modules(package):
            if any(is_in(name, ("apprise", "standardwebhooks")) for name in imports(file, module)):
                assert is_in(module, ("labeling.outgoing",)), module


def test_transitions_rest_on_rows_and_pure_rooms() -> None:
    for module, file in modules("labeling.transitions"):
        assert all(is_in(name, TRANSITIONS_MAY_USE) for name in own(imports(file, module))), module


@pytest.mark.parametrize("room", ["labeling.models", "labeling.querysets"])
def test_rows_rest_on_pure_rooms(room: str) -> None:
    for module, file in modules(room):
        assert all(is_in(name, ROWS_MAY_USE) for name in own(imports(file, module))), module


def test_the_wiring_has_no_business_word() -> None:
    """batchsite knows where the product's urls are, and nothing else of it."""
    for module, file in modules("batchsite"):
        named = {name for name in own(imports(file, module)) if is_in(name, ("labeling",))}
        assert not named or module == "batchsite.urls", (module, named)


def test_the_sandbox_knows_neither_django_nor_the_product() -> None:
    for module, file in modules("sandbox"):
        foreign = ("django", "labeling", "batchsite", "anthropic", "django_q")
        assert not {name for name in imports(file, module) if is_in(name, foreign)}, module


LOADED = """
import sys
{what}
print(" ".join(name for name in ("anthropic", "apprise", "django", "labeling", "openpyxl") if name in sys.modules))
"""


def loaded_by(what: str) -> set[str]:
    """Which of the heavy packages a new process has after running this."""
    process = subprocess.run(
        [sys.executable, "-c", LOADED.format(what=what)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert process.returncode == 0, process.stderr
    return set(process.stdout.split())


def test_the_web_process_does_not_import_the_sdk() -> None:
    pages = "import batchsite.wsgi; from django.urls import get_resolver; get_resolver().url_patterns"
    deep = "; [list(getattr(p, 'url_patterns', ())) for p in get_resolver().url_patterns]"
    found = loaded_by(pages + deep)
    assert "labeling" in found
    assert not found & {"anthropic", "apprise"}


def test_a_cluster_starts_without_what_is_large() -> None:
    assert not loaded_by("import django; django.setup(); import labeling.tasks") & {"anthropic", "apprise"}


def test_a_running_sandbox_has_loaded_neither_django_nor_the_product() -> None:
    assert loaded_by("import sandbox.__main__") == set()
