"""Where a run may go on: in the clone that pinned it, or where an operator takes it over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platformstate.actions.operators import require_operator
from platformstate.actions.run_copies import is_pinned, refuse_behind
from platformstate.actions.said import refuse_event
from platformstate.core.places import procedure_path
from platformstate.entities.step import ManualStep, Step
from platformstate.errors import StateError, shown
from platformstate.policy.pin import Pin, pin_bytes

if TYPE_CHECKING:
    from platformstate.actions.conduct_open import Conduct
    from platformstate.actions.run_site import KnownRun
    from platformstate.store import Store


def holder_of(store: Store) -> dict[str, Any]:
    """Return this process as a run records who holds it."""
    from platformstate.store.place import make_clone_id, place_of_work

    place = place_of_work(store.repository)
    settings = store.session.settings
    clone = place.clone or make_clone_id(store.repository, store.chance, settings.durability)
    return {
        "actor": store.actor,
        "boot_id": place.boot_id,
        "clone": clone,
        "host": place.host,
        "pid": place.pid,
    }


def require_here(conduct: Conduct, *, taken_over: bool) -> None:
    """Refuse a run that was not pinned here, or whose journal goes further elsewhere.

    Raises: run_elsewhere, run_journal_behind.
    """
    if taken_over:
        return
    refuse_behind(conduct.store, conduct.site, conduct.journal.events)
    if not conduct.pinned_here:
        holder = conduct.state.holder or {}
        raise StateError(
            "run_elsewhere",
            f"{conduct.site.named} was conducted in clone {shown(holder.get('clone'))} "
            f"on {shown(holder.get('host'))}; what is executed here was pinned here",
            hint=f"resume it there, or an operator: platformctl run resume {conduct.site.named} "
            "--take-over --reason TEXT",
            path=conduct.site.journal,
        )


def is_pinned_here(store: Store, known: KnownRun) -> bool:
    """Say whether a conduct of a run began in this clone on this host, with this very pin."""
    return is_pinned(store, known.site, known.state)


def take_over_fields(conduct: Conduct, reason: str | None) -> dict[str, Any]:
    """Let an operator take a run over; return what its resumption records.

    Raises: operator_required, usage_invalid, procedure_untrusted, trust_ref_unset.
    """
    require_operator(conduct.store, "--take-over")
    if not reason:
        raise StateError("usage_invalid", "--take-over needs --reason TEXT")
    _require_trusted_pin(conduct.store, conduct.pin)
    holder = conduct.state.holder or {}
    over = {"host": holder.get("host"), "clone": holder.get("clone"), "reason": reason}
    told = conduct.event("RunResumed", holder=holder_of(conduct.store), from_index=0, take_over=over)
    refuse_event(conduct.store, conduct.site.journal, {**told, "drift": conduct.drift})
    recorded = conduct.folding.walk.pin
    if recorded is not None:
        from platformstate.runner import Position

        lease = conduct.site.lease
        last = Position(recorded["steps_sha256"], len(conduct.journal.events) - 1, conduct.journal.h)
        lease.write_position(last, sync=True)
    conduct.pinned_here = True
    return over


def _require_trusted_pin(store: Store, pin: Pin) -> None:
    """Refuse a pin that content from the history of the trusted ref does not expand to.

    A task's plan executes nothing, so it needs no trust as long as that is so.
    """
    from platformstate.actions.recipes import require_trusted
    from platformstate.gitrepo import read_blobs
    from platformstate.policy.expand import expand
    from platformstate.policy.recipe import Recipe

    if pin.source.kind == "task" and all(_executes_nothing(step) for step in pin.steps):
        return
    if pin.source.kind != "procedure":
        raise _untrusted(pin.source.id, pin.source.blob)
    trusted = require_trusted(store)
    wanted = {pin.source.id: pin.source.blob, **dict(pin.called)}
    recipes = {}
    for (name, blob), data in zip(
        wanted.items(), read_blobs(store.repository, list(wanted.values())), strict=True
    ):
        path = procedure_path(name)
        if data is None or not _in_history(store, str(trusted.commit), path, blob):
            raise _untrusted(name, blob)
        document = _document(data, path)
        if document is None:
            raise _untrusted(name, blob)
        recipes[name] = Recipe(document, blob)
    made = expand(recipes, pin.source.id, dict(pin.params)).pin
    if made is None or pin_bytes(made) != pin_bytes(pin):
        raise _untrusted(pin.source.id, pin.source.blob)


def _executes_nothing(step: Step) -> bool:
    return isinstance(step, ManualStep) and step.verify is None


def _document(data: bytes, path: str) -> Any:
    from platformstate import validation

    return validation.read(data, path).document


def _in_history(store: Store, commit: str, path: str, blob: str) -> bool:
    """Say whether a path ever held a blob in a commit's history."""
    argv = ["log", "--format=", "--raw", "--no-abbrev", "--no-renames", "-m", commit, "--", path]
    rows = store.repository.run(argv, check=False).decode("utf-8", "surrogateescape").splitlines()
    return any(blob in row.split() for row in rows)


def _untrusted(name: str, blob: str) -> StateError:
    return StateError(
        "procedure_untrusted",
        f"the pinned steps are not what {name} (blob {blob}) in the history of the trusted ref expands to",
        hint="conduct the procedure anew: platformctl procedure conduct " + name,
    )


def pin_drift(store: Store, pin: Pin) -> bool:
    """Say whether a procedure at the trusted ref is no longer what was pinned; without such a ref nothing is."""
    from platformstate.gitrepo import look_up
    from platformstate.gitrepo.trust import trusted_names

    wanted = {pin.source.path: pin.source.blob, **{procedure_path(name): blob for name, blob in pin.called}}
    names = trusted_names(store.repository)
    asked = [[f"{name}^{{commit}}", *(f"{name}:{path}" for path in wanted)] for name in names]
    found = iter(look_up(store.repository, [text for texts in asked for text in texts]))
    for texts in asked:
        commit, *now = [None if row is None else row.oid for _, row in zip(texts, found, strict=False)]
        if commit is not None:
            return now != list(wanted.values())
    return False
