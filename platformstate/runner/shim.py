"""Start commands by a small sh script that outlives its child and leaves a receipt.

Builtins only: another program would cost more than the whole step. The script leads a session and
process group of its own. Its traps do nothing, and a trap is not inherited: a TERM to the group ends
the command, not the script.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from platformstate.runner.descriptors import narrow
from platformstate.runner.processes import LOCK_DESCRIPTORS

SHELL: Final = "/bin/sh"
NOT_STARTED: Final = 126

# The start mark comes before the command, or there is no command; the receipt is one line, written at
# once. What the shell itself says of a killed child is not the child's output, hence descriptor 3.
_STEP: Final = """
trap : TERM INT HUP
exec 3>&2 2>/dev/null
mark=$1 receipt=$2 head=$3 tail=$4 boot=$5 cwd=$6 limits=$7
shift 7
stat=
read -r stat </proc/$$/stat
started() { set -f; set -- ${stat##*) }; start=${20:-0}; }
started
echo "{\\"boot_id\\":\\"$boot\\",\\"pid\\":$$,\\"start\\":$start}" >"$mark" || exit 125
(
  exec 2>&3 3>&-
  cd "$cwd" || exit 126
  eval "$limits"
  exec "$@"
)
code=$?
echo "$head$code$tail" >"$receipt"
exit "$code"
"""
# A guard or probe needs no receipt: it may be run again.
_PLAIN: Final = """
cd "$1" || exit 126
eval "$2"
shift 2
exec "$@"
"""
_RESET: Final = [
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGPIPE,
    signal.SIGXFSZ,
    signal.SIGCHLD,
    signal.SIGUSR1,
    signal.SIGUSR2,
]
_ULIMITS: Final = {
    "cpu_seconds": ("t", 1),
    "open_files": ("n", 1),
    "file_size": ("f", 512),
    "memory": ("v", 1024),
}
# At the hard limit the kernel sends KILL, which proves nothing; at the soft one SIGXCPU, which does.
_SOFT: Final = {"cpu_seconds": "S"}


class Streams(NamedTuple):
    """Where a child writes, and the descriptor of the run lock that it inherits (None: it gets none)."""

    out: int
    err: int
    lock: int | None = None


def start_step(
    argv: Sequence[str],
    *,
    mark: str,
    receipt: str,
    receipt_parts: tuple[str, str],
    boot_id: str,
    cwd: str,
    env: Mapping[str, str],
    streams: Streams,
    limits: Mapping[str, int],
) -> int:
    """Start a step's shim and return its pid, which is its process group too."""
    head, tail = receipt_parts
    given = [mark, receipt, head, tail, boot_id, cwd, ulimits(limits), *argv]
    return _spawn(_STEP, given, env, streams)


def start_plain(
    argv: Sequence[str], *, cwd: str, env: Mapping[str, str], streams: Streams, limits: Mapping[str, int]
) -> int:
    """Start a command as leader of a process group and return its pid."""
    return _spawn(_PLAIN, [cwd, ulimits(limits), *argv], env, streams)


def _spawn(script: str, given: Sequence[str], env: Mapping[str, str], streams: Streams) -> int:
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, streams.out, 1),
        (os.POSIX_SPAWN_DUP2, streams.err, 2),
    ]
    open_to_children = _inheritable()
    actions += [(os.POSIX_SPAWN_CLOSE, one) for one in open_to_children if one not in LOCK_DESCRIPTORS]
    if streams.lock is not None:
        free = next(one for one in LOCK_DESCRIPTORS if one not in open_to_children)
        actions.append((os.POSIX_SPAWN_DUP2, streams.lock, free))
    return os.posix_spawn(
        SHELL,
        [SHELL, "-c", script, "sh", *given],
        dict(env),
        file_actions=actions,
        setsid=True,
        setsigmask=[],
        setsigdef=_RESET,
    )


def _inheritable() -> frozenset[int]:
    """Return the descriptors above 2 that a child would inherit: what we were given, locks of outer runs."""
    found = set()
    for name in os.listdir("/dev/fd"):
        with suppress(OSError):  # the one that listed them
            if int(name) > 2 and os.get_inheritable(int(name)):
                found.add(int(name))
    return frozenset(found)


def ulimits(limits: Mapping[str, int]) -> str:
    """Return the shell text that sets limits of resources, in bytes, seconds and counts."""
    given = narrow()
    texts = [] if given is None or "open_files" in limits else [f"ulimit -Sn {given}"]
    for name, value in sorted(limits.items()):
        letter, unit = _ULIMITS[name]
        amount = max(1, value // unit)
        texts.append(f"ulimit -{_SOFT.get(name, '')}{letter} {amount} || exit {NOT_STARTED}")
        if name in _SOFT:
            texts.append(f"ulimit -H{letter} {amount + 1} 2>/dev/null || :")
    return "\n".join(texts)
