"""Take secrets out of a stream, however it is cut. Pure: bytes in, text out.

Whole lines are searched at once, since no rule looks past a line's end. A line that does not end in
time is searched in windows: what begins in a window's first half lies in it whole. Where a window or
a line begins depends on the text alone, never on the pieces that it came in.
"""

from __future__ import annotations

import binascii
import codecs
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from platformstate.policy.secrets import PEM_CHARACTERS, Secret, matches

HOLD_CHARACTERS: Final = 4096
MIN_VALUE_CHARACTERS: Final = 8
ENVIRONMENT_RULE: Final = "environment_value"
_SECRET_NAME: Final = re.compile("password|passwd|secret|token|api_key|credential", re.IGNORECASE)
_TOKEN: Final = re.compile(r"[A-Za-z0-9+/_.~=-]*")
# A token of three parts whose end a window does not show.
_OPEN_JWT: Final = re.compile(
    r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}(?:\.(?:e(?:y(?:J[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)?)?)?)?)?\Z"
)
_KEY_END: Final = "-----END "


def known_values(environ: Mapping[str, str], declared: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the values of an environment that may not be shown, the longest first.

    Those are the values of 8 characters and more whose name is declared or says that it is a secret.
    """
    named = {*declared, *filter(_SECRET_NAME.search, environ)}
    values = {environ[name] for name in named if len(environ.get(name, "")) >= MIN_VALUE_CHARACTERS}
    return tuple(sorted(values, key=lambda value: (-len(value), value)))


def redacted_output(data: bytes, values: Iterable[str] = ()) -> str:
    """Return the whole output of a child as it may be shown."""
    redactor = Redactor(values)
    return redactor.feed(data) + redactor.finish()


def shows_value(data: bytes, values: Iterable[str]) -> bool:
    """Say whether one of the values stands in data, in any of the forms that are redacted."""
    return f"[redacted:{ENVIRONMENT_RULE}]" in redacted_output(data, values)


class _Region(NamedTuple):
    """A stretch to leave out: secrets that overlap are one. `key` is where a key's header ends in it."""

    rule: str
    start: int
    end: int
    key: int | None


class Redactor:
    """Redact one stream: `feed` each piece, then `finish`. What is not yet certain is held back."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._forms = sorted(
            {form for value in values for form in _forms(value)}, key=lambda form: -len(form)
        )
        self._known = re.compile("|".join(map(re.escape, self._forms)))
        self._joints = _joints(self._forms)
        self._half = max(HOLD_CHARACTERS, *map(len, self._forms[:1]), 0)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = ""  # what is held back, after one character that is already gone
        self._at = 0
        self._key_left: int | None = None  # how much of a key's lines may still follow; None outside
        self._in_token = False

    def feed(self, data: bytes) -> str:
        """Take the next bytes of the stream and return what is certain by now."""
        return self._advance(self._decoder.decode(data), final=False)

    def finish(self) -> str:
        """Return the rest at the end of the stream."""
        return self._advance(self._decoder.decode(b"", final=True), final=True)

    def _advance(self, more: str, *, final: bool) -> str:
        self._text += more
        parts: list[str] = []
        while self._step(parts, final=final):
            pass
        gone = max(0, self._at - 1)
        self._text, self._at = self._text[gone:], self._at - gone
        return "".join(parts)

    def _step(self, parts: list[str], *, final: bool) -> bool:
        """Go on as far as one state reaches; False when the rest of the stream is needed."""
        if self._at >= len(self._text):
            return False
        if self._key_left is not None:
            return self._step_key(self._key_left, final=final)
        if self._in_token:
            return self._step_token()
        return self._step_lines(parts, final=final)

    def _step_key(self, left: int, *, final: bool) -> bool:
        limit = self._at + left
        found = self._text.find(_KEY_END, self._at, limit)
        line_end = self._text.find("\n", found, limit) if found != -1 else -1
        if line_end == -1 and len(self._text) < limit and not final:
            kept = found if found != -1 else max(self._at, len(self._text) - len(_KEY_END) + 1)
            self._key_left = left - (kept - self._at)
            self._at = kept
            return False
        end = line_end if line_end != -1 else min(limit, len(self._text))
        self._at, self._key_left = end, None
        return True

    def _step_token(self) -> bool:
        end = _token_end(self._text, self._at)
        self._in_token = end == len(self._text)
        self._at = end
        return not self._in_token

    def _step_lines(self, parts: list[str], *, final: bool) -> bool:
        window = self._at + 2 * self._half
        end = self._lines_end()
        if end > self._at:
            self._leave_out(parts, end, begin_before=end)
        elif len(self._text) >= window:
            self._leave_out(parts, window, begin_before=self._at + self._half)
        elif final:
            self._leave_out(parts, len(self._text), begin_before=len(self._text))
        else:
            return False
        return True

    def _lines_end(self) -> int:
        """Return where the last line ends before which every line has ended, and in time."""
        end = self._at
        last = self._text.rfind("\n", end) + 1
        if last and self._are_plain(self._text[end:last]):
            return last
        while True:
            line_end = self._line_end(end)
            if line_end == -1 or line_end - end > 2 * self._half:
                return end
            end = line_end

    def _are_plain(self, lines: str) -> bool:
        """Say at the speed of C whether all lines end in time, and no known value may go past an end."""
        if any(joint in lines for joints in self._joints.values() for joint in joints):
            return False
        return len(max(lines.split("\n"), key=len)) < 2 * self._half

    def _line_end(self, begin: int) -> int:
        """Return where the line ends that begins here, past line feeds that a known value may hold."""
        end = self._text.find("\n", begin) + 1
        while end and self._text.endswith(self._joints.get(self._text[end - 2 : end], ()), begin, end):
            end = self._text.find("\n", end) + 1
        return end or -1

    def _leave_out(self, parts: list[str], end: int, *, begin_before: int) -> None:
        """Show the text up to `end`, or only what is certain when its second half is just looked at."""
        cut = begin_before < end
        context = max(0, self._at - 1)
        piece = self._text[context:end]
        position = self._at - context
        accepted, certain = _accepted(self._found(piece, position, cut=cut), begin_before - context)
        for region in _regions(accepted):
            parts += [piece[position : region.start], f"[redacted:{region.rule}]"]
            position = region.end
            if region.key is not None:
                return self._enter_key(piece, region, context)
        parts.append(piece[position:certain])
        self._in_token = cut and certain == len(piece)
        self._at = context + certain
        return None

    def _enter_key(self, piece: str, region: _Region, context: int) -> None:
        """Go on after a key's header; the secret that begins there may cover the key's end as well."""
        header_end = region.key or region.end
        self._at = context + region.end
        if piece.find(_KEY_END, header_end, region.end) == -1:
            self._key_left = max(0, PEM_CHARACTERS - (region.end - region.start)) or None

    def _found(self, piece: str, begin: int, *, cut: bool) -> Iterator[tuple[int, Secret]]:
        yield from matches(piece, begin)
        if any(form in piece for form in self._forms):
            for match in self._known.finditer(piece, begin):
                yield match.start(), Secret(ENVIRONMENT_RULE, match.start(), match.end())
        if cut and "eyJ" in piece and (token := _OPEN_JWT.search(piece, begin)):
            yield token.start(), Secret("jwt", token.start(), token.end())


def _accepted(found: Iterable[tuple[int, Secret]], begin_before: int) -> tuple[list[Secret], int]:
    """Return the secrets that begin before a place or before the end of one that does, and that end."""
    known = list(found)
    certain = begin_before
    while True:
        accepted = [secret for begin, secret in known if begin < certain]
        reach = max((secret.end for secret in accepted), default=certain)
        if reach <= certain:
            return sorted(accepted, key=lambda secret: (secret.start, -secret.end)), certain
        certain = reach


def _regions(secrets: Iterable[Secret]) -> Iterator[_Region]:
    region: _Region | None = None
    for secret in secrets:
        key = secret.end if secret.rule == "pem" else None
        if region is not None and secret.start < region.end:
            end = max(region.end, secret.end)
            region = region._replace(end=end, key=region.key if key is None else key)
            continue
        if region is not None:
            yield region
        region = _Region(secret.rule, secret.start, secret.end, key)
    if region is not None:
        yield region


def _joints(forms: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the beginnings of known values that end with a line feed, by their last two characters."""
    joints: dict[str, tuple[str, ...]] = {}
    for form in forms:
        for at, character in enumerate(form):
            if character == "\n":
                ending = form[max(0, at - 1) : at + 1]
                joints[ending] = (*joints.get(ending, ()), form[: at + 1])
    return joints


def _token_end(text: str, begin: int) -> int:
    match = _TOKEN.match(text, begin)
    return begin if match is None else match.end()


def _forms(value: str) -> Iterator[str]:
    """Yield a value as it may be printed: itself, in base64, and with percent signs."""
    raw = value.encode("utf-8", "surrogateescape")
    yield raw.strip(b"\n").decode("utf-8", "replace")
    for data in (raw, raw + b"\n"):
        padded = binascii.b2a_base64(data, newline=False).decode("ascii")
        for form in (padded, padded.replace("+", "-").replace("/", "_")):
            yield form
            yield form.rstrip("=")
    for safe in (b"", b"/"):
        percent = _percent(raw, safe)
        yield percent
        yield percent.replace("%20", "+")
        yield re.sub("%[0-9A-F]{2}", lambda found: found.group().lower(), percent)


def _percent(raw: bytes, safe: bytes) -> str:
    return "".join(chr(byte) if byte in safe else _PERCENT[byte] for byte in raw)


_UNRESERVED: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_PERCENT: Final = [chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in range(256)]
