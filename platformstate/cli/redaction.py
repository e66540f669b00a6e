"""Keep secrets out of messages and reports."""

from __future__ import annotations

import os
import re
from typing import Final

MIN_VALUE_CHARACTERS: Final = 8
_SECRET_NAME: Final = re.compile("password|passwd|secret|token|api_key|credential", re.IGNORECASE)


def redacted(text: str) -> str:
    """Return a text with every secret that a rule finds replaced by the rule's name."""
    from platformstate.policy.secrets import secrets

    parts, end = [], 0
    for found in secrets(text):
        parts += [text[end : found.start], f"[redacted:{found.rule}]"]
        end = found.end
    return "".join([*parts, text[end:]])


def without_environment(text: str) -> str:
    """Return a text without the values of those variables of this process that name a secret."""
    for name, value in os.environ.items():
        if len(value) >= MIN_VALUE_CHARACTERS and _SECRET_NAME.search(name):
            text = text.replace(value, "[redacted:environment_value]")
    return text
