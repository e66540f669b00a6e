"""Count what a command did, for the cost line of `-v` (budgets: docs/performance.md).

One process runs one command, so the counters are plain module state; they decide nothing.
"""


class Cost:
    """Counters of one command; see the cost line's table for what each one means."""

    __slots__ = ("cache", "commits", "files", "git", "known", "parsed", "read")

    def __init__(self) -> None:
        self.files = self.read = self.parsed = self.known = self.git = self.commits = 0
        self.cache = "unused"


COST = Cost()
