"""Ids: their grammar, how new ones are made, and how a prefix finds one.

Random numbers are an argument: `Chance` returns an integer from 0 up to, without, its argument.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Final

Chance = Callable[[int], int]

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
MAX_LENGTH: Final = 64
MAX_STEP: Final = 1_048_576
_SUFFIXES: Final = len(ALPHABET) ** 6
_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_ACTOR: Final = re.compile(r"[a-z0-9]+([-._/][a-z0-9]+)*")
_TIMED: Final = re.compile(r"[0-9]{8}t[0-9]{6}z-[0-9a-hjkmnp-tv-z]{6}")


def is_id(text: str) -> bool:
    """Say whether a text is a well-formed id of any record."""
    return len(text) <= MAX_LENGTH and _ID.fullmatch(text) is not None


def is_actor(text: str) -> bool:
    """Say whether a text is a well-formed name of an actor."""
    return len(text) <= MAX_LENGTH and _ACTOR.fullmatch(text) is not None


def is_timed_id(text: str) -> bool:
    """Say whether a text is a minted id of a run or checkpoint."""
    return _TIMED.fullmatch(text) is not None


def slug(text: str) -> str:
    """Return a text reduced to the grammar of ids; empty when nothing of it is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def base32(number: int, width: int) -> str:
    """Return a number in the alphabet of ids, which sorts as it counts."""
    digits = []
    for _ in range(width):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def new_task_id(title: str, chance: Chance) -> str:
    """Return an id made from a title and five random characters."""
    words = slug(title)[: MAX_LENGTH - 6].rstrip("-") or "task"
    return f"{words}-{base32(chance(len(ALPHABET) ** 5), 5)}"


def new_timed_id(stamp: str, chance: Chance) -> str:
    """Return a run's or intent's id: the instant's stamp and six random characters."""
    return f"{stamp}-{base32(chance(_SUFFIXES), 6)}"


def next_timed_id(stamp: str, existing: Iterable[str], chance: Chance) -> str:
    """Return an id that sorts after every existing one, so that order by id is order of writing.

    The first suffix of a second is random in the lower half; within a second it grows by a random
    1 to 1048576; past the end the next second is taken; a clock that went back keeps the last
    id's second.
    """
    last = max(existing, default="")
    if last[:16] < stamp:
        return f"{stamp}-{base32(chance(_SUFFIXES // 2), 6)}"
    suffix = sum(ALPHABET.index(c) * len(ALPHABET) ** n for n, c in enumerate(reversed(last[17:])))
    grown = suffix + 1 + chance(MAX_STEP)
    if grown < _SUFFIXES:
        return f"{last[:16]}-{base32(grown, 6)}"
    return f"{_next_second(last[:16])}-{base32(chance(_SUFFIXES // 2), 6)}"


def _next_second(stamp: str) -> str:
    from datetime import datetime, timedelta

    later = datetime.strptime(stamp, "%Y%m%dt%H%M%Sz") + timedelta(seconds=1)
    return later.strftime("%Y%m%dt%H%M%Sz")


def matches(prefix: str, ids: Iterable[str]) -> list[str]:
    """Return the ids that a prefix stands for: itself when it is one, else all that begin with it."""
    known = sorted(ids)
    return [prefix] if prefix in known else [name for name in known if prefix and name.startswith(prefix)]
