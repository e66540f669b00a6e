"""The payload that a job's child leaves, judged before any of it is taken."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from platformstate.codec.json_text import parse_text
from platformstate.codec.safe import safe_text
from platformstate.files.durable import READ_FLAGS
from platformstate.policy.redaction import redacted_output

MAX_PAYLOAD_BYTES: Final = 65_536


class OutputInvalid(Exception):
    """A payload or artifacts that are not what the spec allows; nothing is collected."""


def read_payload(path: Path, values: Sequence[str] = ()) -> dict[str, Any]:
    """Return the JSON object that a child wrote as its payload, {} when it wrote none. Raises OutputInvalid.

    Its texts are safe to show and without secrets; `values` are some.
    """
    data = _payload_bytes(path)
    if data is None:
        return {}
    text = data.decode("utf-8", "surrogateescape")
    value, problems = parse_text(text, "payload")
    wrong = next((problem.message for problem in problems if problem.severity == "error"), None)
    if wrong is not None or not isinstance(value, dict):
        raise OutputInvalid(f"the payload cannot be taken: {wrong or 'it is no JSON object'}")
    safe = _safe(value, values)
    assert isinstance(safe, dict)
    return safe


def _payload_bytes(path: Path) -> bytes | None:
    try:
        descriptor = os.open(path, READ_FLAGS)
    except FileNotFoundError:
        return None
    except OSError as failed:
        raise OutputInvalid(f"the payload cannot be read: {failed.strerror}") from failed
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OutputInvalid("the payload is no regular file")
        data = file.read(MAX_PAYLOAD_BYTES + 1)
    if len(data) > MAX_PAYLOAD_BYTES:
        raise OutputInvalid(f"the payload is more than {MAX_PAYLOAD_BYTES} bytes")
    return data


def _safe(value: Any, values: Sequence[str]) -> Any:
    """Return a value with every text as it may be shown."""
    if isinstance(value, str):
        return safe_text(redacted_output(value.encode("utf-8", "replace"), values))
    if isinstance(value, list):
        return [_safe(item, values) for item in value]
    if isinstance(value, dict):
        return {_safe(key, values): _safe(inner, values) for key, inner in value.items()}
    return value
