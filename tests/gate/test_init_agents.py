"""`init --agents`: a short block where each agent looks first, a skill, and every other byte kept."""

from __future__ import annotations

import os
from typing import Any

import pytest

from platformstate.actions.init import init_store
from platformstate.errors import StateError
from platformstate.store import open_repository
from tests.conftest import Platformctl, Repo

BEGIN, END = b"<!-- platformstate -->\n", b"<!-- /platformstate -->\n"
SKILLS = [".agents/skills/platformstate/SKILL.md", ".claude/skills/platformstate/SKILL.md"]


def init(repo: Repo, *agents: str) -> dict[str, Any]:
    return init_store(
        open_repository(repo.root, durability="fast"), agents=agents or ("codex", "claude")
    ).data


def block(repo: Repo, name: str) -> bytes:
    text = (repo.root / name).read_bytes()
    return text[text.index(BEGIN) : text.index(END) + len(END)]


def test_both_agents_get_one_equal_block_of_at_most_fifteen_lines_and_a_skill(repo: Repo) -> None:
    data = init(repo)
    assert {"AGENTS.md", "CLAUDE.md", *SKILLS} <= set(data["created"])
    assert block(repo, "AGENTS.md") == block(repo, "CLAUDE.md")
    assert block(repo, "AGENTS.md").count(b"\n") <= 15
    for skill in SKILLS:
        text = (repo.root / skill).read_text()
        assert text.startswith("---\nname: platformstate\ndescription: ")
    assert repo.git("status", "--porcelain") == ""


def test_a_second_call_changes_no_byte_of_them(repo: Repo) -> None:
    init(repo)
    head = repo.git("rev-parse", "HEAD")
    again = init(repo)
    assert (again["created"], again["changed"], again["commit"]) == ([], [], None)
    assert repo.git("rev-parse", "HEAD") == head


def test_what_a_person_wrote_around_the_block_stays(repo: Repo) -> None:
    repo.write("AGENTS.md", "# Rules\n\nBe kind.")
    repo.commit()
    init(repo, "codex")
    text = (repo.root / "AGENTS.md").read_bytes()
    assert text == b"# Rules\n\nBe kind.\n\n" + block(repo, "AGENTS.md")
    (repo.root / "AGENTS.md").write_bytes(b"before\n" + BEGIN + b"an older block\n" + END + b"after\n")
    repo.commit()
    assert init(repo, "codex")["changed"] == ["AGENTS.md"]
    newer = (repo.root / "AGENTS.md").read_bytes()
    assert (newer[:7], newer[-6:]) == (b"before\n", b"after\n")
    assert newer == b"before\n" + block(repo, "AGENTS.md") + b"after\n"


def test_a_skill_that_a_person_changed_stays(repo: Repo) -> None:
    init(repo, "claude")
    repo.write(SKILLS[1], "---\nname: platformstate\n---\nours\n")
    repo.commit()
    assert init(repo, "claude")["changed"] == []
    assert (repo.root / SKILLS[1]).read_text().endswith("ours\n")


def test_uncommitted_instructions_get_the_block_and_are_left_to_their_author(repo: Repo) -> None:
    repo.write("AGENTS.md", "draft\n")
    data = init(repo, "codex")
    assert data["uncommitted"] == ["AGENTS.md"]
    assert (repo.root / "AGENTS.md").read_bytes().startswith(b"draft\n\n" + BEGIN)
    assert repo.git("status", "--porcelain") == "?? AGENTS.md\n"


def test_a_file_that_can_be_executed_keeps_its_mode(repo: Repo) -> None:
    os.chmod(repo.write("AGENTS.md", "#!/bin/sh\n"), 0o755)
    repo.commit()
    data = init(repo, "codex")
    assert data["uncommitted"] == ["AGENTS.md"]
    assert (repo.root / "AGENTS.md").stat().st_mode & 0o777 == 0o755
    assert repo.git("ls-files", "-s", "AGENTS.md").startswith("100755")


def test_where_one_file_is_a_link_to_the_other_the_block_is_written_once(repo: Repo) -> None:
    repo.write("AGENTS.md", "# Rules\n")
    (repo.root / "CLAUDE.md").symlink_to("AGENTS.md")
    repo.commit()
    data = init(repo)
    assert data["changed"] == ["AGENTS.md"]
    assert (repo.root / "CLAUDE.md").is_symlink()
    assert (repo.root / "AGENTS.md").read_bytes().count(BEGIN) == 1


def test_a_link_out_of_the_repository_is_refused_and_nothing_written(repo: Repo) -> None:
    (repo.root / "CLAUDE.md").symlink_to("/etc/hostname")
    repo.commit()
    with pytest.raises(StateError) as refused:
        init(repo, "claude")
    assert refused.value.code == "path_symlink"
    assert not (repo.root / "state").exists()


def test_an_agent_that_is_not_known_is_refused(repo: Repo, platformctl: Platformctl) -> None:
    ran = platformctl("init", "--agents", "codex,hal", "--json")
    assert (ran.status, ran.document["error"]["code"]) == (2, "usage_invalid")
    assert not (repo.root / "state").exists()
