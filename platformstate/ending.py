"""SIGTERM as an exception; the first module that a command loads, so it loads next to nothing itself."""

import signal

TYPE_CHECKING = False

if TYPE_CHECKING:
    from types import FrameType


class Terminated(BaseException):
    """SIGTERM arrived; unwinding closes files and frees locks on the way out."""


def unwind_at_sigterm() -> None:
    """Let SIGTERM raise Terminated from now on."""
    signal.signal(signal.SIGTERM, _terminate)


def end_at_signals() -> None:
    """Let the next signal end the process at once: an answer is being given already."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def _terminate(number: int, frame: "FrameType | None") -> None:
    raise Terminated
