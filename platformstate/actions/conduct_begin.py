"""Begin a run whose steps are resolved: its pin, its place in this clone, then its first events in one write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from platformstate.actions.conduct_place import holder_of
from platformstate.actions.git_facts import branch_text
from platformstate.codec.journal import last_hash
from platformstate.errors import StateError
from platformstate.files import Folder
from platformstate.policy.pin import EXPANDER, Pin, pin_bytes
from platformstate.runner import Journal, Position

if TYPE_CHECKING:
    from platformstate.actions.run_site import RunSite
    from platformstate.store import Store

Event = Mapping[str, Any]
STARTED_AT: Final = 2  # the number of RunStarted: it follows RunDefined and ResolvedStepsRecorded


def begin_journal(
    store: Store,
    site: RunSite,
    pin: Pin,
    fields: Event,
    *,
    at: str,
    carried: Sequence[Event] = (),
    kept: bytes | None = None,
) -> Journal:
    """Pin a run's steps and return its journal, started durably; the caller holds the run's lock.

    `fields` are what defines the run beyond its place; `carried` follows the start, `kept` is a procedure's
    text to keep beside the pin. Which journal is the run's is durable before there is one: of two worktrees
    that began the same run only the later one's goes on. Raises: secret_found, run_journal_moved.
    """
    data = pin_bytes(pin)
    _refuse_found_secrets(store, site, data)
    _write_pin(store, site, data, kept)
    digest = sha256(data).hexdigest()
    events = [*_first_events(store, site, pin, digest, fields, at), *carried]
    site.lease.write_position(Position(digest, len(events) - 1, last_hash(events)), sync=True)
    return Journal.create(store.root, site.journal, events, torn=site.torn)


def _refuse_found_secrets(store: Store, site: RunSite, data: bytes) -> None:
    """Refuse to pin a secret, such as one given as a param. Raises: secret_found."""
    from platformstate.policy.secrets import find_secrets

    found = find_secrets(data.decode("utf-8"), site.pin, store.session.settings.allowed_secrets)
    if found:
        raise StateError(
            "secret_found",
            f"a secret would be pinned: {found[0].message}",
            hint="give it by the environment, and name it in secrets",
            problems=tuple(found),
        )


def _write_pin(store: Store, site: RunSite, data: bytes, kept: bytes | None) -> None:
    """Make a run's folder with its pinned steps, durable with the journal that follows."""
    points, durability = store.session.failpoints, store.session.settings.durability
    with Folder.at(store.root, site.folder, durability=durability) as folder:
        folder.create(".ps-resolved_steps.json", data, durability)
        points.reach("conduct.pin-temp")
        folder.rename(".ps-resolved_steps.json", "resolved_steps.json")
        # The name is durable with that of the journal, which comes into the same folder before anything starts.
    if kept is not None:
        with Folder.at(store.root, f"{site.folder}/artifacts", durability=durability) as folder:
            folder.create("procedure.md", kept, durability)
            folder.sync(durability)
    points.reach("conduct.pin-renamed")


def _first_events(
    store: Store, site: RunSite, pin: Pin, digest: str, fields: Event, at: str
) -> list[dict[str, Any]]:
    from platformstate.store.place import place_of_work

    holder, place = holder_of(store), place_of_work(store.repository)
    defined = {
        "type": "RunDefined",
        "at": at,
        "run": site.run,
        "subject": site.subject,
        "actor": store.actor,
        "host": place.host,
        "clone": holder["clone"],
        "worktree": place.worktree,
        "branch": branch_text(place.branch),
        "base_commit": place.base_commit,
        **{name: value for name, value in fields.items() if value},
    }
    recorded = {
        "type": "ResolvedStepsRecorded",
        "at": at,
        "step_count": len(pin.steps),
        "steps_sha256": digest,
        "source_blob": pin.source.blob,
        "params_sha256": pin.params_sha256,
        "expander": EXPANDER,
    }
    return [defined, recorded, {"type": "RunStarted", "at": at, "holder": holder}]
