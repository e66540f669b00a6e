"""Read a task packet: what `task create --from` takes over, and what a new task gets anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from platformstate.actions.forms import read_form, without_comments
from platformstate.entities import task as tasks

RULE_HEADING: Final = "Checkpoint rule"
TEMPLATE: Final = "CODEX_TASK_PACKET.md"
_ANEW: Final = (
    "schema",
    "id",
    "status",
    "status_reason",
    "created_at",
    "created_by",
    "closed_at",
    "idempotency",
)


class Packet(NamedTuple):
    """The fields that a packet states, without those that a new task gets anew, and its body."""

    fields: Mapping[str, Any]
    body: str

    def as_json(self) -> dict[str, Any]:
        """Return the packet as a part of a request."""
        return {"fields": dict(self.fields), "body": self.body}


def read_packet(data: bytes, name: str) -> Packet:
    """Return what a packet says. Raises: record_invalid, with line and column of each finding."""
    from platformstate.codec.section_edit import without_section

    meta, body = read_form(data, name, "task")
    fields = {key: value for key, value in meta.items() if key not in _ANEW}
    if isinstance(fields.get("acceptance"), list):
        fields["acceptance"] = tasks.criteria_reset(fields["acceptance"])
    return Packet(fields, without_comments(without_section(body, RULE_HEADING), TEMPLATE))
