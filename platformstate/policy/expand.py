"""From a procedure and its params to the list of steps that a run pins. Pure.

Calls are replaced by what they call, defaults are written out, `when` is answered. A step that is not
to be done stays in the list, so that indices do not depend on params.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from platformstate.entities import step as entity
from platformstate.errors import Problem, shown
from platformstate.policy.params import Value, environment, same, text_of, value_of
from platformstate.policy.pin import Pin, Source, pin_bytes
from platformstate.policy.placeholders import filled
from platformstate.policy.recipe import Recipe, Recipes, problem, recipe_problems, seconds

MAX_BYTES: Final = 16_777_216
_FAILING: Final = ("command", "check")


class Expanded(NamedTuple):
    """The pin of a procedure and params, or everything that is wrong with them."""

    pin: Pin | None
    problems: tuple[Problem, ...] = ()


def expand(recipes: Recipes, root: str, given: Mapping[str, Any], *, on_fail: str = "suspend") -> Expanded:
    """Return the pinned list of a procedure under params given as texts or JSON values.

    `on_fail` is what a command or check means that does not say it. Problems have the code procedure_invalid, _cycle, _too_deep, _too_long or _param_invalid. The root
    must be among the recipes.
    """
    recipe = recipes[root]
    found = list(recipe_problems(recipes, root))
    params, faults = _params(recipe, given)
    found += [problem(recipe, "procedure_param_invalid", at, reason, of_key=True) for at, reason in faults]
    if found:
        return Expanded(None, tuple(found))
    expansion = _Expansion(recipes, on_fail)
    expansion.walk(recipe, params, prefix="", skip=False)
    if expansion.problems:
        return Expanded(None, tuple(expansion.problems))
    pin = _pin(recipe, params, expansion)
    if len(pin_bytes(pin)) > MAX_BYTES:
        message = f"the list would be larger than {MAX_BYTES} bytes"
        return Expanded(None, (problem(recipe, "procedure_too_long", "/steps", message),))
    return Expanded(pin)


def _pin(recipe: Recipe, params: Mapping[str, Value], expansion: _Expansion) -> Pin:
    document = recipe.document
    return Pin(
        source=Source("procedure", document.id, document.path, recipe.blob),
        steps=tuple(expansion.steps),
        params=params,
        called=tuple(expansion.called.items()),
        requires=tuple(expansion.requires.values()),
        secrets=tuple(expansion.secrets),
        agent_may_decide=document.meta.get("agent_may_decide", False),
        output_limit=document.meta.get("output_limit", entity.OUTPUT_LIMIT_BYTES),
    )


def _params(recipe: Recipe, given: Mapping[str, Any]) -> tuple[dict[str, Value], list[tuple[str, str]]]:
    """Return the value of each param and, with the place of its definition, what is wrong."""
    values: dict[str, Value] = {}
    faults = [("/params", f"{shown(name)} is no param") for name in given if name not in recipe.params]
    for name, definition in recipe.params.items():
        if name in given:
            value, fault = value_of(definition, given[name])
        else:
            value = definition.get("default")
            fault = "is missing; it has no default" if value is None else None
        if value is None:
            faults.append((f"/params/{name}", f"{name}: {fault}"))
        else:
            values[name] = value
    return values, faults


@dataclass
class _Expansion:
    """What the walk has gathered so far."""

    recipes: Recipes
    on_fail: str = "suspend"
    steps: list[entity.Step] = field(default_factory=list)
    called: dict[str, str] = field(default_factory=dict)
    requires: dict[Any, entity.Guard] = field(default_factory=dict)
    secrets: dict[str, None] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def walk(self, recipe: Recipe, params: Mapping[str, Value], *, prefix: str, skip: bool) -> None:
        """Add a procedure's steps under a key path; `skip` when none of them is to be done."""
        meta = recipe.document.meta
        env = environment(params)
        self.secrets |= dict.fromkeys(meta.get("secrets", ()))
        for guard in meta.get("requires", ()):
            made = entity.Guard(guard["key"], _argv(guard), env, _timeout(guard))
            self.requires.setdefault((made.key, made.argv, made.timeout, tuple(env.items())), made)
        texts = {name: text_of(value) for name, value in params.items()}
        for index, step in enumerate(meta["steps"]):
            skipped = skip or not _is_due(step.get("when"), params)
            if step["kind"] == "call":
                self._call(recipe, index, texts, prefix, skipped)
            else:
                frame = {"index": len(self.steps), "key": prefix + step["key"], "pinned_skip": skipped}
                whole = {"on_fail": self.on_fail, **step} if step["kind"] in _FAILING else step
                self.steps.append(_MAKERS[step["kind"]](whole, frame, env, texts))

    def _call(self, recipe: Recipe, index: int, texts: Mapping[str, str], prefix: str, skip: bool) -> None:
        call = recipe.document.meta["steps"][index]
        called = self.recipes[call["procedure"]]
        self.called.setdefault(called.document.id, called.blob)
        given = {
            name: filled(value, texts) if isinstance(value, str) else value
            for name, value in call.get("with", {}).items()
            if name in called.params
        }
        params, faults = _params(called, given)
        if skip:
            # Nothing of it runs, so a value that does not fit is kept as it was written.
            params = {name: params.get(name, given.get(name, "")) for name in called.params}
        for at, reason in () if skip else faults:
            where = f"/steps/{index}/with/{at.rpartition('/')[2]}"
            self.problems.append(
                problem(recipe, "procedure_param_invalid", where, f"{call['key']}: {reason}")
            )
        if not faults or skip:
            self.walk(called, params, prefix=f"{prefix}{call['key']}/", skip=skip)


Raw = Mapping[str, Any]


def _command(
    step: Raw, frame: dict[str, Any], env: Mapping[str, str], _texts: Mapping[str, str]
) -> entity.Step:
    probe = step.get("done_when")
    done_when = None
    if probe is not None:
        absent = tuple(probe.get("absent_rc", (1,)))
        done_when = entity.Probe(_argv(probe), absent, _timeout(probe))
    return entity.CommandStep(
        **frame,
        argv=_argv(step),
        env=env,
        done_when=done_when,
        **_times(step, "timeout", "grace", "retry_delay"),
        **_lists(step, "retry_safe_rc", "success_rc"),
        **_given(step, "cwd", "idempotent", "retries", "capture", "on_fail"),
    )


def _check(
    step: Raw, frame: dict[str, Any], env: Mapping[str, str], _texts: Mapping[str, str]
) -> entity.Step:
    return entity.CheckStep(
        **frame,
        argv=_argv(step),
        env=env,
        expect=entity.Expectation(**_given(step.get("expect", {}), "exit_code", "stdout", "stdout_contains")),
        **_times(step, "timeout", "grace"),
        **_given(step, "cwd", "on_fail", "recheck"),
    )


def _checkpoint(
    step: Raw, frame: dict[str, Any], _env: Mapping[str, str], texts: Mapping[str, str]
) -> entity.Step:
    next_action = step.get("next_action")
    return entity.CheckpointStep(
        **frame,
        summary=filled(step["summary"], texts),
        next_action=None if next_action is None else filled(next_action, texts),
        **_given(step, "checkpoint_kind"),
    )


def _gate(step: Raw, frame: dict[str, Any], _env: Mapping[str, str], texts: Mapping[str, str]) -> entity.Step:
    prompt = filled(step["prompt"], texts)
    return entity.GateStep(**frame, prompt=prompt, **_lists(step, "approvers"))


def _manual(
    step: Raw, frame: dict[str, Any], env: Mapping[str, str], texts: Mapping[str, str]
) -> entity.Step:
    verify = step.get("verify")
    return entity.ManualStep(
        **frame,
        instruct=filled(step["instruct"], texts),
        env=env,
        verify=None if verify is None else entity.Verification(_argv(verify), _timeout(verify)),
        **_given(step, "idempotent", "evidence"),
    )


_MAKERS: Final = {
    "command": _command,
    "check": _check,
    "checkpoint": _checkpoint,
    "gate": _gate,
    "manual": _manual,
}


def _argv(holder: Raw) -> entity.Argv:
    return (*entity.SHELL, holder["run"]) if "run" in holder else tuple(holder["argv"])


def _timeout(holder: Raw) -> int:
    return seconds(holder.get("timeout", entity.PROBE_TIMEOUT_S))


def _given(step: Raw, *names: str) -> dict[str, Any]:
    return {name: step[name] for name in names if name in step}


def _times(step: Raw, *names: str) -> dict[str, Any]:
    return {name: seconds(step[name]) for name in names if name in step}


def _lists(step: Raw, *names: str) -> dict[str, Any]:
    return {name: tuple(step[name]) for name in names if name in step}


def _is_due(when: Mapping[str, Any] | None, params: Mapping[str, Value]) -> bool:
    if when is None:
        return True
    listed: Sequence[Value] = when["in"] if "in" in when else when["not_in"]
    held = any(same(params[when["param"]], value) for value in listed)
    return held if "in" in when else not held
