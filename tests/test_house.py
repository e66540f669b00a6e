"""Name what is missing: explanations, tests of codes, examples, short modules, homes of libraries."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from platformstate.errors import registry

HOME = Path(__file__).parent.parent
SOURCE = HOME / "platformstate"
GENERATED = {"core/catalog.py", "entities/choices.py", "entities/shapes.py", "exporter/tables.py"}
MAX_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_COMMAND_LINES = 12
MAX_TYPE_IGNORES = 5
PENDING_AT_MOST = 58  # lower it when commands arrive; it never rises

# What `doctor` finds only on a machine that no test can count on.
NOT_ON_EVERY_MACHINE = {"disk_low", "filesystem_network"}

# A library, or a way to reach out, and the only places that may import it.
HOMES = {
    "click": ("cli/",),
    "git": ("gitrepo/",),
    "gitdb": ("gitrepo/",),
    "subprocess": ("gitrepo/",),
    "yaml": ("codec/",),
    "frontmatter": ("codec/frontmatter_handler.py",),
    "jsonschema": ("validation",),
    "jsonschema_rs": ("validation",),
    "sqlite3": ("exporter/",),
    "psycopg": ("exporter/",),
    "fcntl": ("files/", "store/", "runner/"),
    "random": (),
    "secrets": ("store/",),
    "socket": ("gitrepo/", "store/", "files/"),
    "logging": ("exporter/pg_connect.py",),  # it silences the driver
    "urllib": (),
    "http": (),
}
PURE = ("core/", "entities/", "codec/", "policy/")
IMPURE_MODULES = {
    "os",
    "sys",
    "subprocess",
    "random",
    "secrets",
    "time",
    "tempfile",
    "shutil",
    "socket",
    "pathlib",
}


@cache
def _modules() -> dict[str, ast.Module]:
    return {
        path.relative_to(SOURCE).as_posix(): ast.parse(path.read_text("utf-8"))
        for path in sorted(SOURCE.rglob("*.py"))
    }


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def _lines(name: str) -> set[str]:
    return set((HOME / "tests" / name).read_text("utf-8").splitlines())


def test_every_library_stays_in_its_home() -> None:
    strays = [
        f"{name} imports {library}"
        for name, tree in _modules().items()
        for library in set(_imports(tree)) & set(HOMES)
        if not name.startswith(HOMES[library] or ("nowhere",))
    ]
    assert strays == []


def test_the_pure_layers_touch_no_disk_clock_process_or_chance() -> None:
    strays = [
        f"{name} imports {module}"
        for name, tree in _modules().items()
        if name.startswith(PURE)
        for module in set(_imports(tree)) & IMPURE_MODULES
        if (name, module) != ("codec/frontmatter_handler.py", "sys")
    ]
    assert strays == []


def test_no_module_is_longer_than_400_lines() -> None:
    sizes = {name: len((SOURCE / name).read_text("utf-8").splitlines()) for name in _modules()}
    assert {name: size for name, size in sizes.items() if size > MAX_LINES and name not in GENERATED} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    long = [
        f"{name}:{found.lineno} {found.name}"
        for name, tree in _modules().items()
        for found in _functions(tree)
        if (found.end_lineno or 0) - found.lineno >= MAX_FUNCTION_LINES and name not in GENERATED
    ]
    assert long == []


def test_a_command_body_parses_calls_and_prints() -> None:
    long = [
        f"{name}:{found.lineno} {found.name}"
        for name, tree in _modules().items()
        if name.startswith("cli/")
        for found in _functions(tree)
        if any("command(" in ast.unparse(decorator) for decorator in found.decorator_list)
        if (found.body[-1].end_lineno or 0) - found.body[0].lineno > MAX_COMMAND_LINES
    ]
    assert long == []


def test_one_place_catches_every_exception() -> None:
    places = [
        name
        for name, tree in _modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        if node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
    ]
    assert places == ["cli/__init__.py"]


def test_public_functions_have_a_docstring() -> None:
    silent = [
        f"{name}:{node.lineno} {node.name}"
        for name, tree in _modules().items()
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        if ast.get_docstring(node) is None and name not in GENERATED
    ]
    assert silent == []


def test_ignored_types_are_few_and_have_a_reason() -> None:
    found = [
        line
        for path in SOURCE.rglob("*.py")
        for line in path.read_text("utf-8").splitlines()
        if "type: ignore" in line
    ]
    assert len(found) <= MAX_TYPE_IGNORES
    assert [line for line in found if not re.search(r"type: ignore\[[a-z-]+\]  # \w", line)] == []


def test_every_code_is_explained_or_pending() -> None:
    pending = _lines("codes_pending.txt")
    parts = ("summary", "cause", "example", "fix")
    bare = [code for code, entry in registry().items() if not all(entry.get(part) for part in parts)]
    assert [code for code in bare if code not in pending] == []
    assert pending <= set(registry())
    assert len(pending) <= PENDING_AT_MOST


def test_every_code_has_a_test_or_is_pending() -> None:
    texts = [
        path.read_text("utf-8") for path in (HOME / "tests").rglob("*.py") if path.name != "test_house.py"
    ]
    texts += [path.read_text("utf-8", "replace") for path in (HOME / "tests").rglob("*.json")]
    texts += [path.read_text("utf-8", "replace") for path in (HOME / "examples").rglob("*") if path.is_file()]
    named = set(re.findall(r"[a-z]+(?:_[a-z]+)*", "\n".join(texts))) | NOT_ON_EVERY_MACHINE
    assert [
        code for code in registry() if code not in named and code not in _lines("codes_pending.txt")
    ] == []


def test_every_code_that_the_program_raises_is_explained() -> None:
    literal = {
        node.value
        for tree in _modules().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    raised = [code for code in registry() if code in literal]
    assert [code for code in raised if not registry()[code].get("fix")] == []


def test_codes_are_never_removed_and_keep_their_exit_status() -> None:
    known = dict(line.split(" ", 1) for line in _lines("codes_known.txt"))
    now = {
        code: f"{'-' if entry['exit'] is None else entry['exit']} {entry['family']}"
        for code, entry in registry().items()
    }
    assert {code: text for code, text in known.items() if now.get(code) != text} == {}
    assert set(now) == set(known), "add the new codes to tests/codes_known.txt"


def test_every_setting_in_the_source_is_documented() -> None:
    settings = json.loads((SOURCE / "settings.json").read_text("utf-8"))
    keys = {row["key"].lower() for row in settings["config"]}
    names = {row["name"] for row in settings["environment"]}
    source = "\n".join(path.read_text("utf-8") for path in SOURCE.rglob("*.py"))
    assert set(re.findall(r"\bPLATFORMSTATE_[A-Z_]+[A-Z]\b", source)) <= names
    used = set(re.findall(r"platformstate\.([a-z]+[A-Z][A-Za-z]+)\b", source))
    assert {key for key in used if key.lower() not in keys} == set()


@pytest.mark.parametrize("path", sorted((HOME / "schemas").glob("*.schema.json")), ids=lambda path: path.name)
def test_every_kind_has_examples(path: Path) -> None:
    kind = path.name.removesuffix(".schema.json")
    for verdict in ("valid", "invalid"):
        assert any((HOME / "examples" / kind / verdict).glob("*")), f"examples/{kind}/{verdict} is missing"
