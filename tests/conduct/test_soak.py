"""Killed a thousand times at any instant, every conduct ends: no second effect that nobody decided."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.conduct.killing import KillScene
from tests.conduct.scenes import wait_for
from tests.forking import Command, Ran

PROCEDURE: Final = ("procedure", "conduct", "demo", "--json")
WHOM: Final = ("alone", "group", "all")
UNKILLED_EVERY: Final = 6  # now and then a command is let alone
FIRST_GUESS_S: Final = 0.3
LONGEST_S: Final = 60.0
REASON: Final = ("--reason", "looked at E")
PROOF: Final = ("--evidence", "url:https://example.org/proof")
GATE, MANUAL, MANUAL_AGAIN = 7, 12, 18
IDEMPOTENT: Final = frozenset({"a", "i", "l"})
EFFECTS: Final = ("a", "b", "d", "e", "g", "i", "j", "l", "n", "p", "r", "t")


class Journey:
    """Conducts of one repository, killed at random and resumed by an operator who looks before deciding."""

    def __init__(self, scene: KillScene, seed: int, kills: int) -> None:
        self.scene, self.left = scene, kills
        self.chance = random.Random(seed)
        self.killed: Counter[tuple[str, str]] = Counter()
        self.answers: Counter[str] = Counter()
        self.usual_s: dict[str, float] = {}
        self.runs = self.redos = 0

    def write(self) -> None:
        """Write a procedure of 20 steps of every kind."""
        scene = self.scene
        probe = f"{{run: '{self._seen('d')}'}}", f"{{run: '{self._seen('n')}'}}"
        inner = [self._step("j"), scene.step("check", "kk", run="true"), self._step("l", idempotent=True)]
        scene.procedure("inner", *inner)
        scene.procedure(
            "demo",
            self._step("a", idempotent=True),
            self._step("b"),
            scene.step("check", "cc", run="true"),
            self._step("d", done_when=probe[0]),
            self._step("e", capture="said", after="echo said"),
            scene.step("checkpoint", "ff", summary="e is done"),
            self._step("g"),
            scene.step("gate", "hh", prompt="Go on?"),
            self._step("i", idempotent=True, retries=1),
            scene.step("call", "roll", procedure="inner"),
            scene.step("manual", "mm", instruct="write the notes"),
            self._step("n", done_when=probe[1]),
            scene.step("check", "oo", run="true", recheck="always"),
            self._step("p", before="test x$C_said = xsaid || exit 9"),
            scene.step("checkpoint", "qq", summary="p is done"),
            self._step("r", after="sleep 5 &"),
            scene.step("manual", "ss", instruct="tell them", idempotent=True),
            self._step("t"),
        )

    def _line(self, key: str) -> str:
        return f'"$PLATFORMSTATE_RUN {key}"'

    def _seen(self, key: str) -> str:
        return f"grep -qx {self._line(key)} {self.scene.effects_file}"

    def _step(self, key: str, before: str = "sleep 0.01", after: str = "sleep 0.02", **fields: object) -> str:
        run = f"{before}; echo {self._line(key)} >> {self.scene.effects_file}; {after}"
        return self.scene.command(key * 2, run=run, **fields)  # YAML 1.1 reads n as false

    def go(self) -> None:
        """Conduct until as many commands were killed as asked; every run is led to its end."""
        while self.left > 0:
            self._one_run()
            self.runs += 1

    def _one_run(self) -> None:
        known = set(self._begun())
        argv: tuple[str, ...] | None = PROCEDURE
        deadline = time.monotonic() + LONGEST_S
        while argv is not None:
            assert time.monotonic() < deadline, (argv, self.scene.types[-5:])
            ran = self._run(argv)
            if set(self._begun()) <= known:
                assert ran.status == -signal.SIGKILL, (argv, ran.stdout, ran.stderr)
                continue
            argv = self._next(argv, ran)
        self.scene.run_ctl("doctor", "--fix", check=True)
        self.scene.require_sound()
        self._require_effects()

    def _begun(self) -> Iterator[str]:
        return (folder.name for folder in self.scene.runs if _has_bytes(folder / "events.jsonl"))

    def _run(self, argv: tuple[str, ...]) -> Ran:
        """Run a command, and perhaps kill it."""
        verb = argv[1]
        began = time.monotonic()
        command = self.scene.begin(*argv)
        if self.left > 0 and self.chance.randrange(UNKILLED_EVERY):
            time.sleep(self.chance.random() * self.usual_s.get(verb, FIRST_GUESS_S) * 1.1)
            whom = self.chance.choice(WHOM)
            command.kill(whom)
            ran = command.wait()
            if ran.status == -signal.SIGKILL:
                self.left -= 1
                self.killed[verb, whom] += 1
            return ran
        ran = command.wait()
        self.usual_s[verb] = time.monotonic() - began
        return ran

    def _next(self, argv: tuple[str, ...], ran: Ran) -> tuple[str, ...] | None:
        """Return the next command that an operator gives, None when the run has ended."""
        resume = ("run", "resume", self.scene.run, "--json")
        if ran.status == -signal.SIGKILL:
            return resume
        said = ran.document
        code = said["error"]["code"] if not said["ok"] else f"ok {ran.status}"
        self.answers[f"{argv[1]} {code}"] += 1
        if code == "run_locked":
            time.sleep(0.02)
            return argv
        if argv[1] not in ("conduct", "resume"):
            assert code in ("ok 0", "ok 6"), (argv, ran.stdout, ran.stderr)  # 6: said, and its commit waits
            return resume
        if code == "ok 0" or (code == "run_transition_refused" and self.scene.types[-1] == "RunSucceeded"):
            return None
        assert ran.status == 6, (argv, ran.stdout, ran.stderr, self.scene.types[-8:])
        return resume if code == "ok 6" else self._answer(code, said["data"])

    def _answer(self, code: str, data: dict[str, Any]) -> tuple[str, ...]:
        run = self.scene.run
        if code == "run_gate_waiting":
            return ("run", "approve", run, "--json")
        if code == "run_manual_waiting":
            ends = ("run", "step", "end", run, "--outcome", "succeeded", "--json")
            return ends if data["next_action"] == "end_step" else ("run", "step", "begin", run, "--json")
        assert code == "run_decision_required"
        index = data["failure"]["step_index"]
        if index in (MANUAL, MANUAL_AGAIN):
            return ("run", "decide", run, "redo", *REASON, "--json")
        key = EFFECTS[sum(one < index for one in self._indices())]
        seen = self.counts()[key] > 0
        answer = ("done", *PROOF) if seen and self.chance.random() < 0.7 else ("redo",)
        return ("run", "decide", run, *answer, *REASON, "--json")

    def _indices(self) -> list[int]:
        """Return the indices of the steps with an effect: the pin's order is that of their keys."""
        return [ord(key) - ord("a") for key in EFFECTS]

    def counts(self) -> Counter[str]:
        """Return how often the newest run had each effect."""
        file = self.scene.effects_file
        lines = file.read_text().splitlines() if file.exists() else []
        words = [line.split() for line in lines]
        return Counter(key for run, key in words if run == self.scene.run)

    def _require_effects(self) -> None:
        events, counts = self.scene.events, self.counts()
        redone = Counter(
            event["step_index"]
            for event in events
            if event["type"] == "DecisionRecorded" and event["answer"] == "redo"
        )
        self.redos += sum(redone.values())
        done = {
            event["step_index"]
            for event in events
            if event["type"] in ("StepSucceeded", "CheckpointRecorded", "GateApproved")
        }
        assert done == set(range(20))
        for key, index in zip(EFFECTS, self._indices(), strict=True):
            assert counts[key] >= 1, (key, counts)
            assert key in IDEMPOTENT or counts[key] <= 1 + redone[index], (key, counts, redone)


def _has_bytes(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def killed(scene: KillScene, seed: int, kills: int) -> Journey:
    """Kill a number of commands; return the journey, all of whose runs have succeeded."""
    journey = Journey(scene, seed, kills)
    journey.write()
    journey.go()
    total = sum(journey.killed.values())
    print(f"seed {seed}: {total} kills, {journey.runs} runs succeeded, {journey.redos} recorded redos")
    print(f"killed: {dict(sorted(journey.killed.items()))}")
    print(f"answers: {dict(sorted(journey.answers.items()))}")
    assert total == kills
    assert scene.repo.git("fsck", "--strict", "--no-dangling") == ""
    return journey


@pytest.mark.slow
def test_20_11_killed_at_random_every_run_ends_without_a_second_effect(killing: KillScene) -> None:
    killed(killing, seed=11, kills=16)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
def test_20_11_a_thousand_kills(killing: KillScene, seed: int) -> None:
    killed(killing, seed, kills=250)


def race(scene: KillScene, rounds: int) -> None:
    """Let two processes resume the same crashed run at the same instant, again and again."""
    go_on = scene.repo.root.parent / "go-on"
    scene.procedure("demo", scene.command("a"), scene.command("c", run=_waiting(scene, go_on)))
    for number in range(rounds):
        go_on.unlink(missing_ok=True)
        scene.conduct(point="conduct.marker@1")
        loser, winner = _resumed_twice(scene)
        refused = loser.wait()
        go_on.touch()
        proceeded = winner.wait()
        assert (refused.status, refused.document["error"]["code"]) == (5, "run_locked"), refused.stdout
        assert proceeded.status == 0, proceeded.stdout + proceeded.stderr
        assert scene.effects.split() == ["a", "c"] * (number + 1)
    scene.require_sound()


def _resumed_twice(scene: KillScene) -> tuple[Command, Command]:
    """Start two at once; return the one that ends while the step still waits, and the other."""
    both = [scene.begin("run", "resume", scene.run, "--json") for _ in range(2)]
    wait_for(lambda: any(map(_has_ended, both)))
    return (both[0], both[1]) if _has_ended(both[0]) else (both[1], both[0])


def _waiting(scene: KillScene, path: Path) -> str:
    return f"{scene.append('c')}; until test -e {path}; do sleep 0.01; done"


def _has_ended(command: Command) -> bool:
    stat = Path(f"/proc/{command.pid}/stat").read_text()
    return stat.rpartition(")")[2].split()[0] == "Z"


def test_20_11_of_two_concurrent_resumes_one_proceeds(killing: KillScene) -> None:
    race(killing, rounds=2)


@pytest.mark.soak
def test_20_11_of_two_concurrent_resumes_one_proceeds_50_times(killing: KillScene) -> None:
    race(killing, rounds=50)
