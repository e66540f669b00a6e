"""The walk's mirror: one commit's tables in a SQLite file, proved equal, and a row that was edited by hand."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from platformstate.actions.demo import Demo

FILE: Final = "../mirror.db"
_FORGE: Final = (
    "import sqlite3; c = sqlite3.connect('{}'); c.execute(\"UPDATE task SET title = 'forged'\"); c.commit()"
)
DIFFERS: Final = 1


def mirror(demo: Demo) -> None:
    """Sync to a file, verify it, forge a row, find it and repair it."""
    demo.say("One command makes database tables equal to a commit, here in a SQLite file; another proves it.")
    demo.platformctl("db", "sync", "--sqlite", FILE)
    demo.platformctl("db", "verify", "--sqlite", FILE)
    again = demo.answer("db", "sync", "--sqlite", FILE)
    demo.check("a second sync finds nothing to do and reads no file", again["files"]["read"] == 0)
    demo.run(sys.executable, "-c", _FORGE.format(FILE))
    ran = demo.platformctl("db", "verify", "--sqlite", FILE, expect=DIFFERS)
    demo.check("a row that was edited by hand is named, with its column", "differs in title" in ran.stdout)
    demo.platformctl("db", "sync", "--sqlite", FILE, "--repair")
    root = demo.answer("db", "verify", "--sqlite", FILE)["root"]
    demo.check("rows in the file and rows in git hash to one root", root["expected"] == root["found"])
