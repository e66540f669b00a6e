"""What a job runs: its target resolved to the steps that a run of it pins."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from platformstate.actions.job_source import SourceFiles
from platformstate.actions.job_specs import JobSpec
from platformstate.codec import locate
from platformstate.core.quantities import seconds, size_bytes
from platformstate.core.tree import Tree
from platformstate.errors import Problem, StateError, shown
from platformstate.policy.job_spec import FIXES, refusal
from platformstate.policy.params import environment
from platformstate.policy.pin import Pin, Source, job_steps
from platformstate.runner import job_base

if TYPE_CHECKING:
    from platformstate.store import Store

Whole = Mapping[str, Any]


class Target(NamedTuple):
    """A resolved target: the pin, and the blob id of each file that it was resolved from."""

    pin: Pin
    resolved: dict[str, str]


class Request(NamedTuple):
    """What is resolved: a spec, its values, the tree that it and its procedures are read from, the source."""

    store: Store
    spec: JobSpec
    whole: Whole
    bindings: Mapping[str, Any]
    tree: Tree
    files: SourceFiles


def resolve_target(request: Request) -> Target:
    """Return the steps that a spec pins with these bindings.

    Raises: job_target_unresolved, job_bindings_invalid.
    """
    return _TARGETS[request.whole["target"]["kind"]](request)


def source_of(spec: JobSpec) -> Source:
    """Return what a job's pin names as its source."""
    return Source("job", spec.id, spec.path, spec.blob)


def step_terms(whole: Whole) -> dict[str, Any]:
    """Return the fields of a one-step job's step that its spec gives."""
    runtime = whole["runtime"]
    return {
        "cwd": runtime["cwd"],
        "timeout": seconds(runtime["timeout"]),
        "grace": seconds(runtime["grace"]),
        "idempotent": whole["policy"]["side_effects"] == "none",
        "success_rc": tuple(whole["success_exit_codes"]),
    }


def scalars(bindings: Mapping[str, Any]) -> dict[str, str | int | bool]:
    """Return the bindings that a step finds in its environment as `P_<name>`."""
    return {
        name: value
        for name, value in bindings.items()
        if isinstance(value, str | int | bool) and name.isidentifier() and name.isascii()
    }


def _command(request: Request) -> Target:
    argv = request.whole["target"]["argv"]
    _require_program(request, argv[0])
    return Target(one_step(request, argv), {})


def one_step(request: Request, argv: list[str]) -> Pin:
    """Return the pin of a job that runs one command."""
    params = scalars(request.bindings)
    steps = job_steps(argv, env=environment(params), **step_terms(request.whole))
    limit = size_bytes(request.whole["runtime"]["limits"]["output"])
    return Pin(source_of(request.spec), steps, params, output_limit=limit)


def _require_program(request: Request, program: str) -> None:
    """Refuse a program that is neither on the child's PATH nor a file of the source."""
    env = request.whole["runtime"].get("env", {})
    path = job_base(os.environ, env.get("pass", ()), env.get("set", {})).get("PATH", os.defpath)
    if "/" not in program or program.startswith("/"):
        found = shutil.which(program, path=path) is not None
    else:
        found = request.files.is_executable(f"{request.whole['runtime']['cwd']}/{program}")
    if not found:
        raise refused_spec(
            request.spec,
            [Found("job_target_unresolved", "/target/argv/0", f"there is no program {shown(program)}")],
        )


def _python(request: Request) -> Target:
    from platformstate.actions.job_python import python_target

    return python_target(request)


def _procedure(request: Request) -> Target:
    from platformstate.actions.recipes import recipes_in
    from platformstate.policy.expand import expand
    from platformstate.policy.recipe import reachable

    name, at = request.whole["target"]["procedure"], "/target/procedure"
    try:
        recipes = recipes_in(request.store, request.tree, name)
    except StateError as refused:
        found = Found("job_target_unresolved", at, f"procedure {name}: {refused.message}")
        raise refused_spec(request.spec, [found], refused.problems) from refused
    if name not in recipes:
        raise refused_spec(
            request.spec, [Found("job_target_unresolved", at, f"there is no procedure {name}")]
        )
    expanded = expand(recipes, name, dict(request.bindings), on_fail="fail")
    if expanded.pin is None:
        raise refused_spec(request.spec, _of_procedure(name, expanded.problems), expanded.problems)
    used = reachable(recipes, name)
    blobs = {recipes[one].document.path: recipes[one].blob for one in used}
    pin = replace(
        expanded.pin,
        source=source_of(request.spec),
        called=tuple((one, recipes[one].blob) for one in used),
        output_limit=min(expanded.pin.output_limit, size_bytes(request.whole["runtime"]["limits"]["output"])),
    )
    return Target(pin, blobs)


def _of_procedure(name: str, problems: Sequence[Problem]) -> list[Found]:
    """Return what a procedure's problems are to a job: of its params, or else one of its target."""
    params = [found for found in problems if found.pointer.startswith("/params")]
    if len(params) < len(problems):
        return [
            Found("job_target_unresolved", "/target/procedure", f"procedure {name}: {problems[0].message}")
        ]
    places = (found.pointer.replace("/params", "/bindings", 1) for found in params)
    return [
        Found("job_bindings_invalid", at, f"procedure {name}: {found.message}")
        for at, found in zip(places, params, strict=True)
    ]


class Found(NamedTuple):
    """What is wrong with a spec at a place of it, beyond what the spec shows by itself."""

    code: str
    pointer: str
    message: str


def refused_spec(spec: JobSpec, found: Sequence[Found], more: Sequence[Problem] = ()) -> StateError:
    """Return the error for what was found, each with its place in the spec; the first boundary names it.

    `more` are findings in other files that explain them.
    """
    source = "" if spec.document is None else spec.document.source or ""
    problems = []
    for one in found:
        line, col = locate.position(source, "markdown", one.pointer)
        fix = FIXES[one.code].format(path=spec.path)
        problems.append(Problem(spec.path, line, col, one.code, one.message, fix, one.pointer))
    refused = refusal(problems)
    refused.problems = (*problems, *more)
    return refused


_TARGETS: Final[dict[str, Callable[[Request], Target]]] = {
    "command": _command,
    "procedure": _procedure,
    "python": _python,
}
