"""`jobs replay`: run a finished run again, with the spec that it had and the slot that it was meant for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from platformstate.actions.answer import Answer
from platformstate.actions.job_firing import claimed_firing, firing_of
from platformstate.actions.job_gate import Asked, Gate, gate_of
from platformstate.actions.job_ledger import read_ledger
from platformstate.actions.job_specs import JobSpec, job_path, spec_of
from platformstate.actions.jobs_run import conduct_here
from platformstate.entities.job import with_defaults
from platformstate.entities.kinds import JOB
from platformstate.errors import StateError, shown
from platformstate.files import WorkTree
from platformstate.gitrepo import look_up, read_blobs
from platformstate.policy.journal import TERMINAL

if TYPE_CHECKING:
    from platformstate.store import Store


class Past(NamedTuple):
    """A finished run as its job's ledger has it."""

    job: str
    line: Mapping[str, Any]


def find_past(store: Store, text: str) -> Past:
    """Return the finished run that a prefix, also as JOB/RUN, stands for, be its folder pruned or not.

    Raises: run_not_found, id_ambiguous.
    """
    from platformstate.core.ids import matches

    job, slash, prefix = text.rpartition("/")
    names = [job] if slash else store.ids(JOB)
    found = []
    for name in names:
        lines = [line for line in read_ledger(WorkTree(store.root), name) if line["status"] in TERMINAL]
        wanted = set(matches(prefix, {line["run"] for line in lines}))
        found += [Past(name, line) for line in lines if line["run"] in wanted]
    if len(found) == 1:
        return found[0]
    named = sorted(f"{past.job}/{past.line['run']}" for past in found)
    if not found:
        raise StateError(
            "run_not_found", f"no finished run is called {shown(text)}", hint="platformctl jobs list"
        )
    raise StateError(
        "id_ambiguous",
        f"{shown(text)} fits {len(found)} runs: {', '.join(named[:5])}",
        data={"candidates": named},
    )


def replay_run(
    store: Store,
    text: str,
    *,
    current_spec: bool = False,
    allow_side_effects: bool = False,
    bindings: Mapping[str, Any] | None = None,
    told: Callable[[str], None] = lambda line: None,
    own_process: bool = False,
) -> Answer:
    """Run a finished run again as a new one; its spec is the blob that it had, never silently another.

    Raises: run_not_found, replay_spec_unavailable, job_policy_denied, job_approval_required, and what a run does.
    """
    past = find_past(store, text)
    gate, old = _gate(store, past, current_spec, bindings)
    gate.require()
    if gate.whole["policy"]["side_effects"] == "external" and not allow_side_effects:
        raise StateError(
            "job_policy_denied",
            f"{past.job} has external side effects; a replay would have them again",
            hint=f"platformctl jobs replay {past.job}/{past.line['run']} --allow-side-effects",
        )
    diff = list(_differences("", old, {**gate.whole, "bindings": dict(gate.bindings)}))
    if store.dry_run:
        return Answer({"run": None, "diff": diff})
    firing = firing_of(
        gate,
        trigger="replay",
        slot=past.line["slot"],
        replay_of=past.line["run"],
        root_run=str(past.line["root_run"] or past.line["run"]),
    )
    answer = conduct_here(gate, firing, told=told, own_process=own_process)
    data = {**answer.data, "diff": diff}
    if answer.error is not None:
        answer.error.data = data
    return answer._replace(data=data)


def _gate(
    store: Store, past: Past, current: bool, bindings: Mapping[str, Any] | None
) -> tuple[Gate, dict[str, Any]]:
    """Return the gate of the replay, and the whole spec that the first run had with its bindings."""
    spec = _spec(store, past)
    claimed = claimed_firing(store, past.job, str(past.line["run"]))
    old = with_defaults(spec.document.meta) if spec.document is not None else {}
    old = {**old, "bindings": old.get("bindings", {}) if claimed is None else dict(claimed.bindings)}
    given = old["bindings"] if bindings is None else bindings
    asked = Asked(at_trusted=True, bindings=given, needs_enabled=False)
    if current:
        return gate_of(store, past.job, asked), old
    return gate_of(store, past.job, asked, spec=spec, commit=_landed(store, past)), old


def _landed(store: Store, past: Past) -> str:
    """Return the commit of a run. Raises: job_untrusted for one that the trusted ref lacks: a line is data."""
    from platformstate.actions.recipes import require_trusted

    trusted, commit = require_trusted(store), str(past.line["commit"])
    base = store.repository.run(["merge-base", commit, str(trusted.commit)], check=False).decode().strip()
    if base != commit:
        raise StateError(
            "job_untrusted",
            f"{past.job}/{past.line['run']} names commit {shown(commit[:12])}, which {trusted.ref} lacks",
            hint=f"platformctl jobs replay {past.job}/{past.line['run']} --current-spec",
        )
    return commit


def _spec(store: Store, past: Past) -> JobSpec:
    blob, commit = str(past.line["spec_blob"]), str(past.line["commit"])
    data = next(iter(read_blobs(store.repository, [blob])), None)
    if data is None or look_up(store.repository, [f"{commit}^{{commit}}"])[0] is None:
        raise StateError(
            "replay_spec_unavailable",
            f"the spec that {past.job}/{past.line['run']} had (blob {blob[:12]}) is not in this clone",
            hint="git fetch brings it back where it still exists; --current-spec takes today's",
        )
    return spec_of(store, past.job, job_path(past.job), data)


def _differences(at: str, old: Any, new: Any) -> Iterator[dict[str, Any]]:
    """Yield each place where two values differ, by its pointer."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from _differences(f"{at}/{key}", old.get(key), new.get(key))
    elif old != new:
        yield {"pointer": at, "old": old, "new": new}
