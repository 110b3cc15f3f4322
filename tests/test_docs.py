"""The documents say what the code does: tables, commands, links and names are compared with it."""

import re
from datetime import time
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from django.urls import resolve

from batchsite import environment
from docs import screenshots
from labeling import ledger
from labeling.configuration import Configuration, variable
from labeling.messages import rules
from labeling.states import BatchState, DocumentState, FailureReason, Outcome, UploadState
from tests.web.addresses import TABLE

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*.md"), *ROOT.glob("sandbox/*.md"))
    if path.is_file()
)
IN_WORDS = {"made at the first start", "embedded PostgreSQL", "the API's", "`var/` in the checkout", "none", "off"}
"""Defaults of the start-time environment that are no value but a sentence; each is checked below."""

NO_PAGES = ("_csv", "_answers", "_labels", "_original", "_refused", "_requests", "_results", "health", "service_worker")
"""How the names of addresses end that answer with a file, or to a program."""

PLACES = {"{yesterday}": "2026-11-19", "{selection}": "Ab12Cd34Ef56"} | dict.fromkeys(
    ("{in_flight}", "{ended}", "{open}", "{doubtful}"), "1"
)


@cache
def text_of(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def section(path: str, heading: str) -> str:
    """The lines below a heading, up to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", text_of(path), re.MULTILINE | re.DOTALL)
    assert found, f"{path} has no section {heading}"
    return found[1]


def rows(table: str) -> list[list[str]]:
    """The cells of every row of the Markdown tables in a text, headers left out."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rulers = {place for place, row in enumerate(cells) if set("".join(row)) <= set("-: ")}
    return [row for place, row in enumerate(cells) if place not in rulers and place + 1 not in rulers]


def prose(path: str) -> str:
    """The text without its fenced and indented code."""
    return re.sub(r"^```.*?^```|^ {4}.*?$", "", text_of(path), flags=re.MULTILINE | re.DOTALL)


# --- the table of rules ----------------------------------------------------------------------------------------------


def rule_in_words(rule: rules.Rule) -> str:
    return "again" if rule.again else f"`{rule.failure}`" if rule.failure else "read"


@pytest.mark.parametrize(
    ("heading", "in_code", "of_an_unknown_word"),
    [
        ("Result types", rules.RESULT_RULES, rules.rule_for_result("a word of next year")),
        ("Error types", rules.ERROR_RULES, rules.rule_for_error("a word of next year")),
        ("Stop reasons", rules.STOP_RULES, rules.rule_for_stop("a word of next year")),
    ],
)
def test_the_table_of_rules_is_that_of_the_code(heading, in_code, of_an_unknown_word):
    written = {row[0].strip("`"): row[1] for row in rows(section("docs/reliability.md", heading))}
    assert written.pop("any other") == rule_in_words(of_an_unknown_word)
    assert written.pop("errored", "by its error type") == "by its error type"
    assert written == {str(word): rule_in_words(rule) for word, rule in in_code.items()}


def test_the_spend_limit_codes_are_those_of_the_code():
    written = set(re.findall(r"`(\w+_spend_limit_\w+)`", section("docs/reliability.md", "Error types")))
    assert written == rules.SPEND_LIMIT_CODES


@pytest.mark.django_db
def test_the_identities_of_the_book_are_those_of_the_code():
    written = [row[0].strip("`") for row in rows(section("docs/reliability.md", "The book"))]
    assert written == [identity.name for identity in ledger.identities()]


def test_every_failure_reason_says_what_to_do():
    written = {row[0].strip("`") for row in rows(section("docs/operations.md", "Failed documents"))}
    assert written == set(FailureReason)


def test_every_trouble_says_what_to_do():
    code = text_of("labeling/health/troubles.py")
    gate_kinds = re.findall(r'"(\w+)"', re.search(r"for k in \((.*?)\)", text_of("labeling/models/operations.py"))[1])
    kinds = set(re.findall(r'Trouble\(\s*"(\w+)"', code)) | {f"paused_by_{kind}" for kind in gate_kinds}
    assert {row[0].strip("`") for row in rows(section("docs/operations.md", "Troubles, and what to do"))} == kinds


def test_every_test_that_proves_a_fault_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", text_of("docs/reliability.md"))
    assert named
    assert [(file, name) for file, name in named if f"def {name}(" not in text_of(file)] == []


# --- states ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heading", "states", "not_reached"),
    [
        ("Upload", UploadState, set()),
        ("Batch", BatchState, set()),
        ("Document", DocumentState, set()),
        ("Request", Outcome, set()),
    ],
)
def test_every_state_is_drawn(heading, states, not_reached):
    drawn = set(re.findall(r"(\w+)(?= -->)|(?<=--> )(\w+)", section("docs/architecture.md", heading)))
    assert {one or other for one, other in drawn} == set(states) - not_reached


def test_every_move_of_a_batch_in_the_code_is_drawn():
    """Where the code names both states of a move, the picture has the arrow."""
    drawn = set(re.findall(r"(\w+) --> (\w+)", section("docs/architecture.md", "Batch")))
    moves = {
        (BatchState[source].value, BatchState[target].value)
        for file in (ROOT / "labeling" / "pipeline").glob("*.py")
        for source, target in re.findall(
            r"batches\.move\(\s*batch,\s*BatchState\.(\w+),\s*BatchState\.(\w+)", file.read_text()
        )
    }
    assert moves
    assert moves - drawn == set()


# --- settings --------------------------------------------------------------------------------------------------------


def settings_in_the_readme() -> dict[str, str]:
    return {row[0].strip("`"): row[1] for row in rows(section("README.md", "Settings"))}


def in_words(default: object) -> str:
    match default:
        case None:
            return "none"
        case bool():
            return "`on`" if default else "`off`"
        case time():
            return f"`{default:%H:%M}`"
    return f"`{default}`"


def test_every_setting_of_the_product_is_in_the_readme_with_its_default():
    written = settings_in_the_readme()
    fields = Configuration.model_fields.items()
    in_code = {variable(name): in_words(field.default) for name, field in fields}
    assert {name: written.get(name) for name in in_code} == in_code


def test_every_variable_of_the_readme_is_read_by_the_code():
    of_the_product = {variable(name) for name in Configuration.model_fields}
    at_the_start = set(re.findall(r'_text\(env, "(\w+)"', text_of("batchsite/environment.py")))
    told = set(re.findall(r'"(NIGHTSHIFT_[A-Z_]+)"', text_of("batchsite/addresses.py")))
    written = {name for names in settings_in_the_readme() for name in names.replace("`", "").split(", ")}
    assert written == of_the_product | at_the_start | told


def test_the_defaults_of_the_start_are_those_of_the_readme(monkeypatch):
    written = settings_in_the_readme()
    at_the_start = set(re.findall(r'_text\(env, "(\w+)"', text_of("batchsite/environment.py")))
    for name in at_the_start:
        monkeypatch.delenv(name, raising=False)
    found = environment.read_environment()
    assert {written["HOST"], written["PORT"]} == {f"`{found.host}`", f"`{found.port}`"}
    assert found.home == ROOT / "var"
    assert {
        found.database_url,
        found.api_key,
        found.auth_token,
        found.base_url,
        found.public_url,
        found.secret_key,
    } == {None}
    assert {found.loopback_only, found.debug} == {False}
    assert {written[name] for name in at_the_start - {"HOST", "PORT"}} <= IN_WORDS


# --- names, links, dependencies ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [str(path.relative_to(ROOT)) for path in DOCUMENTS])
def test_every_make_target_that_is_named_exists(path):
    targets = set(re.findall(r"^([a-z][\w-]*):", text_of("Makefile"), re.MULTILINE))
    named = re.findall(r"(?:`|^ {4})make ([a-z][\w-]*)", text_of(path), re.MULTILINE)
    assert set(named) <= targets


@pytest.mark.parametrize("path", [str(path.relative_to(ROOT)) for path in DOCUMENTS])
def test_every_command_that_is_named_exists(path):
    named = set(re.findall(r"manage\.py ([a-z]\w+)", text_of(path)))
    from django.core.management import get_commands

    assert named <= set(get_commands())


@pytest.mark.parametrize("path", [str(path.relative_to(ROOT)) for path in DOCUMENTS])
def test_every_link_leads_somewhere(path):
    links = re.findall(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)", prose(path))
    broken = [link for link in links if not re.match(r"https?:", link) and not leads_somewhere(ROOT / path, link)]
    assert broken == []


def leads_somewhere(document: Path, link: str) -> bool:
    place, _, anchor = link.partition("#")
    target = (document.parent / place).resolve() if place else document
    return target.exists() and (not anchor or anchor in anchors(target))


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as they are made on the web: lower case, words joined by hyphens."""
    headings = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_picture_has_words_beside_it():
    pictures = [picture for path in DOCUMENTS for picture in re.findall(r"!\[([^\]]*)\]\(", path.read_text("utf-8"))]
    assert pictures
    assert all(len(words) > 20 for words in pictures)


def test_every_page_has_its_picture_and_every_picture_its_place():
    """The pages are those of the table of addresses; downloads, live parts, and answers for programs are none."""
    looked_at = {
        resolve(re.sub(r"{\w+}", lambda part: PLACES[part[0]], path).partition("?")[0]).url_name
        for path in screenshots.PAGES.values()
        if path != screenshots.WORKED_IN["not-found"]
    }
    pages = {a.name for a in TABLE if "GET" in a.methods and not a.is_live and not a.name.endswith(NO_PAGES)}
    assert pages - looked_at == set()
    shown = re.findall(r"\(screenshots/(\S+)\)", text_of("docs/screens.md"))
    assert sorted(shown) == sorted(f"{name}-{look}.webp" for name in screenshots.PAGES for look in ("light", "dark"))
    assert sorted(shown) == sorted(file.name for file in screenshots.PICTURES.iterdir())


def test_all_pictures_together_are_small():
    assert sum(file.stat().st_size for file in screenshots.PICTURES.iterdir()) < 6_000_000


@pytest.mark.parametrize(
    ("requirements", "heading"), [("requirements.in", "To run"), ("requirements-dev.in", "To test and check")]
)
def test_every_direct_dependency_has_its_row(requirements, heading):
    wanted = re.findall(r"^([\w-]+)(?:\[\w+\])?==", text_of(requirements), re.MULTILINE)
    table = rows(section("docs/dependencies.md", heading))
    assert [row[0] for row in table] == sorted(wanted)
    assert [row[0] for row in table if not (row[1] and row[3])] == []


def test_the_life_of_a_document_is_told_as_in_the_code():
    story = [line for line in (import_module("labeling.pipeline").__doc__ or "").splitlines() if " -> " in line]
    told = section("docs/architecture.md", "The life of a document")
    assert len(story) == 7
    assert [line for line in story if " ".join(line.split()) not in " ".join(told.split())] == []


@pytest.mark.parametrize("path", [str(path.relative_to(ROOT)) for path in DOCUMENTS])
def test_no_document_names_a_place_of_somebodys_machine(path):
    assert re.findall(r"(?<![\w.])/(?:home|root|tmp|work|Users)/\S*", text_of(path)) == []
