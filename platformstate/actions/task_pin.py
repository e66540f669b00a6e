"""The pinned steps of an agent's run: its task's plan, recorded before the first of them."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from platformstate.entities.kinds import TASK
from platformstate.files import Folder, WorkTree
from platformstate.policy.pin import EXPANDER, Pin, Source, pin_bytes, task_steps
from platformstate.runner import Journal

if TYPE_CHECKING:
    from platformstate.actions.run_site import RunSite
    from platformstate.store import Store


def task_pin(store: Store, task: str) -> Pin | None:
    """Return a task's plan as a pinned list, None when it has no plan."""
    document = store.load(TASK, task)
    plan = document.meta.get("plan")
    if not plan:
        return None
    data = WorkTree(store.root).bytes_of(document.path) or b""
    source = Source("task", task, document.path, store.session.blob_id(data))
    return Pin(source, task_steps([dict(item) for item in plan]))


def pin_event(pin: Pin, at: str) -> dict[str, Any]:
    """Return the event that records a pin."""
    return {
        "type": "ResolvedStepsRecorded",
        "at": at,
        "step_count": len(pin.steps),
        "steps_sha256": sha256(pin_bytes(pin)).hexdigest(),
        "source_blob": pin.source.blob,
        "params_sha256": pin.params_sha256,
        "expander": EXPANDER,
    }


def record_task_pin(store: Store, site: RunSite, pin: Pin) -> None:
    """Write a task run's pin and record it, before its first step."""
    durability = store.session.settings.durability
    with Folder.at(store.root, site.folder, durability=durability) as folder:
        folder.remove(".ps-resolved_steps.json")
        folder.create(".ps-resolved_steps.json", pin_bytes(pin), durability)
        folder.rename(".ps-resolved_steps.json", "resolved_steps.json")
        folder.sync(durability)
    with Journal.open(store.root, site.journal, torn=site.torn) as journal:
        journal.append([pin_event(pin, store.now())], sync=True)
