"""Three-way merges of texts, as git makes them."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from platformstate.gitrepo.children import run_git

_MAX_CONFLICTS: Final = 127  # what `git merge-file` ends with is the number of conflicts, or 255


class TextMerge(NamedTuple):
    """What `git merge-file` made of three texts; `clean` when nothing was left to settle."""

    data: bytes
    clean: bool


def merge_texts(base: bytes, ours: bytes, theirs: bytes) -> TextMerge:
    """Merge three texts line by line; of what is no text ours stays, and is not clean."""
    with TemporaryDirectory() as folder:
        for name, data in (("ours", ours), ("base", base), ("theirs", theirs)):
            Path(folder, name).write_bytes(data)
        labels = [word for name in ("ours", "base", "theirs") for word in ("-L", name)]
        argv = ["merge-file", "-p", "-q", *labels, "ours", "base", "theirs"]
        ran = run_git(argv, cwd=Path(folder))
    if ran.status > _MAX_CONFLICTS or ran.status < 0:
        return TextMerge(ours, False)
    return TextMerge(ran.stdout, ran.status == 0)
