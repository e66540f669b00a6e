"""What may run: the boundaries that a job's spec passes, in order, before anything is started.

Spec, trigger, policy, target and bindings come first, then enabled, trust, approval and source; the claim
and the overlap are asked for by whoever starts it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from platformstate.actions.job_source import files_of, tree_source, trusted_source
from platformstate.actions.job_specs import JobSpec, execution_digest, job_path, read_spec, trusted_job
from platformstate.actions.job_target import Found, Request, Target, refused_spec, resolve_target
from platformstate.codec.json_text import canonical_json
from platformstate.errors import Problem, StateError, shown
from platformstate.gitrepo import CommitTree, look_up
from platformstate.policy.approvals import approving_act, is_act
from platformstate.policy.job_spec import MAX_BINDINGS_BYTES
from platformstate.runner import JobFiles

if TYPE_CHECKING:
    from platformstate.gitrepo.trust import Trusted
    from platformstate.store import Store


@dataclass(frozen=True, slots=True)
class Asked:
    """How a job is to run. `bindings` take the place of the spec's, `overlay` is laid over them."""

    at_trusted: bool = False
    allow_tree: bool = False
    bindings: Mapping[str, Any] | None = None
    needs_enabled: bool = True
    overlay: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Gate:
    """A job before its boundaries: what is known of it, and each refusal in the order of the boundaries.

    `trusted` is what its target is resolved at, `today` what the working tree has to be.
    """

    store: Store
    name: str
    spec: JobSpec
    trusted: Trusted
    asked: Asked
    today: Trusted
    whole: dict[str, Any] = field(default_factory=dict)
    target: Target | None = None
    digest: str = ""
    source: dict[str, Any] = field(default_factory=dict)
    refusals: list[StateError] = field(default_factory=list)

    @property
    def bindings(self) -> Mapping[str, Any]:
        """The values that the target is given."""
        own: Mapping[str, Any] = self.whole["bindings"]
        given = own if self.asked.bindings is None else self.asked.bindings
        return {**given, **(self.asked.overlay or {})}

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every finding of the boundaries that look at the spec alone."""
        own = self.spec.problems
        return (
            *own,
            *(problem for refusal in self.refusals for problem in refusal.problems if problem not in own),
        )

    def require(self) -> None:
        """Refuse what does not pass its first boundary. Raises: the refusal, with every finding."""
        if not self.refusals:
            return
        first = self.refusals[0]
        first.problems = self.problems
        raise first


def gate_of(
    store: Store, name: str, asked: Asked, *, spec: JobSpec | None = None, commit: str | None = None
) -> Gate:
    """Return a job with all that its boundaries say; nothing is started and nothing is written.

    Without a spec it is the one at the trusted ref; `commit` is an earlier one of it, that a replay resolves
    its target at. Raises: trust_ref_unset, job_not_found.
    """
    from platformstate.actions.recipes import require_trusted

    today = require_trusted(store)
    trusted = today if commit is None else today._replace(commit=commit)
    assert trusted.commit is not None
    gate = Gate(store, name, spec or trusted_job(store, name, trusted.commit), trusted, asked, today)
    try:
        gate.whole = gate.spec.whole
    except StateError as refused:
        gate.refusals.append(refused)
        return gate
    for boundary in _BOUNDARIES:
        try:
            boundary(gate)
        except StateError as refused:
            gate.refusals.append(refused)
    return gate


def _place(gate: Gate) -> None:
    """Refuse a folder to work in that a link leads out of the source."""
    runtime = gate.whole["runtime"]
    cwd = runtime["cwd"]
    if files_of(gate.store, runtime["source"], str(gate.trusted.commit)).leaves(cwd):
        message = f"{shown(cwd)} leads out of the source"
        raise refused_spec(gate.spec, [Found("job_policy_denied", "/runtime/cwd", message)])


def _target(gate: Gate) -> None:
    commit = str(gate.trusted.commit)
    files = files_of(gate.store, gate.whole["runtime"]["source"], commit)
    request = Request(
        gate.store, gate.spec, gate.whole, gate.bindings, CommitTree(gate.store.repository, commit), files
    )
    gate.target = resolve_target(request)
    gate.digest = execution_digest(gate.whole, gate.target.resolved)


def _bindings(gate: Gate) -> None:
    """Refuse values of the caller that are too many; the spec's own were measured with it."""
    size = len(canonical_json(dict(gate.bindings)))
    if size > MAX_BINDINGS_BYTES:
        message = f"the bindings are {size} bytes, more than {MAX_BINDINGS_BYTES}"
        raise refused_spec(gate.spec, [Found("job_bindings_invalid", "/bindings", message)])


def _enabled(gate: Gate) -> None:
    if gate.asked.needs_enabled and not gate.whole["enabled"]:
        raise StateError(
            "job_disabled",
            f"{gate.name} is disabled",
            hint=f"platformctl jobs resume {gate.name}",
            path=gate.spec.path,
        )


def _trust(gate: Gate) -> None:
    """Refuse a spec that is not what stands at the trusted ref, in the working tree and in the index."""
    if gate.asked.at_trusted:
        return
    path = job_path(gate.name)
    landed, staged = look_up(gate.store.repository, [f"{gate.trusted.commit}:{path}", f":{path}"])
    here = read_spec(gate.store, gate.store.tree(), gate.name)
    trusted = None if landed is None else landed.oid
    for blob, where in (
        (None if here is None else here.blob, "working tree"),
        (None if staged is None else staged.oid, "index"),
    ):
        if trusted is None or blob != trusted:
            raise untrusted(gate.name, trusted, blob, where)


def untrusted(name: str, trusted_blob: str | None, blob: str | None, where: str) -> StateError:
    """Return the error for a spec that is not what the trusted ref has."""
    return StateError(
        "job_untrusted",
        f"the {where} has {name} as {shown(blob or 'absent')}, the trusted ref has {shown(trusted_blob or 'none')}",
        hint=f"land the change first; platformctl jobs run {name} --at-trusted runs what is trusted",
        path=job_path(name),
    )


def _approval(gate: Gate) -> None:
    if not gate.digest or approving_act(acts_of(gate.store, gate.name), gate.digest) is not None:
        return
    raise StateError(
        "job_approval_required",
        f"what {gate.name} executes (digest {gate.digest[:12]}) was not approved in this clone",
        hint=f"an operator looks at it, then: platformctl jobs approve {gate.name}",
        path=gate.spec.path,
    )


def _source(gate: Gate) -> None:
    """Refuse a working tree whose commits beyond the trusted ref touch more than `state/`."""
    if gate.whole["runtime"]["source"] == "trusted":
        gate.source = trusted_source(str(gate.trusted.commit))
        return
    gate.source, refusal = tree_source(gate.store, gate.today, allowed=gate.asked.allow_tree)
    if refusal is not None:
        raise refusal


def acts_of(store: Store, name: str) -> list[dict[str, Any]]:
    """Return the acts of this clone about a job that count, oldest first."""
    files = JobFiles(store.repository.common_dir, name)
    return [act for act in files.approvals() if is_act(act)]


def is_approved(store: Store, name: str, digest: str) -> bool:
    """Say whether a digest of a job is approved in this clone."""
    return approving_act(acts_of(store, name), digest) is not None


_BOUNDARIES: tuple[Callable[[Gate], None], ...] = (
    _place,
    _target,
    _bindings,
    _enabled,
    _trust,
    _approval,
    _source,
)
