"""Sizes, counts and depths beyond which a file is refused before anything costly is tried."""

from collections.abc import Mapping
from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

MAX_BYTES: Final[Mapping[str, int]] = {
    "markdown": 256 * KIB,
    "yaml": MIB,
    "json": MIB,
    "jsonl": 16 * MIB,
}
MAX_FRONT_MATTER_BYTES: Final = 64 * KIB
MAX_LINES: Final = 100_000
MAX_LINE_BYTES: Final = 64 * KIB
MAX_DEPTH: Final = 32
MAX_KEYS: Final = 1_000
MAX_ITEMS: Final = 10_000
MAX_KEY_CHARACTERS: Final = 512
MAX_NESTING_SCANNED: Final = 1_000
MAX_NUMBER: Final = 2**53 - 1
MAX_DIGITS: Final = 40
MAX_PROBLEMS: Final = 100
