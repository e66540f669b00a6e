"""Which statuses of a task are open and which come after the work; for those who need no more of tasks."""

from collections.abc import Mapping
from typing import Any, Final

OPEN: Final = ("intake", "refining", "ready", "implementation", "review", "blocked", "parked")
DONE_OR_LATER: Final = ("done", "deployed", "observed", "maintained")


def claims_proof(meta: Mapping[str, Any]) -> bool:
    """Say whether a task claims anything that evidence has to bear out."""
    if meta.get("status") in DONE_OR_LATER:
        return True
    return any(each["state"] != "open" or each.get("evidence") for each in meta.get("acceptance", ()))
