"""What a job's spec asks beyond its schema, and which error a faulty spec is. Pure.

What is outside the spec (a program on the PATH, a procedure, a schema in a file) is asked where it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from platformstate.codec import locate
from platformstate.codec.json_text import canonical_json
from platformstate.core.document import Document
from platformstate.core.quantities import seconds
from platformstate.entities.job import with_defaults
from platformstate.errors import Problem, StateError, shown
from platformstate.policy.cron import cron
from platformstate.policy.zones import refuse_unknown_zone

BOUNDARIES: Final = (
    "job_invalid_spec",
    "job_trigger_invalid",
    "job_policy_denied",
    "job_target_unresolved",
    "job_bindings_invalid",
)
MAX_BINDINGS_BYTES: Final = 65_536
MAX_GRACE_S: Final = 300
MAX_PERIOD_S: Final = 366 * 86_400
_PERIODS: Final = (
    ("misfire", "late_after"),
    ("misfire", "window"),
    ("runtime", "timeout"),
    ("runtime", "grace"),
    ("runtime", "deadline"),
    ("retry", "backoff", "initial"),
    ("retry", "backoff", "max"),
)
_NAME: Final = re.compile(r"[A-Z_][A-Z0-9_]*")
_DENIED: Final = re.compile(
    r"(LD|DYLD|GIT|PLATFORMSTATE|STEP)_.*|PYTHON.*|NODE_OPTIONS|BASH_ENV|ENV|IFS|PERL5OPT|RUBYOPT"
)
_NOT_SET: Final = ("PATH", "HOME")
FIXES: Final = {
    "job_invalid_spec": "correct the spec, then platformctl validate {path}",
    "job_trigger_invalid": "platformctl jobs next --expr '30 2 * * *' --tz Europe/Warsaw",
    "job_policy_denied": "take it out of the spec",
    "job_target_unresolved": "name a target that exists at the trusted ref",
    "job_bindings_invalid": "give bindings that the target takes",
    "job_cron_ambiguous_day": "write the days as a list, or * in one of the two fields",
}
# What the schema finds at these places belongs to a later boundary than the spec's own form.
_PLACES: Final[Sequence[tuple[re.Pattern[str], str]]] = (
    (re.compile(r"/trigger/(cron|timezone)"), "job_trigger_invalid"),
    (re.compile(r"/runtime/(cwd|env/(pass/[0-9]+|set/[^/]+))|/output/artifacts/[0-9]+"), "job_policy_denied"),
    (re.compile(r"/target/(kind|entry)"), "job_target_unresolved"),
    (re.compile(r"/(bindings|target/bindings_schema)(/.*)?"), "job_bindings_invalid"),
)
_SET: Final = re.compile(r"/runtime/env/set/[^/]+")  # an unknown key there is a name that no variable has
_FORM: Final = frozenset({"field_type_wrong", "field_unknown", "key_duplicate"})


class _Fault(NamedTuple):
    code: str
    pointer: str
    reason: str
    of_key: bool = False


def spec_problems(document: Document[Any]) -> tuple[Problem, ...]:
    """Return what is wrong with a spec that its schema allows, in order of place."""
    whole = with_defaults(document.meta)
    faults = [
        *_form_faults(whole),
        *_trigger_faults(whole["trigger"]),
        *_policy_faults(whole),
        *_size_faults(whole),
    ]
    found = [_problem(document, fault) for fault in faults]
    return tuple(sorted(found, key=lambda problem: (problem.line, problem.col, problem.code)))


def boundary(problem: Problem) -> str:
    """Return the error that a problem of a spec makes of a jobs command."""
    if problem.code in BOUNDARIES:
        return problem.code
    if problem.code in _FORM and not (problem.code == "field_unknown" and _SET.fullmatch(problem.pointer)):
        return BOUNDARIES[0]
    return next((code for place, code in _PLACES if place.fullmatch(problem.pointer)), BOUNDARIES[0])


def refusal(problems: Sequence[Problem]) -> StateError:
    """Return the error for a spec's problems: that of the first boundary which one of them fails."""
    wrong = [problem for problem in problems if problem.severity == "error"]
    first = min(wrong, key=lambda problem: BOUNDARIES.index(boundary(problem)))
    return StateError(
        boundary(first),
        first.message,
        hint=first.fix,
        path=first.path,
        line=first.line,
        col=first.col,
        problems=tuple(problems),
    )


def _form_faults(whole: Mapping[str, Any]) -> Iterator[_Fault]:
    runtime, retry = whole["runtime"], whole["retry"]
    code = "job_invalid_spec"
    if seconds(runtime["deadline"]) < seconds(runtime["timeout"]):
        yield _Fault(
            code, "/runtime/deadline", "the deadline of a run is shorter than the timeout of one attempt"
        )
    for keys in _PERIODS:
        if seconds(_at(whole, keys)) > MAX_PERIOD_S:
            yield _Fault(code, "/" + "/".join(keys), "a duration is at most 366d")
    if seconds(runtime["grace"]) > MAX_GRACE_S:
        yield _Fault(code, "/runtime/grace", f"the grace is at most {MAX_GRACE_S // 60}m")
    if whole["target"]["kind"] == "command" and not whole["target"]["argv"][0]:
        yield _Fault(code, "/target/argv/0", "the program's name is empty")
    for pointer, one, other in (
        ("/retry/never_exit_codes", retry["never_exit_codes"], retry["exit_codes"]),
        ("/success_exit_codes", whole["success_exit_codes"], retry["exit_codes"]),
    ):
        if shared := sorted(set(one) & set(other)):
            yield _Fault(code, pointer, f"exit code {shared[0]} stands in /retry/exit_codes too")


def _at(whole: Mapping[str, Any], keys: Sequence[str]) -> Any:
    value: Any = whole
    for key in keys:
        value = value[key]
    return value


def _trigger_faults(trigger: Mapping[str, Any]) -> Iterator[_Fault]:
    if trigger["kind"] != "cron":
        return
    try:
        if cron(trigger["cron"]).has_ambiguous_day:
            reason = "engines disagree about a step over all days beside a restriction; here both must match"
            yield _Fault("job_cron_ambiguous_day", "/trigger/cron", reason)
    except StateError as refused:
        yield _Fault(refused.code, "/trigger/cron", refused.message)
    try:
        refuse_unknown_zone(trigger["timezone"])
    except StateError as refused:
        yield _Fault(refused.code, "/trigger/timezone", f"{refused.message}; {refused.hint}")


def _policy_faults(whole: Mapping[str, Any]) -> Iterator[_Fault]:
    code = "job_policy_denied"
    env = whole["runtime"].get("env", {})
    named = [(name, f"/runtime/env/pass/{n}", False) for n, name in enumerate(env.get("pass", ()))]
    named += [
        (name, f"/runtime/env/set/{name}", True) for name in env.get("set", {}) if not name.startswith("x-")
    ]
    for name, pointer, is_set in named:
        if not _NAME.fullmatch(name):
            yield _Fault(
                code, pointer, f"{shown(name)} is no name of a variable: write A-Z, 0-9 and _", is_set
            )
        elif _DENIED.fullmatch(name) or (is_set and name in _NOT_SET):
            yield _Fault(
                code, pointer, f"a job may not {'set' if is_set else 'pass on'} {shown(name)}", is_set
            )


def _size_faults(whole: Mapping[str, Any]) -> Iterator[_Fault]:
    if (size := len(canonical_json(whole["bindings"]))) > MAX_BINDINGS_BYTES:
        reason = f"the bindings are {size} bytes, more than {MAX_BINDINGS_BYTES}"
        yield _Fault("job_bindings_invalid", "/bindings", reason)


def _problem(document: Document[Any], fault: _Fault) -> Problem:
    line, col = locate.position(document.source or "", "markdown", fault.pointer, of_key=fault.of_key)
    severity = "warning" if fault.code == "job_cron_ambiguous_day" else "error"
    fix = FIXES[fault.code].format(path=document.path)
    return Problem(document.path, line, col, fault.code, fault.reason, fix, fault.pointer, severity)
