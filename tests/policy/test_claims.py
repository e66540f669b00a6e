"""Leases, fences and proofs of death as pure values."""

from __future__ import annotations

from itertools import product

import pytest

from platformstate.entities.run import Place
from platformstate.errors import StateError
from platformstate.policy import claims
from platformstate.policy.claims import ALIVE, Lease, Signs, condition_of, lease_of, proof_of_death, replaces

AT = "2026-11-20T10:00:00Z"
PLACE = Place("vm", "c" * 16, "main", "main", None, "b" * 16, 42)


def lease(fence: int = 1, run: str = "r1", at: str = AT, ttl_s: int = 3600) -> Lease:
    return claims.new_lease("gh-1", {"id": run, "actor": "codex", "fence": fence}, PLACE, at, ttl_s)


def test_a_lease_is_the_same_after_its_file() -> None:
    made = lease()._replace(remote=claims.Remote("origin", "refs/platformstate/claims/gh-1", "0" * 40))
    assert lease_of(made.as_json()) == made
    assert made.as_json()["schema"] == "claim/1"


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        {"schema": "claim/2"},
        {**lease().as_json(), "fence": "1"},
        {**lease().as_json(), "fence": True},
        {**lease().as_json(), "run": None},
        {**lease().as_json(), "expires_at": "tomorrow"},
        {**lease().as_json(), "released_at": 3},
    ],
)
def test_a_lease_that_does_not_parse_counts_as_none(broken: object) -> None:
    assert lease_of(broken) is None


@pytest.mark.parametrize(
    "text, seconds", [("90", 90), ("90s", 90), ("15m", 900), ("2h", 7200), ("1d", 86400)]
)
def test_a_length_of_time_has_a_unit_or_is_seconds(text: str, seconds: int) -> None:
    assert claims.ttl_seconds(text) == seconds


@pytest.mark.parametrize("text", ["0", "", "1w", "-5m", "5 m", "400d", "9999999d"])
def test_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(StateError) as refused:
        claims.ttl_seconds(text)
    assert refused.value.code == "usage_invalid"


def test_expiry_is_what_the_reader_computes() -> None:
    made = lease()
    assert claims.state_of(made, "2026-11-20T10:59:59Z", dead=False) == "live"
    assert claims.state_of(made, "2026-11-20T11:00:00Z", dead=False) == "expired"
    assert claims.state_of(made, "2026-11-20T10:30:00Z", dead=True) == "dead"
    assert claims.state_of(claims.released(made, AT), AT, dead=True) == "released"


def test_a_renewal_lasts_anew_and_a_late_clock_takes_nothing_away() -> None:
    made = claims.renewed(lease(), "2026-11-20T10:30:00Z")
    assert made.expires_at == "2026-11-20T11:30:00Z"
    assert made.renewed_at == "2026-11-20T10:30:00Z"
    assert claims.renewed(made, AT).expires_at == made.expires_at
    assert claims.renewed(made, "2026-11-20T10:31:00Z", 60).expires_at == "2026-11-20T10:32:00Z"


def test_the_later_fence_stands_and_of_one_fence_the_later_word() -> None:
    first, second = lease(), lease(fence=2, run="r2")
    assert replaces(first, None)
    assert replaces(second, first)
    assert not replaces(first, second)
    later = claims.renewed(first, "2026-11-20T10:30:00Z")
    assert replaces(later, first)
    assert not replaces(first, later)
    back = claims.released(first, AT)
    assert replaces(back, later)
    assert not replaces(later, back)
    assert replaces(lease(run="r3", at="2026-11-20T10:00:01Z"), first)


def test_the_highest_fence_is_of_runs_and_leases_alike() -> None:
    assert claims.highest_fence([]) == 0
    assert claims.highest_fence([{"fence": 3}, {}, {"fence": None}], lease(), None) == 3
    assert claims.highest_fence([{"fence": 3}], lease(fence=7)) == 7


def test_a_lease_is_rebuilt_from_its_run() -> None:
    header = {
        "id": "r1",
        "actor": "codex",
        "fence": 4,
        "status": "running",
        "host": "vm",
        "clone": "c" * 16,
        "worktree": "main",
        "started_at": AT,
    }
    made = claims.rebuilt("gh-1", header, {"boot_id": "b" * 16, "pid": 42}, "2026-11-20T10:20:00Z", 600)
    assert (made.fence, made.acquired_at, made.expires_at) == (4, AT, "2026-11-20T10:30:00Z")
    assert made.released_at is None
    ended = claims.rebuilt("gh-1", {**header, "status": "failed", "ended_at": AT}, None, AT, 600)
    assert ended.released_at == AT


WATCHED = Signs("running", "wrapper", same_clone=True, same_boot=True)
PROOFS = {
    "ended": (Signs("aborted", "wrapper", same_clone=True, same_boot=True, held=True), "recorded_end"),
    "failed": (Signs("failed"), "recorded_end"),
    "held": (WATCHED._replace(held=True), ALIVE),
    "held although expired": (WATCHED._replace(held=True, expired=True), ALIVE),
    "held, an operator insists": (WATCHED._replace(held=True, forced=True), "forced"),
    "free": (WATCHED, "lock_free"),
    "free and forced": (WATCHED._replace(forced=True), "lock_free"),
    "free, but of another clone": (WATCHED._replace(same_clone=False, same_boot=False), ALIVE),
    "another boot": (Signs("running", same_clone=True), "rebooted"),
    "another boot, wrapped": (WATCHED._replace(same_boot=False), "rebooted"),
    "expired": (Signs("running", same_clone=True, same_boot=True, expired=True), "lease_expired"),
    "expired elsewhere": (Signs("running", expired=True), "lease_expired"),
    "never leased": (Signs("running", fenced=False, same_clone=True, same_boot=True), "never_leased"),
    "nothing known": (Signs("running"), ALIVE),
    "nothing known, forced": (Signs("running", forced=True), "forced"),
}


@pytest.mark.parametrize("signs,proof", PROOFS.values(), ids=PROOFS)
def test_the_first_proof_that_applies_decides(signs: Signs, proof: str) -> None:
    assert proof_of_death(signs) == proof


def test_every_combination_has_one_answer_and_a_held_lock_is_life_unless_forced() -> None:
    booleans = (False, True)
    for status, coupling in product(("running", "suspended", "failed", "aborted"), ("none", "wrapper")):
        for fenced, clone, boot, held, expired, forced in product(booleans, repeat=6):
            signs = Signs(status, coupling, fenced, clone, boot and clone, held, expired, forced)
            proof = proof_of_death(signs)
            assert proof in (*claims.REASONS, "recorded_end", ALIVE)
            if signs.watched and held and not forced and status == "running":
                assert proof == ALIVE
            if proof == "forced":
                assert forced
            if forced:
                assert proof != ALIVE


CONDITIONS = {
    "at work": (Signs("running"), None),
    "held": (WATCHED._replace(held=True, expired=True), None),
    "its wrapper died": (WATCHED, "crashed"),
    "the host started anew": (Signs("running", same_clone=True), "crashed"),
    "silent for too long": (Signs("running", expired=True), "stalled"),
    "observed only": (Signs("running", fenced=False), "stalled"),
    "ended": (Signs("aborted", expired=True), None),
    "suspended": (Signs("suspended", expired=True), None),
}


@pytest.mark.parametrize("signs,found", CONDITIONS.values(), ids=CONDITIONS)
def test_the_condition_follows_from_the_proofs(signs: Signs, found: str | None) -> None:
    assert condition_of(signs) == found
