"""The engine is loaded without the modules that only its build date needs."""

from __future__ import annotations

import subprocess
import sys

LOAD = """
import sys
from platformstate.validation.loading import load_engine
load_engine()
import jsonschema_rs
assert jsonschema_rs.Draft202012Validator({"type": "string"}).is_valid("text")
"""


def python(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_loading_the_engine_loads_no_sockets_and_no_mail() -> None:
    loaded = python(f"{LOAD}\nprint(*{{'socket', 'random', 'email.utils'}} & set(sys.modules))")
    assert loaded == ""


def test_whoever_needs_mail_afterwards_gets_the_real_module() -> None:
    year = "email.utils.parsedate_to_datetime('Tue, 27 Oct 2026 10:17:51 +0000').year"
    assert python(f"{LOAD}\nimport email.utils\nprint({year})") == "2026"


def test_mail_that_is_loaded_already_stays_what_it_is() -> None:
    assert python(f"import email.utils as mail\n{LOAD}\nprint(sys.modules['email.utils'] is mail)") == "True"
