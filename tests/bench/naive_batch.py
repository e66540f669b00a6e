"""Write a batch of checkpoints as one would without this project, but as durably: lines of JSON on standard input.

Every record of the tasks named is read and judged once, as one has to who must know their runs; each new
file is on the disk before it has its name, and git waits for the disk too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click  # noqa: F401 - what a command line that commits imports
import git  # noqa: F401
import jsonschema_rs
import yaml

SCHEMAS = Path(__file__).parent.parent.parent / "schemas"
GIT = ["git", "-c", "core.hooksPath=/dev/null", "-c", "core.fsync=added", "-c", "core.fsyncMethod=fsync"]


def read(task: Path, validators: dict[str, jsonschema_rs.Draft202012Validator]) -> Path:
    """Read and judge what a task's folder holds; return the folder of its newest run's checkpoints."""
    for path in sorted(task.rglob("*.md")):
        start, _, rest = path.read_text("utf-8").partition("---\n")
        if rest and not start:  # a summary has no front matter
            meta = yaml.load(rest.partition("---\n")[0], yaml.CBaseLoader)
            validators[str(meta["schema"]).partition("/")[0]].is_valid(meta)
    for path in sorted(task.rglob("events.jsonl")):
        for line in path.read_bytes().splitlines():
            json.loads(line)
    return max((task / "runs").iterdir()) / "checkpoints"


def write(path: Path, text: str) -> None:
    """Write one file that is on the disk before it has its name."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


def main() -> None:
    """Write one checkpoint a line, wait for their folders, and make one commit of them all."""
    validators = {
        kind: jsonschema_rs.Draft202012Validator(
            json.loads((SCHEMAS / f"{kind}.schema.json").read_text("utf-8"))
        )
        for kind in ("task", "run", "checkpoint")
    }
    folders: dict[str, Path] = {}
    made = []
    for number, line in enumerate(sys.stdin):
        asked = json.loads(line)
        task = asked["task"]
        if task not in folders:
            folders[task] = read(Path("state/tasks") / task, validators)
        made.append(folders[task] / f"{os.getpid()}-{number}.md")
        write(
            made[-1], f"---\n{yaml.dump({'schema': 'checkpoint/1', **asked}, Dumper=yaml.CSafeDumper)}---\n"
        )
    for folder in folders.values():
        opened = os.open(folder, os.O_RDONLY)
        os.fsync(opened)
        os.close(opened)
    names = "".join(f"{path}\n" for path in made).encode()
    subprocess.run([*GIT, "add", "--pathspec-from-file=-"], input=names, check=True)
    subprocess.run([*GIT, "commit", "-q", "-m", "m"], check=True)


if __name__ == "__main__":
    main()
