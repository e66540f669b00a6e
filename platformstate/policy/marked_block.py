"""Our lines in files that are not ours: a block between two marks, every other byte kept. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from platformstate.errors import StateError


class Marks(NamedTuple):
    """The lines between which our own ones stand."""

    begin: bytes
    end: bytes


HASH: Final = Marks(b"# >>> platformstate", b"# <<< platformstate")
HTML: Final = Marks(b"<!-- platformstate -->", b"<!-- /platformstate -->")


def with_block(text: bytes | None, lines: bytes, path: str, marks: Marks = HASH) -> bytes:
    """Return a file's text with our block in it: replaced where it stands, else added at the end.

    Raises: state_invalid for a block that is begun and not ended, or marked twice.
    """
    block = marks.begin + b"\n" + lines + marks.end + b"\n"
    rows = (text or b"").splitlines(keepends=True)
    begins = [number for number, row in enumerate(rows) if row.strip() == marks.begin]
    ends = [number for number, row in enumerate(rows) if row.strip() == marks.end]
    if not begins and not ends:
        gap = b"" if not rows or rows[-1].endswith(b"\n") else b"\n"
        gap += b"\n" if rows and marks is HTML else b""  # so that Markdown begins a new paragraph
        return (text or b"") + gap + block
    if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
        raise StateError(
            "state_invalid",
            f"the block of platformstate in {path} is not marked once at each end",
            hint=f"remove its lines from {path} and run platformctl init again",
            path=path,
            line=(begins or ends)[0] + 1,
            col=1,
        )
    return b"".join([*rows[: begins[0]], block, *rows[ends[0] + 1 :]])
