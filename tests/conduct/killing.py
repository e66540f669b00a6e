"""A scene whose runs are killed at any time, and what holds of every run that has ended."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conduct.scenes import Scene
from tests.conftest import Repo
from tests.forking import Forks


class KillScene(Scene):
    """A scene with a file that a person has staged."""

    def __init__(self, repo: Repo, forks: Forks) -> None:
        super().__init__(repo, forks)
        repo.write("src/main.py", "staged by a person\n")
        repo.git("add", "src/main.py")

    def procedure(self, name: str, *steps: str, top: str = "", commit: bool = True) -> None:
        """Write a procedure, and commit it alone: what a person staged stays staged."""
        super().procedure(name, *steps, top=top, commit=False)
        if commit:
            path = f"state/procedures/{name}/procedure.md"
            self.repo.git("add", path)
            self.repo.git("commit", "-q", "--no-verify", "-m", f"write {name}", "--", path)

    @property
    def leases(self) -> Path:
        """The folder of the runs' local files."""
        return self.repo.root / ".git/platformstate/leases"

    def commits_of_run(self) -> int:
        """Return how many commits the newest run has."""
        return len(self.repo.git("log", "--format=%H", f"--grep=Run: {self.run}").split())

    def events_of(self, index: int) -> list[tuple[str, int | None, str | None]]:
        """Return what the journal says of a step: type, attempt, by whom."""
        said = (event for event in self.events if event.get("step_index") == index)
        return [
            (event["type"], event.get("attempt"), event.get("by"))
            for event in said
            if event["type"].startswith("Step")
        ]

    def require_sound(self, status: str = "succeeded", commits: int | None = None) -> None:
        """Require what holds of every run that has ended, whatever was killed on the way."""
        assert self.events[-1]["type"] == f"Run{status.capitalize()}"
        assert json.loads((self.folder / "run_receipt.json").read_text())["status"] == status
        assert (self.folder / "summary.md").is_file()
        verified = self.run_ctl("run", "verify", self.run, "--json")
        assert verified.status == 0, verified.stdout
        assert verified.document["data"]["committed"]["ok"] is True
        judged = self.run_ctl("validate")
        assert judged.status == 0, judged.stdout
        self.require_untouched()
        assert {path.suffix for path in self.leases.glob(f"{self.run}.*")} == {".json", ".lock"}
        assert not list((self.repo.root / "state").rglob(".ps-*"))
        if commits is not None:
            assert self.commits_of_run() <= commits

    def require_untouched(self) -> None:
        """Require that what a person staged is still staged, and nothing else differs from HEAD."""
        assert self.repo.git("status", "--porcelain") == "A  src/main.py\n"
        assert self.repo.git("show", ":src/main.py") == "staged by a person\n"
