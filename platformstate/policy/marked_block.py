"""Our lines in files that are not ours: a block between two marks, every other byte kept. Pure."""

from __future__ import annotations

from typing import Final

from platformstate.errors import StateError

BEGIN: Final = b"# >>> platformstate"
END: Final = b"# <<< platformstate"


def with_block(text: bytes | None, lines: bytes, path: str) -> bytes:
    """Return a file's text with our block in it: replaced where it stands, else added at the end.

    Raises: state_invalid for a block that is begun and not ended, or marked twice.
    """
    block = BEGIN + b"\n" + lines + END + b"\n"
    rows = (text or b"").splitlines(keepends=True)
    begins = [number for number, row in enumerate(rows) if row.strip() == BEGIN]
    ends = [number for number, row in enumerate(rows) if row.strip() == END]
    if not begins and not ends:
        gap = b"" if not rows or rows[-1].endswith(b"\n") else b"\n"
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
