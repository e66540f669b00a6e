"""Task packets: what `task create --from` takes over, and `memory packet`, which prints a task as one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from platformstate.actions.forms import read_form, without_comments
from platformstate.entities import task as tasks

if TYPE_CHECKING:
    from platformstate.actions.answer import Answer
    from platformstate.store import Store

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


def task_packet(store: Store, task: str, *, at: str | None = None, out: Path | None = None) -> Answer:
    """Return a task as a filled packet, as it stands or stood at a commit; `out` is a file to write.

    Raises: task_not_found, id_ambiguous, ref_not_found, state_invalid, output_exists.
    """
    from platformstate.actions.answer import Answer
    from platformstate.actions.output_file import is_new, write_output
    from platformstate.actions.task_requests import task_id, task_id_in
    from platformstate.core.places import task_path

    tree = None if at is None else store.tree(at)
    name = task_id(store, task) if tree is None else task_id_in(tree, task)
    document = store.read(task_path(name), tree)
    text = packet_text(document.meta, document.body)
    if out is not None and is_new(out, text.encode()) and not store.dry_run:
        write_output(out, text.encode())
    return Answer({"task": name, "text": text}, ("platformctl task create --from FILE",))


def packet_text(meta: Mapping[str, Any], body: str) -> str:
    """Return a task's record with the template's rule on checkpoints at its end."""
    from platformstate import packaged
    from platformstate.codec.render import canonical
    from platformstate.codec.section_edit import with_section
    from platformstate.codec.sections import sections
    from platformstate.core.document import Document
    from platformstate.entities.kinds import TASK

    template = packaged.read("templates", TEMPLATE).decode()
    rule = sections(template)[RULE_HEADING]
    whole = with_section(body, RULE_HEADING, rule, tuple(tasks.SECTIONS.values()))
    return canonical(Document(TASK, "", meta, whole))
