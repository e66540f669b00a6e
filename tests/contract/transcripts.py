"""Transcripts: what commands print in a real repository, as a person sees it.

A line `$ …` is typed, `# …` is a comment; what is indented came on stdout, `! …` on stderr, and
`? N` is an exit status other than 0. JSON documents are shown with line breaks that they do not
have. `python -m tests.contract.transcripts --write [NAME]` runs all lines again and rewrites the
files.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import Any, NamedTuple

from tests.contract.masking import Masks
from tests.contract.sandbox import Ended, Sandbox
from tests.forking import Forks

FOLDER = Path(__file__).parent / "transcripts"
WIDTH = 100
OWN_FORMAT = re.compile(r" --format (?!auto|json)\w+")


class Step(NamedTuple):
    """One typed line of a transcript and how it is said to end."""

    line: str
    status: int


def names() -> list[str]:
    """Return the names of all transcripts."""
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


def text_of(name: str) -> str:
    """Return a transcript as it is stored."""
    return (FOLDER / f"{name}.txt").read_text("utf-8")


def steps(text: str) -> list[Step]:
    """Return the typed lines of a transcript with their exit statuses."""
    found: list[Step] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append(Step(line[2:], 0))
        elif line.startswith("? "):
            found[-1] = found[-1]._replace(status=int(line[2:]))
    return found


def may_answer_in_json(line: str) -> bool:
    """Say whether a line can be asked for its document: not if it names another format."""
    return "--json" in line or not OWN_FORMAT.search(line)


def played(text: str, forks: Forks, place: Path) -> str:
    """Run the lines of a transcript and return it as it is now."""
    sandbox = Sandbox(forks, place)
    masks = Masks(place, sandbox.root)
    blocks, typed = [], ""
    for line in text.splitlines():
        if line.startswith("# "):
            blocks.append(f"{line}\n")
        elif line.startswith("$ "):
            typed += line
            ended = sandbox.run(masks.unmasked(line[2:]))
            masks.look(typed)
            blocks.append(f"{line}\n{_shown(ended, masks)}")
    return _joined(blocks)


def replayed(text: str, forks: Forks, place: Path) -> Iterator[tuple[Step, Ended]]:
    """Run the lines of a transcript, with `--json` where they may have it, and yield each with its end."""
    sandbox = Sandbox(forks, place)
    masks = Masks(place, sandbox.root)
    typed = ""
    for step in steps(text):
        typed += step.line
        flags = ["--json"] if "--json" not in step.line.split() and may_answer_in_json(step.line) else []
        ended = sandbox.run(masks.unmasked(step.line), *flags)
        masks.look(typed)
        yield step, ended


def _shown(ended: Ended, masks: Masks) -> str:
    out, err = _laid_out(masks.masked(ended.stdout)), masks.masked(ended.stderr)
    lines = [f"  {line}".rstrip(" ") if line else "" for line in out.splitlines()]
    lines += [f"! {line}" for line in err.splitlines()]
    lines += [f"? {ended.status}"] if ended.status else []
    return "".join(f"{line}\n" for line in lines)


def _joined(blocks: list[str]) -> str:
    """Put a blank line before each comment, and after each output."""
    text = ""
    for before, block in zip(["# ", *blocks], blocks, strict=False):
        follows_comment = before.startswith("#")
        alone = before.count("\n") == 1 and not block.startswith("#")
        text += block if not text or follows_comment or alone else f"\n{block}"
    return text


def _laid_out(text: str) -> str:
    """Return a JSON document in lines of bearable width, any other text as it is."""
    if not text.startswith('{"schema":"platformctl/1"'):
        return text
    return _layout(json.loads(text), 0) + "\n"


def _layout(value: Any, indent: int) -> str:
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + indent <= WIDTH or not isinstance(value, dict | list) or not value:
        return flat
    pad = " " * (indent + 2)
    if isinstance(value, list):
        rows = [_layout(item, indent + 2) for item in value]
        return "[\n" + ",\n".join(pad + row for row in rows) + "\n" + " " * indent + "]"
    rows = [f"{json.dumps(key)}: {_layout(item, indent + 2)}" for key, item in value.items()]
    return "{\n" + ",\n".join(pad + row for row in rows) + "\n" + " " * indent + "}"


def main(argv: list[str]) -> int:
    """Rewrite the transcripts, or say which differ."""
    differing = 0
    with tempfile.TemporaryDirectory() as printed:
        forks = Forks(Path(printed))
        for name in [word for word in argv if not word.startswith("-")] or names():
            differing += _differs(name, forks, write="--write" in argv)
        forks.end()
    return 0 if "--write" in argv else min(differing, 1)


def _differs(name: str, forks: Forks, *, write: bool) -> bool:
    with tempfile.TemporaryDirectory() as place:
        before = text_of(name)
        after = played(before, forks, Path(place).resolve())
    if after != before:
        versions = (text.splitlines(True) for text in (before, after))
        print("".join(unified_diff(*versions, f"{name}.txt", "now")))
    if write:
        (FOLDER / f"{name}.txt").write_text(after, "utf-8")
    return after != before


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
