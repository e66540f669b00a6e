"""Write the files of a commit somewhere else, through an index of its own; no filter of a repository runs."""

from __future__ import annotations

from pathlib import Path

from platformstate.gitrepo.children import failure
from platformstate.gitrepo.repository import Repository


def export_commit(repository: Repository, commit: str, folder: Path) -> None:
    """Write every file of a commit below a folder that exists. Raises: disk_full, and what git refuses."""
    index = {"GIT_INDEX_FILE": str(folder.with_name(f"{folder.name}.index"))}
    try:
        for argv in (["read-tree", commit], ["checkout-index", "-a", "-f", "-q", f"--prefix={folder}/"]):
            ran = repository.call(argv, extra=index)
            if ran.status:
                raise failure(argv, ran)
    finally:
        Path(index["GIT_INDEX_FILE"]).unlink(missing_ok=True)
