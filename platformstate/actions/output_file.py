"""Files that a person asked for with a name of his own: written once, never over something else."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from platformstate.errors import StateError
from platformstate.files.errors import explained


def is_new(path: Path, data: bytes) -> bool:
    """Say whether a file has to be written; one with this content stays. Raises: output_exists, disk_full."""
    with explained(str(path)):
        if not path.exists():
            return True
        if path.is_file() and path.read_bytes() == data:
            return False
    raise StateError(
        "output_exists",
        "a file with other content is there; nothing was written",
        hint=f"move {path} away, or name another place",
        path=str(path),
    )


def write_output(path: Path, data: bytes) -> None:
    """Write a file and the folders above it, all of it or nothing.

    Raises: disk_full, repository_read_only, path_symlink, usage_invalid.
    """
    with explained(str(path)):
        with suppress(FileExistsError, FileNotFoundError):  # a file in the way, no folder: writing says so
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.write_bytes(data)
        except FileNotFoundError as gone:
            message = "the current folder does not exist any more"
            raise StateError("usage_invalid", message, hint="name a folder from the root") from gone
        except OSError:
            with suppress(OSError):
                path.unlink()
            raise
