"""What an error of the operating system means to the person who gave the command."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from platformstate.errors import StateError, lacks_descriptors, shown, too_many_files

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
_REFUSED: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_NOT_A_FOLDER: Final = frozenset({errno.ELOOP, errno.ENOTDIR})


@contextmanager
def explained(path: str) -> Iterator[None]:
    """Turn a failed system call on a path into the error of ours that says what to do."""
    try:
        yield
    except OSError as failed:
        known = meaning(failed, path)
        if known is None:
            raise
        raise known from failed


def meaning(failed: OSError, path: str) -> StateError | None:
    """Return our error for one of the operating system's, None for one that no rule foresees."""
    if failed.errno in _NO_ROOM:
        return StateError(
            "disk_full",
            f"no room to write: {failed.strerror}",
            hint="free some space and repeat the command",
            path=path or None,
        )
    if failed.errno in _REFUSED:
        return StateError("repository_read_only", f"access is refused: {failed.strerror}", path=path or None)
    if failed.errno == errno.ENAMETOOLONG:
        text = f"the system takes no name as long as that of {shown(path or str(failed.filename or 'this file'))}"
        return StateError("usage_invalid", text, hint="name a file that there can be")
    if lacks_descriptors(failed):
        return too_many_files()
    if failed.errno in _NOT_A_FOLDER:
        return StateError(
            "path_symlink",
            "a folder on the way is a symbolic link or no folder",
            hint="replace it by a real folder",
            path=path or None,
        )
    return None


def fsync_failed(failed: OSError, path: str) -> StateError:
    """Return the error for a failed fsync, which is never repeated: a second may falsely succeed."""
    if failed.errno in (errno.ENOSPC, errno.EDQUOT):
        return StateError("disk_full", f"no room to write: {failed.strerror}", path=path)
    return StateError(
        "disk_error",
        f"the disk did not confirm a write: {failed.strerror}",
        hint="check the disk, then run `platformctl doctor`",
        path=path,
    )
