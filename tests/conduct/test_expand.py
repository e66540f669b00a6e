"""From a procedure and params to its list of steps: calls, params, `when`, limits, and every problem at once."""

from __future__ import annotations

import re
from typing import Any

import pytest

from platformstate.entities.step import (
    CheckpointStep,
    CheckStep,
    CommandStep,
    Expectation,
    GateStep,
    ManualStep,
    Probe,
    Verification,
)
from platformstate.policy.expand import Expanded, expand
from platformstate.policy.pin import Pin
from platformstate.policy.recipe import Recipes, reachable, recipe_problems
from tests.conduct.recipes import recipe, recipes

MAKE = "{key: a, kind: command, run: make}"


def pin_of(expanded: Expanded) -> Pin:
    assert expanded.pin is not None, expanded.problems
    return expanded.pin


def told(known: Recipes, expanded: Expanded) -> list[str]:
    """Return each problem with what stands at its place: `id:line <text at the column> code message`."""
    assert expanded.pin is None
    lines = []
    for problem in expanded.problems:
        name = problem.path.split("/")[2]
        line = (known[name].document.source or "").split("\n")[problem.line - 1]
        found = re.match(r'"[^"]*"|[\w-]+|[\[{]', line[problem.col - 1 :])
        code = problem.code.removeprefix("procedure_")
        lines.append(f"{name}:{problem.line} <{found[0] if found else ''}> {code}: {problem.message}")
    return lines


def test_20_10_calls_are_replaced_and_indices_are_contiguous() -> None:
    known = recipes(
        recipe(
            "outer", MAKE, "{key: roll, kind: call, procedure: middle}", "{key: z, kind: command, run: z}"
        ),
        recipe("middle", "{key: build, kind: call, procedure: inner}", "{key: ship, kind: command, run: s}"),
        recipe("inner", "{key: x, kind: command, run: x}", "{key: yy, kind: command, run: yy}"),
    )
    pin = pin_of(expand(known, "outer", {}))
    assert [step.index for step in pin.steps] == list(range(5))
    assert [step.key for step in pin.steps] == ["a", "roll/build/x", "roll/build/yy", "roll/ship", "z"]
    assert pin.called == (("middle", "0" * 40), ("inner", "0" * 40))
    assert "call" not in {step.kind for step in pin.steps}


def test_defaults_are_written_out() -> None:
    (step,) = pin_of(expand(recipes(recipe("demo", MAKE)), "demo", {})).steps
    assert step == CommandStep(0, "a", ("/bin/sh", "-c", "make"))
    assert isinstance(step, CommandStep)
    assert (step.timeout, step.grace, step.success_rc, step.on_fail) == (900, 10, (0,), "suspend")


def test_durations_become_seconds() -> None:
    step = "{key: a, kind: command, argv: [x], timeout: 2h, grace: 5, retry_delay: 3m}"
    (made,) = pin_of(expand(recipes(recipe("demo", step)), "demo", {})).steps
    assert isinstance(made, CommandStep)
    assert (made.timeout, made.grace, made.retry_delay) == (7200, 5, 180)


TOP = """
params:
  version: {type: string, format: semver}
  env: {type: string, default: staging, choices: [staging, prod]}
  count: {type: integer, default: 3, min: 1, max: 9}
  loud: {type: boolean, default: false}
"""


def test_params_reach_a_step_by_its_environment_and_never_its_text() -> None:
    known = recipes(recipe("demo", '{key: a, kind: command, run: "echo {version}"}', top=TOP))
    (step,) = pin_of(expand(known, "demo", {"version": "1.4.2", "count": "7", "loud": "true"})).steps
    assert isinstance(step, CommandStep)
    assert step.argv[-1] == "echo {version}"
    assert step.env == {"P_count": "7", "P_env": "staging", "P_loud": "true", "P_version": "1.4.2"}


def test_placeholders_are_filled_in_what_people_read() -> None:
    known = recipes(
        recipe(
            "demo",
            '{key: cp, kind: checkpoint, summary: "v{version} {{kept}}", next_action: "{env}"}',
            '{key: go, kind: gate, prompt: "Deploy {version} to {env}?"}',
            '{key: by-hand, kind: manual, instruct: "{count} times, {loud}"}',
            top=TOP,
        )
    )
    summary, prompt, instruct = pin_of(expand(known, "demo", {"version": "1.4.2"})).steps
    assert isinstance(summary, CheckpointStep)
    assert isinstance(prompt, GateStep)
    assert isinstance(instruct, ManualStep)
    assert (summary.summary, summary.next_action) == ("v1.4.2 {kept}", "staging")
    assert prompt.prompt == "Deploy 1.4.2 to staging?"
    assert instruct.instruct == "3 times, false"


@pytest.mark.parametrize(
    "given,reason",
    [
        ({}, "version: is missing; it has no default"),
        ({"version": "1.4"}, "version: 1.4 is not a version such as 1.4.2"),
        ({"version": "1.4.2", "env": "moon"}, "env: moon is not one of staging, prod"),
        ({"version": "1.4.2", "count": "x"}, "count: x is not a whole number"),
        ({"version": "1.4.2", "count": 10}, "count: 10 is more than 9"),
        ({"version": "1.4.2", "count": "0"}, "count: 0 is less than 1"),
        ({"version": "1.4.2", "loud": "yes"}, "loud: yes is not true or false"),
        ({"version": 1}, "version: 1 is not a text"),
        ({"version": "1.4.2", "moon": "1"}, "moon is no param"),
        ({"version": True}, "version: True is not a text"),
        ({"version": "1.4.2", "count": True}, "count: True is not a whole number"),
    ],
)
def test_a_bad_param_is_told_at_its_definition(given: dict[str, Any], reason: str) -> None:
    expanded = expand(recipes(recipe("demo", MAKE, top=TOP)), "demo", given)
    assert expanded.pin is None
    (problem,) = expanded.problems
    assert (problem.code, problem.message) == ("procedure_param_invalid", reason)


FORMATS = {
    "text": (["", "anything\nat all"], ["a\x07", "a\u202eb", "x" * 1025]),
    "slug": (["a-b-1"], ["A", "a--b", "", "a_b"]),
    "semver": (["1.4.2", "0.0.1-rc.1+x"], ["v1.4.2", "1.4", "01.2.3", "1.4.2\n"]),
    "commit": (["a" * 40, "0" * 64], ["abc", "A" * 40, "HEAD"]),
    "path": (["a/b.txt", "src"], ["/etc", "../a", "a/../b", "-x", "", "a//b", "a\\b", "."]),
    "date": (["2026-11-20"], ["2026-13-01", "20261120", "today"]),
}


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_takes_its_texts_and_no_other(form: str) -> None:
    known = recipes(recipe("demo", MAKE, top=f"\nparams:\n  p: {{type: string, format: {form}}}\n"))
    good, bad = FORMATS[form]
    for text in good:
        assert pin_of(expand(known, "demo", {"p": text})).params == {"p": text}
    for text in bad:
        assert expand(known, "demo", {"p": text}).pin is None, text


def test_when_keeps_the_step_and_its_index() -> None:
    top = "\nparams:\n  env: {type: string, default: staging}\n"
    steps = (
        "{key: p, kind: command, run: p, when: {param: env, in: [prod]}}",
        "{key: s, kind: command, run: s, when: {param: env, not_in: [prod]}}",
    )
    known = recipes(recipe("demo", *steps, top=top))
    here = pin_of(expand(known, "demo", {}))
    there = pin_of(expand(known, "demo", {"env": "prod"}))
    assert [step.pinned_skip for step in here.steps] == [True, False]
    assert [step.pinned_skip for step in there.steps] == [False, True]
    assert [step.index for step in there.steps] == [0, 1]


def test_a_skipped_call_skips_all_of_its_steps_and_judges_no_value() -> None:
    top = "\nparams:\n  env: {type: string, default: staging}\n"
    call = '{key: c, kind: call, procedure: inner, when: {param: env, in: [prod]}, with: {to: "{env}", num: "{env}"}}'
    inner = recipe(
        "inner",
        "{key: x, kind: command, run: x}",
        '{key: yy, kind: gate, prompt: "{to} {num}"}',
        top="\nparams:\n  to: {type: string, choices: [prod]}\n  num: {type: integer, default: 1}\n",
    )
    pin = pin_of(expand(recipes(recipe("demo", call, MAKE, top=top), inner), "demo", {}))
    assert [step.pinned_skip for step in pin.steps] == [True, True, False]


def test_guards_and_secrets_stand_in_first_use_order_without_repeats() -> None:
    inner = recipe(
        "inner",
        "{key: x, kind: command, run: x}",
        top="\nsecrets:\n  - B\n  - A\nrequires:\n  - {key: same, run: g}\n  - {key: own, argv: [h], timeout: 5}\n",
    )
    calls = [f"{{key: c{n}, kind: call, procedure: inner}}" for n in range(2)]
    outer = recipe("outer", *calls, top="\nsecrets:\n  - A\nrequires:\n  - {key: same, run: g}\n")
    pin = pin_of(expand(recipes(outer, inner), "outer", {}))
    assert pin.secrets == ("A", "B")
    assert [(guard.key, guard.timeout) for guard in pin.requires] == [("same", 60), ("own", 5)]


def test_20_10_a_cycle_is_named_and_nothing_is_made() -> None:
    known = recipes(
        recipe("a", "{key: x, kind: call, procedure: b}"), recipe("b", "{key: yy, kind: call, procedure: a}")
    )
    assert told(known, expand(known, "a", {})) == ["b:8 <a> cycle: a -> b -> a"]
    assert reachable(known, "a") == ["a", "b"]


def test_a_procedure_that_calls_itself_is_a_cycle() -> None:
    known = recipes(recipe("a", "{key: x, kind: call, procedure: a}"))
    assert told(known, expand(known, "a", {})) == ["a:8 <a> cycle: a -> a"]


def test_eight_calls_deep_is_allowed_and_nine_are_not() -> None:
    chain = [recipe(f"p{n}", f"{{key: c, kind: call, procedure: p{n + 1}}}") for n in range(9)]
    known = recipes(*chain, recipe("p9", MAKE))
    assert len(pin_of(expand(known, "p1", {})).steps) == 1
    assert [problem.code for problem in recipe_problems(known, "p0")] == ["procedure_too_deep"]
    assert told(known, expand(known, "p0", {})) == ["p0:8 <-> too_deep: calls are nested 9 deep"]


def test_ten_thousand_steps_are_allowed_and_one_more_is_not() -> None:
    many = [f"{{key: s{n}, kind: command, run: x}}" for n in range(100)]
    calls = [f"{{key: c{n}, kind: call, procedure: many}}" for n in range(100)]
    known = recipes(recipe("many", *many), recipe("whole", *calls), recipe("more", *calls, MAKE))
    assert len(pin_of(expand(known, "whole", {})).steps) == 10_000
    assert told(known, expand(known, "more", {})) == ["more:8 <-> too_long: 10001 steps would be pinned"]


def test_the_size_of_a_list_is_known_before_it_is_made() -> None:
    levels = [
        recipe(f"l{n}", *[f"{{key: c{m}, kind: call, procedure: l{n + 1}}}" for m in range(50)])
        for n in range(8)
    ]
    (problem,) = recipe_problems(recipes(*levels, recipe("l8", MAKE)), "l0")
    assert problem.code == "procedure_too_long"


def test_a_list_of_too_many_bytes_is_too_long() -> None:
    long = "x" * 8000
    many = [f"{{key: s{n}, kind: command, run: {long}}}" for n in range(7)]
    calls = [f"{{key: c{n}, kind: call, procedure: many}}" for n in range(320)]
    known = recipes(recipe("many", *many), recipe("whole", *calls))
    assert [p.code for p in expand(known, "whole", {}).problems] == ["procedure_too_long"]


def test_all_problems_are_told_at_once_with_line_and_column() -> None:
    inner = recipe(
        "inner",
        MAKE,
        top="\nparams:\n  must: {type: string}\n  n: {type: integer, max: 5}\n".replace("  n:", "  num:"),
    )
    outer = recipe(
        "outer",
        '{key: a, kind: gate, prompt: "to {nowhere} and }"}',
        "{key: b, kind: call, procedure: absent}",
        "{key: c, kind: call, procedure: inner, with: {num: 6, other: 1}}",
        "{key: d, kind: command, run: x, when: {param: nope, in: [1]}, timeout: 25h}",
        "{key: e, kind: command, run: x, capture: out}",
        "{key: f, kind: command, run: x, capture: out, when: {param: size, in: [1, two]}}",
        "{key: g, kind: command, run: x, done_when: {run: q, timeout: 0}, retry_delay: 301}",
        '{key: h, kind: call, procedure: inner, with: {must: "{gone}", num: 1}}',
        top="\nparams:\n  size: {type: integer, format: slug, default: x, min: 4, max: 3, choices: [4, a]}\n",
    )
    known = recipes(outer, inner)
    assert told(known, expand(known, "outer", {})) == [
        "outer:8 <slug> invalid: size: format does not go with integer",
        "outer:8 <x> invalid: size: x is not a whole number",
        "outer:8 <4> invalid: size: min is above max",
        "outer:8 <4> invalid: size: 4 is more than 3",
        "outer:8 <a> invalid: size: a is not a whole number",
        'outer:11 <"to {nowhere} and }"> invalid: a: {nowhere} names no param',
        'outer:11 <"to {nowhere} and }"> invalid: a: a lone } stands in the text; write }} for a brace',
        "outer:12 <absent> invalid: b: there is no procedure absent",
        "outer:13 <with> invalid: c: inner needs must",
        "outer:13 <6> invalid: c: 6 is more than 5",
        "outer:13 <1> invalid: c: inner has no param other",
        "outer:14 <nope> invalid: d: nope is no param",
        "outer:14 <25h> invalid: d: timeout is 25h, not between 1 and 86400 seconds",
        "outer:16 <out> invalid: f: an earlier step captures out already",
        "outer:16 <1> invalid: f: 1 is not one of 4, a",
        "outer:16 <two> invalid: f: two is not a whole number",
        "outer:17 <0> invalid: g: timeout is 0, not between 1 and 86400 seconds",
        "outer:17 <301> invalid: g: retry_delay is 301, not between 0 and 300 seconds",
        'outer:18 <"{gone}"> invalid: h: {gone} names no param',
    ]


def test_a_value_that_a_call_cannot_take_is_told_where_it_is_given() -> None:
    inner = recipe("inner", MAKE, top="\nparams:\n  to: {type: string, format: slug}\n")
    call = '{key: c, kind: call, procedure: inner, with: {to: "{name}"}}'
    outer = recipe("outer", call, top="\nparams:\n  name: {type: string}\n")
    known = recipes(outer, inner)
    assert pin_of(expand(known, "outer", {"name": "ok"})).steps[0].key == "c/a"
    assert told(known, expand(known, "outer", {"name": "Not"})) == [
        'outer:11 <"{name}"> param_invalid: c: to: Not is not lower-case letters, digits and single dashes'
    ]


def test_a_call_gives_numbers_and_truths_as_text_or_as_themselves() -> None:
    inner = recipe("inner", MAKE, top="\nparams:\n  count: {type: integer}\n  loud: {type: boolean}\n")
    call = '{key: c, kind: call, procedure: inner, with: {count: "{count}", loud: true}}'
    outer = recipe("outer", call, top="\nparams:\n  count: {type: integer}\n")
    (step,) = pin_of(expand(recipes(outer, inner), "outer", {"count": 4})).steps
    assert isinstance(step, CommandStep)
    assert step.env == {"P_count": "4", "P_loud": "true"}


def test_a_check_and_a_manual_step_get_all_that_is_written() -> None:
    known = recipes(
        recipe(
            "demo",
            "{key: live, kind: check, run: curl, timeout: 5, expect: {stdout: ok}, recheck: always, on_fail: fail}",
            "{key: notes, kind: manual, instruct: write, verify: {argv: [test, x], timeout: 2m}, evidence: required}",
        )
    )
    check, manual = pin_of(expand(known, "demo", {})).steps
    assert check == CheckStep(
        0,
        "live",
        ("/bin/sh", "-c", "curl"),
        timeout=5,
        expect=Expectation(0, "ok"),
        recheck="always",
        on_fail="fail",
    )
    assert isinstance(manual, ManualStep)
    assert manual.verify == Verification(("test", "x"), 120)
    assert manual.evidence == "required"


def test_a_probe_is_pinned_with_its_defaults() -> None:
    step = "{key: a, kind: command, argv: [x], done_when: {run: ask}}"
    (made,) = pin_of(expand(recipes(recipe("demo", step)), "demo", {})).steps
    assert isinstance(made, CommandStep)
    assert made.done_when == Probe(("/bin/sh", "-c", "ask"), (1,), 60)


@pytest.mark.parametrize("kind,wrong", [("blocker", True), ("handoff", True), ("progress", False)])
def test_a_checkpoint_that_would_lack_something_is_refused(kind: str, wrong: bool) -> None:
    step = f"{{key: cp, kind: checkpoint, checkpoint_kind: {kind}, summary: it stands}}"
    expanded = expand(recipes(recipe("demo", step)), "demo", {})
    assert [problem.code for problem in expanded.problems] == (["procedure_invalid"] if wrong else [])


def test_what_calls_something_that_is_not_there_is_told_once_and_no_cycle_is_seen() -> None:
    known = recipes(recipe("demo", "{key: x, kind: call, procedure: gone}"))
    assert told(known, expand(known, "demo", {})) == ["demo:8 <gone> invalid: x: there is no procedure gone"]
    assert recipe_problems({}, "demo") == ()
