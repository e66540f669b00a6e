"""Stable names for what differs from one run to the next: ids, object names, places, this host.

Runs, checkpoints and generated task ids are numbered in the order in which they came to be, so that
a line may name `<run-1>`; everything else in the order in which it is first printed.
"""

from __future__ import annotations

import re
import socket
from pathlib import Path

_TIMED = r"[0-9]{8}t[0-9]{6}z-[0-9a-hjkmnp-tv-z]{6}"
_RECORDS = re.compile(rf"\b(runs|checkpoints)/({_TIMED})")
_PATTERNS = (
    ("uuid", re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b")),
    ("sha256", re.compile(r"\b[0-9a-f]{64}\b")),
    ("oid", re.compile(r"\b[0-9a-f]{40}\b")),
    ("chain", re.compile(r"\b[0-9a-f]{32}\b")),
    ("hex", re.compile(r"\b[0-9a-f]{16}\b")),
    ("id", re.compile(rf"\b{_TIMED}\b")),
)
_ABBREVIATED = re.compile(r"(?<![0-9a-f#<-])[0-9a-f]{12}(?![0-9a-f>])")
_FENCE = re.compile(r"\bdata-[0-9a-f]{12}\b")
_TOLD_MILLISECONDS = re.compile(r"\bms=[0-9]+")
_MILLISECONDS = re.compile(r'("(?:ms|waited_ms|duration_ms|late_ms)": ?)[0-9]+')
_TOOK = re.compile(r"\bafter [0-9.]+ m?s\b")
_WRITER = re.compile(r"\b(ledger/\d{4}-\d\d)\.[a-z2-7]{8}\b")
_PRUNED = re.compile(r'((?:\d runs?, |"skipped": ?\[[^]]*\], ?"bytes": ?))[0-9,]+')
_TZDATA = re.compile(r'(\btzdata"?:? ?"?)[0-9]{4}\.[0-9]+')
_SECONDS = re.compile(r"(\d\d-\d\dT\d\d:\d\d):0[0-9](\.000000)?Z")
_REPORT = re.compile(r"report-\w{8}\.txt")
_DEMO = re.compile(r"/\S*/platformctl-demo-\w+")
# What doctor says of the machine and not of the repository, with the line of its fix.
_OF_THE_MACHINE = re.compile(
    r"^warning (?:git_known_vulnerable|git_no_ref_fsync|filesystem_network|disk_low|yaml_pure_python) .*\n.*\n",
    re.MULTILINE,
)
# What `db` says of this run, and of the SQLite that is installed here.
_OF_DATABASES = (
    (re.compile(r"(\bmain |\.\.|\bat |\band |\bverified |\bof |\bcommit )[0-9a-f]{8}\b"), r"\1<short>"),
    (re.compile(r'"seconds":\{[^}]*\}'), '"seconds":"<seconds>"'),
    (re.compile(r'(sqlite |"server_version":")[0-9]+(\.[0-9]+)+'), r"\1<version>"),
    (re.compile(r'"bytes":[0-9]+'), '"bytes":"<bytes>"'),
)
_PID = re.compile(r'("pid": ?)[0-9]+')


class Masks:
    """The names given so far in one transcript."""

    def __init__(self, place: Path, root: Path) -> None:
        self._root = root
        self._names: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._places = (
            (str(root), "<work>"),
            (str(place), "<home>"),
            (socket.gethostname(), "<host>"),
        )

    def look(self, typed: str) -> None:
        """Name the records that have come to be on disk; `typed` are the lines so far."""
        state = self._root / "state"
        tasks = state / "tasks"
        for kind, pattern in (("run", "*/*/runs/*"), ("checkpoint", "*/*/runs/*/checkpoints/*.md")):
            for path in sorted(state.glob(pattern), key=lambda found: found.stem):
                self._name(path.stem, kind)
        for path in sorted(tasks.glob("*")):
            if path.name not in typed:
                self._name(path.name, "task")

    def masked(self, text: str) -> str:
        """Return a text with every changing part replaced by its name."""
        text = _WRITER.sub(r"\1.<writer>", _OF_THE_MACHINE.sub("", text))
        for kind, value in _RECORDS.findall(text):
            self._name(value, kind.removesuffix("s"))
        for kind, pattern in _PATTERNS:
            for value in pattern.findall(text):
                self._name(value, kind)
        for value, name in sorted(self._names.items(), key=lambda item: -len(item[0])):
            text = text.replace(value, name)
        for value, name in self._places:
            text = text.replace(value, name)
        text = _FENCE.sub("data-<hex>", text)
        text = _ABBREVIATED.sub(self._abbreviated, text)
        text = _SECONDS.sub(r"\1:00\2Z", text)
        for pattern, name in _OF_DATABASES:
            text = pattern.sub(name, text)
        text = _DEMO.sub("<demo>", text)
        text = _TOLD_MILLISECONDS.sub("ms=<ms>", text)
        text = _PRUNED.sub(r'\1"<bytes>"', text)
        text = _TZDATA.sub(r"\1<tzdata>", _TOOK.sub("after <time>", text))
        text = _REPORT.sub("report-<name>.txt", text)
        return _PID.sub(r'\1"<pid>"', _MILLISECONDS.sub(r'\1"<ms>"', text))

    def unmasked(self, line: str) -> str:
        """Return a typed line with the names replaced by what they stand for."""
        for value, name in self._names.items():
            line = line.replace(name, value)
        return line

    def _name(self, value: str, kind: str) -> None:
        if value not in self._names:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._names[value] = f"<{kind}-{self._counts[kind]}>"

    def _abbreviated(self, found: re.Match[str]) -> str:
        """Name an abbreviated object name after the full one, or by itself when that was not seen."""
        short = found[0]
        for value, name in self._names.items():
            if name.startswith("<oid-") and value.startswith(short):
                return name
        return "<short>"
