"""A password is in nothing that leaves the process, however it was given and whatever goes wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from platformstate.actions.db_export import ExportWish, export_commit
from platformstate.actions.db_place import Wish
from platformstate.errors import StateError
from platformstate.exporter.target import Flags, Redactor, passwords
from tests.conftest import Platformctl
from tests.db.conftest import Mirror
from tests.postgres import Database

CANARY = "c4nary%Pa55'w@rd\\x"
FORMS = (CANARY, quote(CANARY, safe=""), CANARY.replace("\\", "\\\\").replace("'", "\\'"), CANARY[:7])


def seen(text: str) -> list[str]:
    """Return the forms of the canary that a text shows."""
    return [form for form in FORMS if form in text]


GIVEN = {
    "quoted": "host=x password='{q}' dbname=d",
    "spaced": "host=x password = '{q}'",
    "upper case": "PASSWORD='{q}' host=x",
    "uri": "postgresql://u:{u}@h/d",
    "short uri": "postgres://:{u}@h",
    "uri with plain at": "postgresql://u:a{u}@b@h/d",
    "query": "postgresql://h/d?user=u&password={u}",
    "unclosed quote": "host=x password='{q}",
    "no host": "postgresql://u:{u}",
    "of the key": "host=x sslpassword={u}",
}


@pytest.mark.parametrize("form", GIVEN.values(), ids=GIVEN)
def test_40_11_every_way_of_giving_a_password_is_known(form: str) -> None:
    quoted = CANARY.replace("\\", "\\\\").replace("'", "\\'")
    given = form.replace("{q}", quoted).replace("{u}", quote(CANARY, safe=""))
    assert passwords(given)
    redact = Redactor(passwords(given))
    for text in (given, f"cannot connect with {given}!", repr(given), json.dumps(given)):
        assert seen(redact(text)) == []


@pytest.mark.parametrize("form", ["quoted", "uri", "query", "of the key"])
def test_40_11_a_password_in_argv_is_refused_before_anything_else(lite: Mirror, form: str) -> None:
    given = GIVEN[form].replace("{q}", "secret-word").replace("{u}", "secret-word")
    mirror = Mirror(lite.root, Wish(Flags(dsn=given)), None)
    with pytest.raises(StateError) as refused:
        mirror.sync()
    assert refused.value.code == "db_password_in_argv"
    assert "secret-word" not in str(refused.value.__dict__)


VERBS = (
    ["db", "sync"],
    ["db", "sync", "--dry-run", "--json"],
    ["db", "migrate", "--print-sql"],
    ["db", "verify", "-v", "--json"],
    ["db", "status", "--json"],
)


def test_40_11_a_password_that_works_is_in_no_output(
    pg: Mirror, platformctl: Platformctl, tmp_path: Path
) -> None:
    """A server that trusts everybody takes any password, so that all goes well with a canary in it."""
    assert pg.database is not None
    env = {"PLATFORMSTATE_DSN": f"{pg.database.conninfo} password='{FORMS[2]}'"}
    for argv in VERBS:
        ran = platformctl(*argv, cwd=pg.root, env=env)
        assert ran.status == 0, ran.stderr
        assert seen(ran.stdout + ran.stderr) == []
    ran = platformctl("db", "verify", "--evidence", "--json", cwd=pg.root, env=env)
    assert ran.status == 0, ran.stderr
    assert seen(pg.text(ran.document["data"]["evidence"])) == []
    for table in ("sync_run", "verify_run", "store_head"):
        assert seen(str(pg.sql(f"SELECT * FROM {table}"))) == []


def test_40_11_a_bug_leaves_no_password_in_its_report(
    pg: Mirror, platformctl: Platformctl, tmp_path: Path
) -> None:
    """A trigger that says the server is broken is what no code of ours foresees."""
    assert pg.database is not None
    pg.sql("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE SQLSTATE 'XX000'; END $$")
    pg.sql("CREATE TRIGGER no BEFORE INSERT ON task FOR EACH ROW EXECUTE FUNCTION no()")
    env = {"PLATFORMSTATE_DSN": f"{pg.database.conninfo} password='{FORMS[2]}'"}
    ran = platformctl("db", "sync", "-v", cwd=pg.root, env=env)
    assert ran.status == 70
    assert "Traceback" not in ran.stderr
    reports = list((pg.root / ".git").rglob("report-*"))
    for text in (ran.stdout + ran.stderr, *(path.read_text() for path in reports)):
        assert seen(text) == []


def test_40_11_a_service_a_password_file_and_a_variable_are_silent(
    pg: Mirror, platformctl: Platformctl, tmp_path: Path
) -> None:
    assert pg.database is not None
    parts = dict(part.split("=", 1) for part in pg.database.conninfo.split())
    service = tmp_path / "services"
    service.write_text("[mirror]\n" + "".join(f"{key}={value}\n" for key, value in parts.items()))
    key = tmp_path / "pgpass"
    key.write_text(f"*:*:*:*:{CANARY}\n".replace("\\", "\\\\"))
    key.chmod(0o600)
    env = {"PGSERVICEFILE": str(service), "PGPASSFILE": str(key), "PGPASSWORD": CANARY}
    for argv in (["db", "sync", "--service", "mirror"], ["db", "status", "--service", "mirror", "--json"]):
        ran = platformctl(*argv, cwd=pg.root, env=env)
        assert ran.status == 0, ran.stderr
        assert seen(ran.stdout + ran.stderr) == []
    pg.git("config", "platformstate.db.service", "mirror")
    assert platformctl("db", "status", cwd=pg.root, env=env).status == 0
    service.write_text("[mirror]\nhost=/nowhere\n")
    ran = platformctl("db", "sync", cwd=pg.root, env=env)
    assert ran.status == 7
    assert seen(ran.stdout + ran.stderr) == []


def test_40_11_an_output_that_is_named_like_the_password_is_not_shown(
    lite: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLATFORMSTATE_DSN", "postgresql://u:canary-word@h/d")
    data: dict[str, Any] = export_commit(str(lite.root), Wish(), ExportWish(jsonl="../canary-word")).data
    assert "canary-word" not in json.dumps(data)
    with pytest.raises(StateError) as refused:
        export_commit(str(lite.root), Wish(), ExportWish(jsonl="../canary-word"))
    assert refused.value.code == "output_exists"
    assert "canary-word" not in f"{refused.value.message} {refused.value.hint} {refused.value.path}"


def test_a_password_that_is_a_common_word_leaves_names_as_they_are(
    pg: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where `postgres` is the password, as in many a container, it is also the engine and the user."""
    assert pg.database is not None
    monkeypatch.setenv("PLATFORMSTATE_DSN", f"{pg.database.conninfo} password=postgres")
    mirror = Mirror(pg.root, Wish(), pg.database)
    assert mirror.sync().data["engine"] == "postgres"
    verified = mirror.verify().data
    assert (verified["user"], verified["engine"], verified["schema"]) == (
        "postgres",
        "postgres",
        "platformstate",
    )


def test_a_connection_string_is_not_shown_by_a_report_of_the_server(pg: Mirror, database: Database) -> None:
    """What `pg_stat_activity` says of a sync is its verb and the beginning of its id."""
    names: list[str] = []
    from tests.db.injected import sync_that_meets

    def look(point: str) -> None:
        names.extend(
            row[0]
            for row in database.run(
                "SELECT application_name FROM pg_stat_activity WHERE datname = current_database()"
            )
        )

    outcome = sync_that_meets(pg, look)
    assert outcome.result == "synced"
    assert {name.rpartition("/")[0] for name in names if name} == {"platformctl/sync"}
    assert all(len(name.rpartition("/")[2]) == 8 for name in names if name)
    assert os.environ.get("PLATFORMSTATE_DSN") is None
