"""What a server is asked and told: TLS, lock keys, migrations by hand, foreign collations."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest

from platformstate.actions.db_place import Wish
from platformstate.actions.db_status import database_status
from platformstate.errors import StateError
from platformstate.exporter.migrations import Applied, Migration, packaged, refuse_foreign
from platformstate.exporter.pg_connect import connect, parameters
from platformstate.exporter.pg_text import migration_lock, store_lock
from platformstate.exporter.target import Flags, Target
from tests.db.between import Pooler, reached_through
from tests.db.conftest import Mirror
from tests.postgres import Database, Server, found_binaries

STORE = "00000000-0000-4000-8000-000000000001"


def test_the_keys_of_the_locks_are_those_of_every_version() -> None:
    """Two versions of the program must meet at the same lock."""

    def key(text: str) -> int:
        number = int(sha256(text.encode()).hexdigest()[:16], 16)
        return number - (1 << 64) if number >= 1 << 63 else number

    assert store_lock("s", STORE) == key(f"platformstate:s:{STORE}")
    assert migration_lock("s") == key("platformstate-migrate:s")
    assert store_lock("platformstate", STORE) == -7061601584089228191
    assert migration_lock("platformstate") == 2123943084502008459


TLS = {
    "another host": ("host=db.example.org", {}, ("verify-full", "system")),
    "an address": ("host=x hostaddr=192.0.2.1", {}, ("verify-full", "system")),
    "one of several": ("host=localhost,db.example.org", {}, ("verify-full", "system")),
    "as said": ("host=db.example.org sslmode=require", {}, ("require", None)),
    "a certificate": ("host=db.example.org sslrootcert=/c", {}, ("verify-full", "/c")),
    "a file of certificates": ("host=h", {"SSL_CERT_FILE": "/f"}, ("verify-full", "/f")),
    "of the environment": ("dbname=d", {"PGHOST": "db.example.org"}, ("verify-full", "system")),
    "said by the environment": ("host=h", {"PGSSLMODE": "disable"}, (None, None)),
    "one without an address": ("host=db.example.org,b hostaddr=,", {}, ("verify-full", "system")),
    "an unknown service": ("service=nobody-knows-it", {}, ("verify-full", "system")),
    "a service of the environment": ("", {"PGSERVICE": "nobody-knows-it"}, ("verify-full", "system")),
    "local addresses": ("host=a,b hostaddr=127.0.0.1,::1", {}, (None, None)),
    "localhost": ("host=localhost", {}, (None, None)),
    "loopback": ("host=127.0.0.1,::1", {}, (None, None)),
    "a socket": ("host=/run/postgresql", {}, (None, None)),
    "nothing": ("", {}, (None, None)),
}


@pytest.mark.parametrize("conninfo,environ,expected", TLS.values(), ids=TLS)
def test_a_server_elsewhere_is_verified_unless_it_is_said_otherwise(
    conninfo: str,
    environ: dict[str, str],
    expected: tuple[str | None, str | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import ssl

    paths = ssl.DefaultVerifyPaths(None, None, "", "", "", "")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    found = parameters(conninfo, {"HOME": "/nowhere", **environ})
    assert (found.get("sslmode"), found.get("sslrootcert")) == expected


def test_a_service_file_may_say_that_there_is_no_tls(tmp_path: Path) -> None:
    file = tmp_path / "services"
    file.write_text("[other]\nhost=localhost\n[s]\nhost=db.example.org\nsslmode=disable\n")
    environ = {"HOME": "/nowhere", "PGSERVICEFILE": str(file)}
    assert "sslmode" not in parameters("service=s", environ)
    file.write_text("[s]\nhost=db.example.org\n")
    assert parameters("service=s", environ)["sslmode"] == "verify-full"


def test_a_server_that_vanished_is_missed_after_a_minute_or_as_it_is_said(
    fresh: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fresh.database is not None
    file = tmp_path / "services"
    file.write_text("[slow]\nkeepalives_idle=9\n")
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    environ = {"PGSERVICEFILE": str(file)}
    for more, idle in (
        ("", "30"),
        (" keepalives_idle=7", "7"),
        (" service=slow", "9"),
        (" service=slow keepalives_idle=7", "7"),
    ):
        target = Target("postgres", "s", conninfo=fresh.database.conninfo + more)
        with connect(target, "test", environ, writes=False) as connection:
            found = connection.info.get_parameters()
        assert (found["keepalives"], found["keepalives_idle"]) == ("1", idle)


# Migrations.


def test_40_15_a_migration_that_the_package_lost_is_refused() -> None:
    known = [Migration(2, "b", "", "y")]
    with pytest.raises(StateError) as refused:
        refuse_foreign([Applied(1, "a", "x"), Applied(2, "b", "y")], known)
    assert refused.value.code == "db_migration_changed"
    with pytest.raises(StateError) as refused:
        refuse_foreign([Applied(2, "b", "y"), Applied(3, "c", "z")], known)
    assert refused.value.code == "db_schema_newer"


def by_hand(fresh: Mirror) -> None:
    """Apply the printed SQL as a DBA does."""
    sql = fresh.migrate(print_sql=True).data["sql"]
    assert fresh.database is not None
    fresh.database.run(sql)


def test_tables_that_were_made_by_hand_are_adopted_once(fresh: Mirror) -> None:
    by_hand(fresh)
    assert fresh.refused().code == "db_migration_pending"
    assert [each["version"] for each in fresh.migrate(adopt=True).data["applied"]] == [1]
    assert fresh.migrate(adopt=True).data["applied"] == []
    fresh.sync()
    assert fresh.equal()


def test_tables_that_differ_from_the_printed_sql_are_not_adopted(fresh: Mirror) -> None:
    by_hand(fresh)
    fresh.sql("DROP INDEX task_status")
    with pytest.raises(StateError) as refused:
        fresh.migrate(adopt=True)
    assert (refused.value.code, refused.value.exit_status) == ("db_migration_changed", 4)
    assert "task.index task_status" in refused.value.message
    assert fresh.one("SELECT count(*) FROM schema_migration") == 0
    with pytest.raises(StateError) as refused:
        Mirror(
            fresh.root, fresh.wish._replace(target=fresh.wish.target._replace(schema="empty")), None
        ).migrate(adopt=True)
    assert refused.value.code == "db_migration_changed"


def test_a_migration_that_fails_in_the_middle_leaves_nothing(fresh: Mirror) -> None:
    fresh.sql("CREATE SCHEMA platformstate")
    fresh.sql("CREATE VIEW v_sync_lag AS SELECT 1 AS one")
    with pytest.raises(StateError):
        fresh.migrate()
    assert fresh.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'platformstate'") == []


def test_a_migration_waits_for_the_syncs_that_go_on(fresh: Mirror) -> None:
    assert fresh.database is not None
    with psycopg.connect(fresh.database.conninfo, application_name="syncing") as holder:
        holder.execute("SELECT pg_advisory_lock_shared(%s)", [migration_lock("platformstate")])
        hasty = Mirror(fresh.root, fresh.wish._replace(lock_timeout=0.1), fresh.database)
        with pytest.raises(StateError) as refused:
            hasty.migrate()
    assert refused.value.code == "db_locked"
    assert "syncing" in refused.value.message
    assert fresh.sql("SELECT 1 FROM pg_namespace WHERE nspname = 'platformstate'") == []


def test_a_dry_run_of_a_migration_writes_nothing(fresh: Mirror) -> None:
    wish = fresh.wish._replace(dry_run=True)
    data = Mirror(fresh.root, wish, fresh.database).migrate().data
    assert (data["applied"], [each["version"] for each in data["pending"]]) == ([], [1])
    assert fresh.sql("SELECT 1 FROM pg_namespace WHERE nspname = 'platformstate'") == []


# Between us and a server.


def test_a_pooler_may_give_each_transaction_another_session(fresh: Mirror) -> None:
    with reached_through(Pooler, fresh) as (pooler, mirror):
        assert len(mirror.migrate().data["applied"]) == len(packaged("postgres"))
        for number in range(3):
            mirror.edit(f"Edit {number}")
            mirror.sync()
            assert mirror.equal()
        mirror.sql("UPDATE task SET title = 'x'")
        mirror.sync(repair=True)
        assert mirror.verify(evidence=True).data["recorded"] is True
    assert set(pooler.turns) == {0, 1}


@pytest.fixture
def standby(root: Path) -> Iterator[tuple[Mirror, Mirror]]:
    """A mirror, and the same one at a server that follows the first."""
    first = Server(found_binaries()[0], wal_level="replica", max_wal_senders="2")
    mirror = Mirror(root, Wish(Flags(dsn=first.conninfo())), Database(first.conninfo(), "postgres"))
    mirror.migrate()
    mirror.sync()
    first.stop("fast")
    second = first.follower()
    first.start()
    second.start()
    yield mirror, Mirror(root, Wish(Flags(dsn=second.conninfo())), None)
    second.remove()
    first.remove()


@pytest.mark.soak
def test_a_standby_is_verified_and_not_written(standby: tuple[Mirror, Mirror]) -> None:
    mirror, other = standby
    for act in (other.sync, other.migrate):
        with pytest.raises(StateError) as refused:
            act()
        assert (refused.value.code, refused.value.exit_status) == ("db_read_only", 7)
    assert other.sync(dry_run=True).data["result"] == "up_to_date"
    answer = other.verify()
    assert (answer.error, answer.data["ok"], answer.data["recorded"]) == (None, True, False)
    assert [warning.code for warning in answer.warnings] == ["db_read_only"]
    assert database_status(str(other.root), other.wish).error is None
    with pytest.raises(StateError) as refused:
        other.verify(evidence=True)
    assert "recorded" in refused.value.message
    assert mirror.equal()


# Collations.


@pytest.fixture
def foreign() -> Iterator[Database]:
    """A database that sorts and compares in as foreign a way as this machine's servers know."""
    server = Server(found_binaries()[-1])
    made = Database(server.conninfo(), "postgres")
    ways = ("LOCALE_PROVIDER icu ICU_LOCALE 'de-AT-u-ks-level1-kn-true'", "LOCALE 'C.UTF-8'", "LOCALE 'C'")
    for way in ways:
        try:
            made.run(f"CREATE DATABASE foreign_one TEMPLATE template0 ENCODING UTF8 {way}")
        except psycopg.Error:
            continue
        break
    yield Database(server.conninfo("foreign_one"), "foreign_one")
    server.remove()


def test_a_foreign_collation_changes_no_root(root: object, foreign: Database, lite: Mirror) -> None:
    for setting in (
        "TimeZone = 'Asia/Kathmandu'",
        "DateStyle = 'SQL, DMY'",
        "IntervalStyle = 'sql_standard'",
    ):
        foreign.run(f"ALTER DATABASE foreign_one SET {setting}")
    for number, name in enumerate(("arger", "Zebra", "a10", "a9", "B")):
        lite.write(f"state/templates/{name}.md", f"---\nkind: note\n---\n{number} ärger é e\u0301\n")
    lite.commit("templates")
    mirror = Mirror(lite.root, Wish(Flags(dsn=foreign.conninfo)), foreign)
    mirror.migrate()
    for each in (mirror, lite):
        each.sync()
        assert each.verify().error is None
    assert mirror.verify().data["root"] == lite.verify().data["root"]
