"""Where each record stands below `state/`, and what a path there holds.

The kinds' own places come from their schemas. The other files of the layout (logs, artifacts,
templates …) are listed here, so that a path that `place_of` does not know is outside the layout.
Names are not judged: whether an id is well-formed is a rule of its own.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from platformstate.core.catalog import PLACES

STATE: Final = "state/"
STORE_PATH: Final = "state/store.yaml"

SUBJECT_FOLDERS: Final = {"task": "tasks", "job": "jobs", "procedure": "procedures"}
_SUBJECT_KINDS: Final = {folder: kind for kind, folder in SUBJECT_FOLDERS.items()}

_OTHER_PLACES: Final = (
    ("job", "jobs/{id}/job.md"),
    ("ledger", "jobs/{owner}/ledger/{id}.jsonl"),
    ("summary", "{subject}/runs/{id}/summary.md"),
    ("log", "{subject}/runs/{run}/logs/{id}.log"),
    ("artifact", "{subject}/runs/{run}/artifacts/{rest}"),
    ("template", "templates/{id}.md"),
    ("schema_copy", "schemas/{id}.schema.json"),
)

_PLACEHOLDERS: Final = {
    "{subject}": r"(?P<folder>tasks|jobs|procedures)/(?P<owner>[^/]+)",
    "{owner}": r"(?P<owner>[^/]+)",
    "{id}": r"(?P<id>[^/]+)",
    "{run}": r"(?P<run>[^/]+)",
    "{rest}": r"(?P<id>.+)",
}


class Place(NamedTuple):
    """What stands at a path: its kind, its id, and the subject and run that it belongs to.

    `kind` is a kind of record or one of job, procedure, ledger, resolved_steps, summary, log,
    artifact, template, schema_copy. `subject` is `<kind>/<id>`. The parts of a run that have no
    id of their own (header, journal, receipt, pin, summary) have the run's.
    """

    kind: str
    id: str
    subject: str | None = None
    run: str | None = None


@lru_cache(maxsize=1 << 16)
def place_of(path: str) -> Place | None:
    """Return what a path of the repository holds, None when it is outside the layout."""
    if path == STORE_PATH:
        return Place("store", "store")
    if not path.startswith(STATE) or "\n" in path:
        return None
    below = path[len(STATE) :]
    for kind, pattern in _patterns(below.partition("/")[0]):
        if found := pattern.fullmatch(below):
            return _place(kind, found)
    return None


def _place(kind: str, found: re.Match[str]) -> Place | None:
    named = found.groupdict()
    name = named["id"]
    if kind == "schema_copy" and name not in PLACES:
        return None
    if kind in SUBJECT_FOLDERS:
        return Place(kind, name, f"{kind}/{name}")
    if kind == "ledger":
        return Place(kind, name, f"job/{named['owner']}")
    if "folder" not in named:
        return Place(kind, name)
    subject = f"{_SUBJECT_KINDS[named['folder']]}/{named['owner']}"
    return Place(kind, name, subject, named.get("run") or name)


@lru_cache(maxsize=32)
def _patterns(folder: str) -> list[tuple[str, re.Pattern[str]]]:
    """Return the patterns of the places below one of the folders of `state/`, compiled when asked for."""
    found = []
    for kind, template in [*PLACES.items(), *_OTHER_PLACES]:
        first = template.partition("/")[0]
        if folder == first or (first == "{subject}" and folder in _SUBJECT_KINDS):
            text = re.escape(template).replace(r"\{", "{").replace(r"\}", "}")
            for placeholder, expression in _PLACEHOLDERS.items():
                text = text.replace(placeholder, expression)
            found.append((kind, re.compile(text)))
    return found


def subject_folder(subject: str) -> str:
    """Return the folder of a subject: `task/gh-460` stands in `state/tasks/gh-460`."""
    kind, _, name = subject.partition("/")
    return f"{STATE}{SUBJECT_FOLDERS[kind]}/{name}"


def run_folder(subject: str, run: str) -> str:
    """Return the folder of a run."""
    return f"{subject_folder(subject)}/runs/{run}"


def task_path(task: str) -> str:
    """Return the path of a task's record."""
    return f"{STATE}tasks/{task}/task.md"


def procedure_path(name: str) -> str:
    """Return the path of a procedure's record."""
    return f"{STATE}procedures/{name}/procedure.md"


def run_path(subject: str, run: str) -> str:
    """Return the path of a run's header."""
    return f"{run_folder(subject, run)}/run.md"


def journal_path(subject: str, run: str) -> str:
    """Return the path of a run's journal."""
    return f"{run_folder(subject, run)}/events.jsonl"


def receipt_path(subject: str, run: str) -> str:
    """Return the path of a run's receipt."""
    return f"{run_folder(subject, run)}/run_receipt.json"


def checkpoint_path(subject: str, run: str, checkpoint: str) -> str:
    """Return the path of a checkpoint."""
    return f"{run_folder(subject, run)}/checkpoints/{checkpoint}.md"


def evidence_path(evidence: str) -> str:
    """Return the path of a recorded proof."""
    return f"{STATE}evidence/{evidence}.json"
