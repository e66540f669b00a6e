"""Find texts that look like passwords and keys before they are committed. Pure and linear.

One table holds every rule. A finding names the rule and the place, never the value: only its first
four characters and its length are shown.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from typing import Final, NamedTuple

from platformstate.errors import Problem

MIN_ENTROPY_BITS: Final = 3.5
ALLOWED_DIGITS: Final = 12
PEM_CHARACTERS: Final = 64 * 1024


class Secret(NamedTuple):
    """One stretch of a text that a rule found: `text[start:end]` is the value to keep back."""

    rule: str
    start: int
    end: int


class Rule(NamedTuple):
    """A pattern, the literals without which it cannot match, and what may stand around it.

    The literals make the search cheap: most files hold none of them, and a substring test costs a
    hundredth of the pattern. The value is the group `value` where there is one. With `lower` case
    does not count, and the literals are in lower case.
    """

    name: str
    literals: tuple[str, ...]
    expression: str
    accept: Callable[[str], bool] = lambda _value: True
    lower: bool = False


def find_secrets(text: str, path: str, allowed: frozenset[str] = frozenset()) -> tuple[Problem, ...]:
    """Return a problem for each secret in a text, in order.

    `allowed` holds what `git config platformstate.secretAllow` names: the first 12 hexadecimal
    digits of the sha256 of each value that a person has declared harmless.
    """
    problems, line, line_start = [], 1, 0
    for found in secrets(text, allowed):
        line += text.count("\n", line_start, found.start)
        line_start = max(line_start, text.rfind("\n", line_start, found.start) + 1)
        problems.append(_problem(text, path, found, line, found.start - line_start + 1))
    return tuple(problems)


def secrets(text: str, allowed: frozenset[str] = frozenset()) -> list[Secret]:
    """Return the secrets of a text by position; of two that overlap the first, longest one."""
    found = sorted((secret for _, secret in matches(text)), key=lambda secret: (secret.start, -secret.end))
    kept: list[Secret] = []
    for secret in found:
        if kept and secret.start < kept[-1].end:
            continue
        if fingerprint(text[secret.start : secret.end]) not in allowed:
            kept.append(secret)
    return kept


def redacted(text: str, allowed: frozenset[str] = frozenset()) -> str:
    """Return a text in which each secret is replaced by `[redacted:<rule>]`; a key goes to its end."""
    parts, position = [], 0
    for secret in secrets(text, allowed):
        if secret.start < position:
            continue
        parts += [text[position : secret.start], f"[redacted:{secret.rule}]"]
        position = _end_of_key(text, secret) if secret.rule == "pem" else secret.end
    return "".join((*parts, text[position:]))


def _end_of_key(text: str, secret: Secret) -> int:
    limit = min(len(text), secret.start + PEM_CHARACTERS)
    end = text.find("-----END ", secret.end, limit)
    if end == -1:
        return limit
    line_end = text.find("\n", end, limit)
    return limit if line_end == -1 else line_end


def fingerprint(value: str) -> str:
    """Return the name under which a value is allowed: it does not tell the value."""
    import hashlib  # a hook that finds nothing starts without it

    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:ALLOWED_DIGITS]


def matches(text: str, begin: int = 0) -> Iterator[tuple[int, Secret]]:
    """Yield every secret that a rule finds from `begin` on, overlapping ones too, in no order.

    With each goes where its match starts: for an assignment that is the name, before the value.
    """
    lowered = text.lower()
    found = [each.rules for each in _finders() if each.pattern.search(lowered if each.lower else text)]
    suspected = frozenset[str]().union(*found)
    for rule in RULES if suspected else ():
        if rule.name in suspected and any(
            each in (lowered if rule.lower else text) for each in rule.literals
        ):
            yield from _matches(rule, text, begin)


def _matches(rule: Rule, text: str, begin: int) -> Iterator[tuple[int, Secret]]:
    pattern = _compiled(rule.expression, rule.lower)
    group = "value" if "value" in pattern.groupindex else 0
    for match in pattern.finditer(text, begin):
        value = match.group(group)
        if not _is_placeholder(value) and rule.accept(value):
            yield match.start(), Secret(rule.name, match.start(group), match.end(group))


def _problem(text: str, path: str, secret: Secret, line: int, col: int) -> Problem:
    value = text[secret.start : secret.end]
    head = value[:4] if len(value) >= 3 * 4 else ""
    return Problem(
        path=path,
        line=line,
        col=col,
        code="secret_found",
        message=f'this looks like a secret (rule {secret.rule}, "{head}…", {len(value)} characters)',
        fix="remove it and replace it where it is in use; if it is harmless: "
        f"git config --add platformstate.secretAllow {fingerprint(value)}",
    )


def _is_placeholder(value: str) -> bool:
    return value.endswith(("EXAMPLE", "***")) or _PLACEHOLDER.search(value) is not None


_PLACEHOLDER: Final = re.compile(r"\$\{[A-Za-z0-9_]{1,64}\}|<[A-Za-z0-9_ -]{1,64}>|\*\*\*")


def _is_random(value: str) -> bool:
    """Say whether an assigned value looks like one that no person chose or named."""
    return (
        any(c.isdigit() for c in value)
        and any(c.isalpha() for c in value)
        and not _KNOWN_HARMLESS.fullmatch(value)
        and not _is_path(value)
        and entropy(value) >= MIN_ENTROPY_BITS
    )


def entropy(value: str) -> float:
    """Return the Shannon entropy of a text's characters, in bits a character."""
    counts = Counter(value).values()
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts)


def _is_path(value: str) -> bool:
    """Say whether a value reads as a path or dotted name: words, each with a number at its end at most."""
    parts = re.split(r"[/.]", value)
    return len(parts) > 1 and all(_WORD.fullmatch(part) for part in parts)


_WORD: Final = re.compile(r"[A-Za-z_-]*[0-9]{0,4}")
_KNOWN_HARMLESS: Final = re.compile(
    r"(?:[0-9a-fA-F]{40}|[0-9a-fA-F]{64}"
    r"|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})"
)


def _rule(name: str, literals: str, pattern: str) -> Rule:
    return Rule(name, tuple(literals.split()), pattern)


@cache
def _compiled(expression: str, ignore_case: bool) -> re.Pattern[str]:
    """Compile on first use: most texts hold no literal of any rule."""
    return re.compile(expression, re.IGNORECASE if ignore_case else 0)


# A look-behind gives each run of characters one place where a match may begin; without it a pattern
# that fails late would be tried again at every character of the run. No repetition is nested.
RULES: Final = (
    _rule("aws", "AKIA ASIA", r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])"),
    _rule(
        "github",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        r"gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,}",
    ),
    _rule("gitlab", "glpat-", r"glpat-[A-Za-z0-9_-]{20,}"),
    _rule("anthropic", "sk-ant-", r"sk-ant-[a-z0-9]{1,40}-[A-Za-z0-9_-]{20,}"),
    _rule(
        "openai",
        "sk-",
        r"sk-(?:(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{48}(?![A-Za-z0-9]))",
    ),
    _rule("slack", "xox", r"xox[abposr]-[A-Za-z0-9-]{10,}"),
    _rule("google", "AIza", r"AIza[A-Za-z0-9_-]{35}"),
    _rule("stripe", "k_live_", r"[sr]k_live_[A-Za-z0-9]{24,}"),
    _rule("npm", "npm_", r"npm_[A-Za-z0-9]{36}"),
    _rule("pypi", "pypi-AgEI", r"pypi-AgEI[A-Za-z0-9_-]{50,}"),
    _rule("huggingface", "hf_", r"hf_[A-Za-z0-9]{34}"),
    _rule("telegram", ":AA", r"(?<![0-9])[0-9]{8,10}:AA[A-Za-z0-9_-]{33}"),
    _rule("pem", "PRIVATE", r"-----BEGIN (?:[A-Z]{1,20} ){0,4}PRIVATE KEY-----"),
    _rule(
        "jwt",
        "eyJ",
        r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
    ),
    _rule(
        "url_password",
        "://",
        r"(?<=[A-Za-z0-9+.-])://[^\s/?#:@'\"<>]{0,100}:(?P<value>[^\s/?#@'\"<>]{1,200})@",
    ),
    Rule(
        "assigned",
        ("passw", "secret", "token", "api_key", "api-key", "apikey"),
        r"(?:password|passwd|secret|token|api[_-]?key)(?:_?access)?(?:_?key)?[\"']?"
        r"[ \t]{0,8}[=:][ \t]{0,8}[\"']?(?P<value>[A-Za-z0-9+/_.~-]{16,}={0,2})",
        accept=_is_random,
        lower=True,
    ),
)

# The characters that are rare in state files, the rarest first: each literal holds one of them.
_SIGNS: Final = "JI_:xwkc-"


class _Finder(NamedTuple):
    """A search for the literals that share a sign, and the rules that they belong to."""

    pattern: re.Pattern[str]
    lower: bool
    rules: frozenset[str]


@cache
def _finders() -> list[_Finder]:
    """Return the searches that together find every literal.

    A search for one character is the fastest there is; the rest of a literal is looked at where it stands.
    """
    found = []
    for sign, lower in product(_SIGNS, (False, True)):
        literals = {
            literal: rule.name
            for rule in RULES
            for literal in rule.literals
            if rule.lower is lower and sign == next(filter(literal.__contains__, _SIGNS))
        }
        if literals:
            around = "|".join(_around(sign, literal) for literal in literals)
            found.append(_Finder(re.compile(f"{sign}(?:{around})"), lower, frozenset(literals.values())))
    return found


def _around(sign: str, literal: str) -> str:
    """Return the expression that a literal stands around one of its characters, which was just matched."""
    end = literal.index(sign) + 1
    return f"(?<={re.escape(literal[:end])}){re.escape(literal[end:])}"
