"""A world of effects, kills at every moment, and the table: no silent second effect, no skipped step.

The model conductor knows nothing but its journal and the files beside it, as the real one.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platformstate.entities.step import CommandStep, Probe
from platformstate.policy.journal import fold
from platformstate.policy.pin import pin_bytes
from platformstate.policy.pin_rules import pin_problems
from platformstate.policy.settle import Action, settle, why_unknown
from platformstate.policy.walking import AttemptFacts, cursor, situation
from tests.conduct.recipes import command, event, journal_of, pin_of, rows_of, started

MOMENTS: Final = ("marker", "mark", "effect", "receipt", "outcome", "none")
PROBE: Final = Probe(("probe",))


class Killed(Exception):
    """The conductor ended, by a signal or by a step that failed."""


@dataclass
class World:
    """What is true outside: effects, and what the dead leave behind."""

    steps: tuple[CommandStep, ...]
    events: list[dict[str, Any]] = field(default_factory=list)
    effects: Counter[int] = field(default_factory=Counter)
    receipts: dict[tuple[int, int], int] = field(default_factory=dict)
    marks: set[tuple[int, int]] = field(default_factory=set)
    redone: Counter[int] = field(default_factory=Counter)
    place: str = "same"
    probe_works: bool = True

    def state(self) -> Any:
        return fold([row for _, row in rows_of(journal_of(pin_of(*self.steps), self.events))])

    def resume(self, moment: str, exit_code: int) -> bool:
        """Go on until the end or until somebody is asked; die at a moment. Return whether all is done."""
        if self.state().status == "running" and self.events:
            self.events.append(event("RunSuspended", reason="crashed"))
        probe = "unasked"
        while (index := cursor(self.steps, self.state().walk)) is not None:
            step, known = self.steps[index], self.state().walk.at(index)
            place = (index, known.last.number if known.last else 0)
            asked = situation(step, known, self.facts(place, known.outcome, probe))
            action = settle(asked)
            if action is Action.DECIDE:
                return False
            if action is Action.RUN:
                self.go_on(step, known.next_attempt, moment, exit_code)
            elif action is not Action.PROBE:
                why = why_unknown(asked) if known.outcome == "open" else ""
                self.events += _records(action, place, self.receipts.get(place), why)
            if action in (Action.RUN, Action.PROBE):
                probe = self.asked_probe(index) if action is Action.PROBE else "unasked"
        return True

    def go_on(self, step: CommandStep, attempt: int, moment: str, exit_code: int) -> None:
        """Resume if the run stands still, and do a step; one that fails suspends the run."""
        if self.state().status == "suspended":
            self.events.append(event("RunResumed", from_index=step.index))
        self.run(step, attempt, moment, exit_code)
        if exit_code:
            self.events.append(event("RunSuspended", reason="step_failed", step_index=step.index))
            raise Killed

    def facts(self, place: tuple[int, int], outcome: str, probe: str) -> AttemptFacts:
        """Return what lies beside the journal about an attempt."""
        code = self.receipts.get(place)
        return AttemptFacts(
            receipt="none" if code is None else "success" if code == 0 else "failure",
            start_mark=place in self.marks,
            place=self.place if outcome == "open" else "same",
            probe=probe,
        )

    def asked_probe(self, index: int) -> str:
        """Return what done_when says."""
        return ("done" if self.effects[index] else "not_done") if self.probe_works else "unclear"

    def run(self, step: CommandStep, attempt: int, moment: str, exit_code: int) -> None:
        """Do a step as the real shim does: marker, start mark, effect, receipt, outcome."""
        place = (step.index, attempt)
        acts = {
            "marker": lambda: self.events.append(started(step, attempt)),
            "mark": lambda: self.marks.add(place),
            "effect": lambda: self.effects.update([step.index] if exit_code == 0 else []),
            "receipt": lambda: self.receipts.update({place: exit_code}),
            "outcome": lambda: self.events.extend(_records(Action.ADOPT, place, exit_code, "")),
        }
        for name, act in acts.items():
            act()
            if name == moment:
                raise Killed

    def decide(self, index: int, answer: str) -> None:
        """Record a person's answer about the last attempt of a step."""
        attempt = self.state().walk.at(index).attempts[-1].number
        self.events.append(event("DecisionRecorded", index, attempt, answer=answer))
        if answer == "done":
            self.events.append(event("StepSucceeded", index, attempt, by="decision"))
        elif answer == "skip":
            self.events.append(event("StepSkipped", index))
        else:
            self.redone[index] += 1


def _records(action: Action, place: tuple[int, int], code: int | None, why: str) -> list[dict[str, Any]]:
    made = {
        Action.CLOSE_NOT_STARTED: event("StepNotStarted", *place),
        Action.CLOSE_UNKNOWN: event("StepUnknown", *place, why=why),
        Action.RECORD_DONE: event("StepSucceeded", *place, by="probe"),
        Action.RECORD_ABSENT: event("StepFailed", *place, by="probe", code="effect_absent"),
        Action.ADOPT: event("StepSucceeded", *place, by="receipt", exit_code=0)
        if code == 0
        else event("StepFailed", *place, by="receipt", exit_code=code),
    }
    return [made[action]]


LIFE = st.tuples(
    st.sampled_from(MOMENTS),
    st.sampled_from([0, 0, 0, 1, 75]),
    st.sampled_from(["redo", "done", "skip"]),
    st.sampled_from(["same", "same", "other_boot", "other_place"]),
    st.booleans(),
)
KINDS = {
    "bare": {},
    "idempotent": {"idempotent": True},
    "probed": {"done_when": PROBE},
    "safe": {"retry_safe_rc": (75,)},
}


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=4), st.lists(LIFE, max_size=12))
def test_effects_are_at_most_one_and_the_recorded_redos_and_no_step_is_skipped(
    kinds: list[str], lives: list[tuple[str, int, str, str, bool]]
) -> None:
    """Scenario 20.11 as a property."""
    world = World(tuple(command(number, **KINDS[kind]) for number, kind in enumerate(kinds)))
    ended = False
    for moment, exit_code, answer, place, probe_works in [*lives, *[("none", 0, "done", "same", True)] * 12]:
        world.place, world.probe_works = place, probe_works
        try:
            ended = world.resume(moment, exit_code)
        except Killed:
            continue
        if ended:
            break
        index = cursor(world.steps, world.state().walk)
        assert index is not None
        world.decide(index, answer)
    assert ended
    state = world.state()
    for step in world.steps:
        assert state.walk.at(step.index).done
        if not step.idempotent:
            assert world.effects[step.index] <= 1 + world.redone[step.index], kinds
    pin = pin_of(*world.steps)
    data = pin_bytes(pin)
    assert pin_problems(rows_of(journal_of(pin, world.events)), "e", data, json.loads(data), "p") == ()
