"""The long half: every hostile file by itself through the real command, and mutations of valid files."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platformstate import packaged, validation
from platformstate.actions.merge_driver import Versions, settled
from platformstate.codec.formatting import formatted
from platformstate.codec.record import parse
from platformstate.core.places import place_of
from platformstate.policy.plain_text import plain_text
from platformstate.policy.semantic_diff import Sides, differing
from tests.security.child import MEMORY_BYTES
from tests.security.corpus import CORPUS
from tests.security.making import Hostile
from tests.security.test_corpus import UNSAFE, snapshot, store_with

pytestmark = pytest.mark.soak
SECONDS = 2
ENDS = {0, 1, 2, 3, 4, 5, 7}
COMMANDS = (
    ["validate"],
    ["diff", "--all"],
    ["diff", "--format", "md"],
    ["fmt", "--check"],
    ["task", "list"],
    ["doctor"],
)
EXAMPLES = {
    path.relative_to(packaged.folder("examples") / "store").as_posix(): path.read_bytes()
    for path in sorted((packaged.folder("examples") / "store" / "state").rglob("*"))
    if path.is_file()
}
MAIN_EXAMPLES = [path for path in EXAMPLES if path.endswith((".md", ".yaml", ".json"))]


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (2 * MEMORY_BYTES, 2 * MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS + 1, SECONDS + 1))


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_alone_through_every_command_within_two_seconds(case: Hostile, tmp_path: Path) -> None:
    repo = store_with(tmp_path / "repo", case)
    before = snapshot(tmp_path)
    name = case.name if not case.path else "gh-460"
    commands = (
        *COMMANDS,
        ["task", "show", name],
        ["memory", "brief", "--task", name],
        ["textconv", case.place],
    )
    for argv in commands:
        ran = subprocess.run(
            [sys.executable, "-m", "platformstate", "-C", str(repo.root), *argv],
            capture_output=True,
            preexec_fn=limited,
            timeout=60,
            check=False,
        )
        assert ran.returncode in ENDS, (argv, ran.stderr[-500:])
        assert b"Traceback" not in ran.stderr
        assert not UNSAFE.search((ran.stdout + ran.stderr).decode("utf-8", "replace")), argv
    assert snapshot(tmp_path) == before
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert used * (1 if sys.platform == "darwin" else 1024) < MEMORY_BYTES


def read_all(path: str, before: bytes, data: bytes) -> None:
    """Do everything that reads one file; nothing may raise, and every finding must be whole."""
    place = place_of(path)
    assert place is not None
    for problem in validation.read(data, path).problems:
        assert problem.fix
        assert problem.line >= 1
        assert problem.col >= 1
    first = formatted(data, path)
    if first.text is not None:
        assert formatted(first.text.encode(), path).text == first.text
    formatted(data, path, fix=True)
    plain_text(data, path)
    differing(Sides(frozenset({path}), {path: before}, {path: data}))
    found = settled(Versions(before, before, data), path)
    assert not found.clean or found.data in (data, before) or parse(found.data, path).document


PIECES = st.sampled_from(
    [b"\0", b"\xff", b"\xef\xbb\xbf", b"\r", b"\r\n", b"\n---\n", b"---", b"...", b"&a ", b"*a", b"!!x ", b"<<: ",
     b"? ", b"- ", b": ", b" #x", b"#", b"'", b'"', b"[", b"]", b"{", b"}", b"|\n", b">-\n", b"%", b"@", b"`", b"\t",
     b"null", b"~", b"no", b"1e999", b"9" * 400, b"\xe2\x80\xae", b"\x1b[2J", b"<<<<<<< a\n", b"=======\n",
     b">>>>>>> b\n", b"AKIAABCDEFGHIJKLMNOP", b"\\u0000", b"../", b"$ref: x", b"x-a: ", b"schema: task/1\n"]
)  # fmt: skip


@settings(max_examples=3_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(MAIN_EXAMPLES),
    st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 12), st.one_of(PIECES, st.binary(max_size=4))), max_size=4
    ),
)
def test_mutated_bytes_never_raise(path: str, edits: list[tuple[float, int, bytes]]) -> None:
    data = EXAMPLES[path]
    for where, cut, put in edits:
        at = int(where * len(data))
        data = data[:at] + put + data[at + cut :]
    read_all(path, EXAMPLES[path], data)


LINES = st.sampled_from(
    [line for path in MAIN_EXAMPLES for line in EXAMPLES[path].splitlines(keepends=True)]
)  # fmt: skip


@settings(max_examples=3_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(MAIN_EXAMPLES), st.data())
def test_records_of_other_lines_never_raise(path: str, data: st.DataObject) -> None:
    lines = EXAMPLES[path].splitlines(keepends=True)
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(lines)))
        match data.draw(st.sampled_from(["put", "drop", "swap", "indent"])):
            case "put":
                lines.insert(at, data.draw(LINES))
            case "drop":
                del lines[at : at + 1]
            case "swap":
                lines[at : at + 2] = reversed(lines[at : at + 2])
            case _:
                lines[at : at + 1] = [b"  " + line for line in lines[at : at + 1]]
    read_all(path, EXAMPLES[path], b"".join(lines))


@settings(max_examples=1_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(MAIN_EXAMPLES), st.binary(max_size=400), st.text(max_size=200))
def test_anything_at_all_never_raises(path: str, data: bytes, text: str) -> None:
    read_all(path, EXAMPLES[path], data)
    read_all(path, EXAMPLES[path], f"---\n{text}\n---\n".encode("utf-8", "surrogatepass"))
