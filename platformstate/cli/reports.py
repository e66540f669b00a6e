"""Save what a bug of ours left behind: a redacted report that only its owner can read."""

from __future__ import annotations

import os
import platform
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from platformstate import __version__
from platformstate.cli.redaction import redacted, without_environment
from platformstate.codec.safe import safe_text
from platformstate.errors import StateError

MAX_REPORT_CHARACTERS: Final = 65_536


def saved_report(bug: Exception, argv: Sequence[str], directory: str) -> StateError:
    """Save a report and return the error that names its path."""
    path = _saved(_report(bug, argv), directory)
    return StateError(
        "internal_error",
        f"a bug in platformctl ({type(bug).__name__}); report saved: {path}",
    )


def _report(bug: Exception, argv: Sequence[str]) -> str:
    parts = [
        f"platformctl {__version__}",
        f"python {platform.python_version()} on {platform.platform()}",
        f"argv {list(argv)!r}",
        "".join(traceback.format_exception(bug)),
    ]
    return safe_text(redacted(without_environment("\n".join(parts)[-MAX_REPORT_CHARACTERS:])))


def _saved(text: str, directory: str) -> str:
    for place in (_reports_folder, _no_folder):
        try:
            handle, path = tempfile.mkstemp(prefix="report-", suffix=".txt", dir=place(Path(directory)))
        except OSError:
            continue
        try:
            with open(handle, "w", encoding="utf-8") as report:
                report.write(text)
        except OSError:  # no room for it: half a report helps nobody
            os.unlink(path)
            continue
        return path
    return os.devnull


def _reports_folder(directory: Path) -> Path | None:
    """Return the clone's folder of reports, made if absent; found without git, which may be what failed."""
    for folder in (directory.absolute(), *directory.absolute().parents):
        entry = folder / ".git"
        if entry.is_file():
            entry = folder / entry.read_text().removeprefix("gitdir:").strip()
        if entry.is_dir():
            common = entry / "commondir"
            shared = entry / common.read_text().strip() if common.is_file() else entry
            reports = shared / "platformstate" / "reports"
            reports.mkdir(mode=0o700, parents=True, exist_ok=True)
            return reports
    return None


def _no_folder(directory: Path) -> None:
    """Stand for the system's temporary folder."""
