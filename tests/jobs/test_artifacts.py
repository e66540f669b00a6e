"""Artifacts of runs: taken in pieces, and only from files that are what they seem while they are taken."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from platformstate.actions import job_artifacts
from platformstate.actions.job_artifacts import collect
from platformstate.actions.job_output import OutputInvalid, read_payload
from platformstate.actions.run_site import RunSite, site_of
from platformstate.store import Store
from platformstate.store.opened import open_store
from tests.conftest import Repo
from tests.jobs.scenes import JobScene
from tests.store.records import STORE_TEXT

RUN = "20260302t000500z"


class Collected:
    """What `collect` needs of a conduct, and a source of its own."""

    def __init__(self, repo: Repo) -> None:
        self.store: Store = open_store(repo.root, durability="fast")
        self.site: RunSite = site_of(self.store, "job/export", RUN)
        self.site.lease.folder.mkdir(parents=True)
        self.home = repo.root / self.site.folder / "artifacts"
        self.root = repo.root
        self.out = repo.root / "out"
        self.out.mkdir()

    def collect(self, *globs: str, cwd: str = ".", most: str = "50MiB", values: Any = ()) -> dict[str, Any]:
        whole = {"output": {"artifacts": list(globs), "max_bytes": most}, "runtime": {"cwd": cwd}}
        rows = collect(self, whole, self.root, values)  # type: ignore[arg-type]  # the part that it uses
        return {row["path"].removeprefix("artifacts/"): row for row in rows}

    def copied(self) -> list[str]:
        return sorted(
            path.relative_to(self.home).as_posix() for path in self.home.rglob("*") if path.is_file()
        )


@pytest.fixture
def at(repo: Repo) -> Collected:
    repo.write("state/store.yaml", STORE_TEXT)
    return Collected(repo)


def test_only_regular_files_of_the_source_match(at: Collected) -> None:
    outside = at.root.parent / "outside"
    outside.mkdir()
    (outside / "secret").write_text("x")
    (at.out / "good").write_text("good")
    (at.out / "link").symlink_to(outside / "secret")
    (at.out / "folder").symlink_to(outside)
    os.mkfifo(at.out / "pipe")
    os.link(outside / "secret", at.out / "hard")
    (at.root / "elsewhere").symlink_to(outside)
    assert list(at.collect("out/**", "elsewhere/*")) == ["out/good", "out/hard"]
    assert at.copied() == ["out/good", "out/hard"]
    (outside / "secret").write_text("changed later")
    assert (at.home / "out/hard").read_text() == "x"


def test_a_hard_link_in_the_runs_own_folder_becomes_a_file_of_its_own(at: Collected) -> None:
    outside = at.root.parent / "outside"
    outside.write_text("then")
    at.home.mkdir(parents=True)
    os.link(outside, at.home / "own")
    row = at.collect()["own"]
    outside.write_text("later")
    assert (at.home / "own").read_bytes() == b"then"
    assert row["sha256"] == sha256(b"then").hexdigest()
    assert (at.home / "own").stat().st_nlink == 1


def swapped(at: Collected, monkeypatch: pytest.MonkeyPatch, what: Any) -> None:
    """Do something after the names were looked at, and before the files are opened."""
    names = job_artifacts._refuse_names

    def then(home: str, found: Any) -> None:
        names(home, found)
        what()

    monkeypatch.setattr(job_artifacts, "_refuse_names", then)


def to_link(at: Collected) -> None:
    (at.out / "b").unlink()
    (at.out / "b").symlink_to("/etc/passwd")


def to_pipe(at: Collected) -> None:
    (at.out / "b").unlink()
    os.mkfifo(at.out / "b")


def to_device(at: Collected) -> None:
    (at.out / "b").unlink()
    (at.out / "b").symlink_to("/dev/zero")


def to_folder_link(at: Collected) -> None:
    at.out.rename(at.root / "was")
    (at.root / "out").symlink_to("/etc")


def to_nothing(at: Collected) -> None:
    (at.out / "b").unlink()


@pytest.mark.parametrize("swap", [to_link, to_pipe, to_device, to_folder_link, to_nothing])
def test_what_is_swapped_while_it_is_collected_is_refused_and_nothing_is_kept(
    at: Collected, monkeypatch: pytest.MonkeyPatch, swap: Any
) -> None:
    for name in "ab":
        (at.out / name).write_text(name)
    swapped(at, monkeypatch, lambda: swap(at))
    with pytest.raises(OutputInvalid):
        at.collect("out/*")
    assert at.copied() == []


@pytest.mark.parametrize("grown", [-1, 1, 3 << 20])
def test_a_file_that_does_not_keep_still_is_refused_and_read_no_further(
    at: Collected, monkeypatch: pytest.MonkeyPatch, grown: int
) -> None:
    big = at.out / "big"
    big.write_bytes(b"x" * (2 << 20))
    pieces = job_artifacts._pieces

    def slowly(*given: Any) -> Iterator[bytes]:
        for number, piece in enumerate(pieces(*given)):
            if number == 0:
                os.truncate(big, (2 << 20) + grown)
            yield piece

    monkeypatch.setattr(job_artifacts, "_pieces", slowly)
    with pytest.raises(OutputInvalid, match="changed while it was collected"):
        at.collect("out/*")
    assert at.copied() == []


def test_a_folder_that_is_swapped_again_and_again_never_leads_out(at: Collected) -> None:
    outside = at.root.parent / "outside"
    outside.mkdir()
    (outside / "f").write_text("outside")
    real, link = at.root / "real", at.root / "link"
    real.mkdir()
    (real / "f").write_text("inside")
    link.symlink_to(outside)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for new in (link, real):
                new.rename(at.root / "turn")
                (at.root / "turn").rename(new)

    turning = threading.Thread(target=swap)
    turning.start()
    try:
        for _ in range(60):
            try:
                at.collect("turn/*")
            except OutputInvalid:
                continue
            assert all((at.home / name).read_text() == "inside" for name in at.copied())
    finally:
        stop.set()
        turning.join()


def test_nothing_is_looked_at_where_no_match_can_lie(at: Collected) -> None:
    deep = at.out
    for _ in range(140):
        deep = deep / "d"
    os.makedirs(deep)
    (at.out / "a").write_text("a")
    assert list(at.collect("out/*", "*.txt")) == ["out/a"]
    with pytest.raises(OutputInvalid, match="more than 128 deep"):
        at.collect("**")


def test_a_runs_folder_that_became_a_link_takes_nothing(at: Collected) -> None:
    at.home.parent.mkdir(parents=True)
    at.home.symlink_to("/etc")
    assert at.collect() == {}
    (at.out / "b").write_text("b")
    with pytest.raises(OutputInvalid):
        at.collect("out/*")


@pytest.mark.parametrize("glob", ["out/*", "out/**", "**", "**/*.txt", "o?t/**/*.txt", "out/a?b.txt"])
@pytest.mark.parametrize("name", ["a\nb.txt", "a\x1bb.txt", "a\x7fb.txt"])
def test_a_name_with_a_control_character_is_told_and_never_left_out(
    at: Collected, glob: str, name: str
) -> None:
    (at.out / name).write_text("x")
    with pytest.raises(OutputInvalid, match="control character"):
        at.collect(glob)
    assert not at.home.exists()


def test_more_bytes_than_allowed_are_refused_by_their_size(at: Collected) -> None:
    with (at.out / "huge").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OutputInvalid, match="1099511627776 bytes"):
        at.collect("out/*")


def test_a_working_folder_may_lie_behind_a_link_that_stays_inside(at: Collected) -> None:
    (at.root / "work").symlink_to("out")
    (at.out / "a").write_text("a")
    assert list(at.collect("*", cwd="work")) == ["a"]


def test_a_payload_is_a_small_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    (tmp_path / "large").write_bytes(b" " * 65_537)
    for name in ("pipe", "link", "large"):
        with pytest.raises(OutputInvalid):
            read_payload(tmp_path / name)
    assert read_payload(tmp_path / "none") == {}


def test_an_artifact_that_shows_a_value_of_the_environment_is_never_committed(jobs: JobScene) -> None:
    jobs.shell(
        "leak",
        'mkdir -p out; echo "dsn $MY_SECRET" > out/shown; echo fine > out/fine',
        runtime={"env": {"pass": ["MY_SECRET"]}},
        output={"artifacts": ["out/*"], "keep": "full"},
    )
    jobs.ready()
    run = jobs.run_job("leak", env={"MY_SECRET": "correct horse battery"})
    assert [row["path"] for row in run["artifacts"]] == ["artifacts/out/fine", "artifacts/out/shown"]
    jobs.run_ctl("jobs", "keep", f"leak/{run['run_id']}", check=True)
    tracked = jobs.repo.git("ls-files", "state/jobs/leak/runs")
    assert "artifacts/out/fine" in tracked
    assert "artifacts/out/shown" not in tracked
