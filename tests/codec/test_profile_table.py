"""A row for each row of the text profile: what stands in a file, and `code:line:col` of what is found.

An empty list is a file that is read without a finding.
"""

from __future__ import annotations

import pytest

from platformstate.codec import limits
from platformstate.codec.record import parse_as
from tests.codec.making import NOTE, PATH, YAML_NOTE, found, read

HEAD = "---\nschema: note/1\nid: n1\n"


def _whole(data: bytes) -> list[str]:
    return found(parse_as(data, PATH, NOTE))


SIZES = {
    "a record of 256 KiB": (
        (HEAD + "---\n").encode().ljust(limits.MAX_BYTES["markdown"] - 1, b"x") + b"\n",
        [],
    ),
    "a record of one byte more": (b"x" * (limits.MAX_BYTES["markdown"] + 1), ["text_too_large:1:1"]),
    "front matter over 64 KiB": (
        f"{HEAD}title: {'a' * limits.MAX_FRONT_MATTER_BYTES}\n---\n".encode(),
        ["text_too_large:1:1"],
    ),
    "front matter of 64 KiB in letters of four bytes": (
        f"{HEAD}title: {'𝒳' * 16_384}\n---\n".encode(),
        ["text_too_large:1:1"],
    ),
    "1,000 keys": (
        (HEAD + "".join(f"x-{n}: a\n" for n in range(998)) + "---\n").encode(),
        [],
    ),
    "1,001 keys": (
        (HEAD + "".join(f"x-{n}: a\n" for n in range(999)) + "---\n").encode(),
        ["text_too_large:1002:1"],
    ),
    "10,000 items": ((HEAD + "x-a: [" + ",".join(["a"] * 10_000) + "]\n---\n").encode(), []),
    "10,001 items": (
        (HEAD + "x-a: [" + ",".join(["a"] * 10_001) + "]\n---\n").encode(),
        ["text_too_large:4:20007"],
    ),
    "depth 32": ((HEAD + "x-a: " + "[" * 31 + "a" + "]" * 31 + "\n---\n").encode(), []),
    "depth 33": ((HEAD + "x-a: " + "[" * 32 + "a" + "]" * 32 + "\n---\n").encode(), ["depth_exceeded:4:37"]),
    "mappings of depth 33": (
        (HEAD + "x-a: " + "{a: " * 32 + "b" + "}" * 32 + "\n---\n").encode(),
        ["depth_exceeded:4:130"],
    ),
    "a Markdown line of any length": ((HEAD + "---\n" + "x" * 200_000 + "\n").encode(), []),
}

BODY = HEAD + "---\n"
BYTES = {
    "Latin-1": (HEAD.encode() + b"title: caf\xe9\n---\n", ["text_encoding_invalid:4:11"]),
    "UTF-16": ("\ufeff---\n".encode("utf-16"), ["text_encoding_invalid:1:1"]),
    "UTF-16 without a mark": (BODY.encode("utf-16-le"), ["text_encoding_invalid:1:1"]),
    "an overlong encoding": (b"---\na: \xc0\xaf\n---\n", ["text_encoding_invalid:2:4"]),
    "an encoded surrogate": (b"---\n\xc3\xa9: \xed\xa0\x80\n---\n", ["text_encoding_invalid:2:4"]),
    "a byte order mark": (b"\xef\xbb\xbf" + BODY.encode(), ["text_bom_present:1:1"]),
    "a byte order mark elsewhere": ((BODY + "a\ufeffb\n").encode(), ["text_control_character:5:2"]),
    "NUL": ((BODY + "a\0\n").encode(), ["text_control_character:5:2"]),
    "ESC and DEL": (
        (BODY + "\x1b[2J\n\x7f\n").encode(),
        ["text_control_character:5:1", "text_control_character:6:1"],
    ),
    "C1": ((BODY + "a\u0085b\n").encode(), ["text_control_character:5:2"]),
    "a direction mark": ((BODY + "é\u200e\n").encode(), ["text_control_character:5:2"]),
    "a direction override in a field": (
        f"{HEAD}title: a\u202eb\n---\n".encode(),
        ["text_control_character:4:9"],
    ),
    "an isolate": ((BODY + "\u2066\n").encode(), ["text_control_character:5:1"]),
    "an Arabic letter mark": ((BODY + "\u061c\n").encode(), ["text_control_character:5:1"]),
    "a line separator": ((BODY + "\u2028\n").encode(), ["text_control_character:5:1"]),
    "an annotation": ((BODY + "\ufff9\n").encode(), ["text_control_character:5:1"]),
    "noncharacters": (
        (BODY + "\ufdd0\U0001fffe\n").encode(),
        ["text_control_character:5:1", "text_control_character:5:2"],
    ),
    "a tag character": ((BODY + "\U000e0041\n").encode(), ["text_control_character:5:1"]),
    "two variation selectors": ((BODY + "☂\ufe0f\ufe0e\n").encode(), ["text_control_character:5:2"]),
    "a selector for ideographs after a letter": (
        (BODY + "a\U000e0100\n").encode(),
        ["text_control_character:5:2"],
    ),
    "a selector after an ideograph": ((BODY + "葛\U000e0100\n").encode(), []),
    "one variation selector": ((BODY + "☂\ufe0f\n").encode(), []),
    "joiners and letters from right to left": ((BODY + "می\u200cخواهم 👩\u200d🚀 שלום\n").encode(), []),
    "a CR without LF": ((BODY + "a\rb\n").encode(), ["text_line_ending_invalid:5:2"]),
    "CRLF, then LF": (b"---\r\nschema: note/1\n---\n", ["text_line_ending_invalid:2:15"]),
    "LF, then CRLF": (b"---\nschema: note/1\r\n---\n", ["text_line_ending_invalid:2:15"]),
    "CRLF throughout": (BODY.replace("\n", "\r\n").encode(), ["text_line_ending_crlf:1:4"]),
    "no newline at the end": ((BODY + "end").encode(), ["text_final_newline_missing:5:4"]),
    "no newline after the fence": (BODY.encode().rstrip(), ["text_final_newline_missing:4:4"]),
    "a conflict": (
        (HEAD + "<<<<<<< HEAD\ntitle: a\n=======\ntitle: b\ntitle: b\n>>>>>>> other\n---\n").encode(),
        ["conflict_markers_present:4:1"],
    ),
    "a conflict in the body beside a control character": (
        (BODY + "<<<<<<<\n\x1b\n=======\n>>>>>>>\n").encode(),
        ["conflict_markers_present:5:1"],
    ),
    "markers that are not all there": ((BODY + "=======\n<<<<<<< a\n>>>>>>> b\n").encode(), []),
    "longer rows of signs": ((BODY + "<<<<<<<<\n========\n>>>>>>>>\n").encode(), []),
}

CONTAINERS = {
    "an empty file": (b"", ["frontmatter_missing:1:1"]),
    "a blank line first": (b"\n---\na: b\n---\n", ["frontmatter_missing:1:1"]),
    "four dashes": (b"----\na: b\n----\n", ["frontmatter_missing:1:1"]),
    "a blank after the fence": (b"--- \na: b\n---\n", ["frontmatter_missing:1:1"]),
    "JSON": (b'{"a": 1}\n', ["frontmatter_missing:1:1"]),
    "TOML": (b"+++\na = 1\n+++\n", ["frontmatter_missing:1:1"]),
    "a fence that is never closed": (b"---\na: b\n", ["frontmatter_unclosed:1:1"]),
    "a fence alone": (b"---", ["text_final_newline_missing:1:4", "frontmatter_unclosed:1:1"]),
    "a list": (b"---\n- a\n---\n", ["frontmatter_not_mapping:2:1"]),
    "a scalar": (b"---\n\ntext\n---\n", ["frontmatter_not_mapping:3:1"]),
    "nothing": (b"---\n---\n", ["frontmatter_not_mapping:2:1"]),
    "a comment only": (b"---\n# a\n---\n", ["frontmatter_not_mapping:2:1"]),
    "an empty mapping": (b"---\n{}\n---\n", ["frontmatter_not_mapping:2:1"]),
    "a second fence in the body": ((BODY + "---\na: b\n---\n").encode(), []),
}

PRESCAN = {
    "100,000 brackets": ("x-a: " + "[" * 60_000 + "\n", ["depth_exceeded:2:1006"]),
    "1,000 nested lists": ("x-a:\n" + "- " * 5_000 + "a\n", ["depth_exceeded:3:1001"]),
    "a line of 1,001 blanks": (" " * 1_001 + "a: b\n", ["depth_exceeded:2:1001"]),
    "a document's end": ("a: b\n...\n", ["yaml_document_multiple:3:1"]),
    "a document with content": ("a: b\n--- c\n", ["yaml_document_multiple:3:1"]),
    "a document after a tab": ("a: b\n---\tc\n", ["yaml_document_multiple:3:1"]),
    "dots that are text": ("a: b\nx-a: ...\n", []),
    "a directive": ("%YAML 1.2\na: b\n", ["yaml_directive_refused:2:1"]),
    "a tab in the indentation": ("x-a:\n \tb: c\n", ["yaml_syntax_invalid:3:2"]),
    "a tab elsewhere": ("x-a: b\tc\n", []),
    "two of them": ("%A\na: b\n...\n", ["yaml_directive_refused:2:1", "yaml_document_multiple:4:1"]),
}

PARSE = {
    "an anchor and its alias": ("x-a: &b c\nx-d: *b\n", ["yaml_alias_refused:2:6", "yaml_alias_refused:3:6"]),
    "an unknown alias": ("x-a: *b\n", ["yaml_alias_refused:2:6"]),
    "a tag": ("x-a: !!str 1\nx-b: !c d\n", ["yaml_tag_refused:2:6", "yaml_tag_refused:3:6"]),
    "a tag without its handle": ("x-a: !b!c d\n", ["yaml_tag_refused:2:6"]),
    "a tagged mapping": ("x-a: !!map {b: c}\n", ["yaml_tag_refused:2:6"]),
    "an anchored key": ("&a x-b: c\n", ["yaml_alias_refused:2:1"]),
    "an anchor before all fields": ("&a\nx-b: c\n", ["yaml_alias_refused:2:1"]),
    "a tag before all fields": ("!!map\nx-b: c\n", ["yaml_tag_refused:2:1"]),
    "an alias as key": ("x-a: &a b\n*a : c\n", ["yaml_alias_refused:2:6", "yaml_alias_refused:3:1"]),
    "a merge key": ("<<: {a: b}\n", ["yaml_merge_refused:2:1"]),
    "a quoted merge key": ('"<<": {a: b}\n', ["yaml_merge_refused:2:1"]),
    "a merge of an alias": (
        "x-a: &a {b: c}\nx-d:\n  <<: *a\n",
        ["yaml_alias_refused:2:6", "yaml_merge_refused:4:3", "yaml_alias_refused:4:7"],
    ),
    "a list as key": ("[a]: b\n", ["yaml_key_invalid:2:1"]),
    "a mapping as key": ("{a: b}: c\n", ["yaml_key_invalid:2:1"]),
    "a null key": ("null: a\n", ["yaml_key_invalid:2:1"]),
    "no key": ("?\n: a\n", ["yaml_key_invalid:2:2"]),
    "a tilde as key": ("~: a\n", ["yaml_key_invalid:2:1"]),
    "a number as key": ("460: a\n", ["yaml_key_invalid:2:1"]),
    "a date as key": ("2026-11-20: a\n", ["yaml_key_invalid:2:1"]),
    "a key of 513 letters": (f"? {'a' * 513}\n: b\n", ["yaml_key_invalid:2:3"]),
    "a quoted number as key": ('"460": a\n', []),
    "boolean keys": (
        "on: a\nNo: b\ny: c\n",
        ["yaml_scalar_ambiguous:2:1", "yaml_scalar_ambiguous:3:1", "yaml_scalar_ambiguous:4:1"],
    ),
    "a key twice": ("title: one\ntitle: two\n", ["key_duplicate:3:1"]),
    "a key twice, once quoted": ("title: one\n'title': two\n", ["key_duplicate:3:1"]),
    "a key twice below": ("x-a:\n  - {b: c, b: d}\n", ["key_duplicate:3:12"]),
    "three at once": (
        "x-a: &b c\nx-a: !d e\n<<: f\n",
        ["yaml_alias_refused:2:6", "key_duplicate:3:1", "yaml_tag_refused:3:6", "yaml_merge_refused:4:1"],
    ),
    "a value that begins with @": ("title: @a\n", ["yaml_syntax_invalid:2:8"]),
    "a value that begins with a backtick": ("title: `a`\n", ["yaml_syntax_invalid:2:8"]),
    "a value that begins with %": ("title: %a\n", ["yaml_syntax_invalid:2:8"]),
    "a value with ': '": ("title: a: b\n", ["yaml_syntax_invalid:2:9"]),
    "a quote that is never closed": ("title: 'a\n", ["yaml_syntax_invalid:3:1"]),
    "a bracket that is never closed": ("x-a: [b\n", ["yaml_syntax_invalid:3:1"]),
    "a line that is no key": ("title: a\nb\n", ["yaml_syntax_invalid:4:1"]),
    "an escape that is none": ('title: "\\q"\n', ["yaml_syntax_invalid:2:9"]),
    "a comment glued to block text": ("title: |#a\n  b\n", ["yaml_syntax_invalid:2:9"]),
    "block text without a header of its own": ("title: |a\n  b\n", ["yaml_syntax_invalid:2:9"]),
    "a control character in escapes": ('title: "a\\e"\n', ["text_control_character:2:8"]),
    "NUL in escapes": ('x-a: "\\0"\n', ["text_control_character:2:6"]),
    "a direction override in escapes": ('x-a: ["\\u202E"]\n', ["text_control_character:2:7"]),
    "the same in a key": ('"x-\\u202E": a\n', ["text_control_character:2:1"]),
    "a surrogate in escapes": ('x-a: "\\ud800"\n', ["text_control_character:2:6"]),
    "an escape beyond Unicode": ('x-a: "\\UFFFFFFFF"\n', ["text_control_character:2:6"]),
}

AMBIGUOUS = [
    "True",
    "FALSE",
    "NULL",
    "~",
    "yes",
    "No",
    "ON",
    "off",
    "y",
    "N",
    "0123",
    "0o17",
    "0x1F",
    "0x_",
    "0b1",
    "1_000",
    "12:30:45",
    "12:30",
    "1e3",
    "1E3",
    "+1",
    ".5",
    "5.",
    ".nan",
    ".inf",
    "-.INF",
    "2026-11-20",
    "2026-11-20T10:11:30Z",
    "=",
    "0_",
    "1.5e3",
    "+.5",
    "08",
]
NUMBERS = {"0": 0, "-1": -1, "460": 460, "1.0": 1.0, "-0.5": -0.5, "1.5e+3": 1500.0, "2.0E-2": 0.02}
TEXTS = [
    "a",
    "v1.2.3",
    "1.2.3",
    "http://x/",
    "task/gh-460",
    "1e",
    "0x",
    "0b2",
    "12:99",
    "-",
    "-a",
    "---",
    "a?b",
    "nullable",
    "yess",
    "20261120t101130z-7fq2ka",
    "é",
    "1-",
    ".a",
    "+a",
    "5..",
    "..",
]
OUT_OF_RANGE = ["9007199254740992", "-9007199254740992", "1" * 41, "1.0e+400", "9007199254740993.5"]

SCALARS = (
    {
        "constants": ("x-a: true\nx-b: false\nx-c: null\n", []),
        "an empty value": ("x-a:\n", ["yaml_scalar_ambiguous:2:5"]),
        "an empty item": ("x-a:\n  -\n  - b\n", ["yaml_scalar_ambiguous:3:4"]),
        "a date where one is expected": ("at: 2026-11-20T10:11:30Z\nday: 2026-11-20\n", []),
        "a date where an instant with blanks is meant": ("at: 2026-11-20 10:11:30 +01:00\n", []),
        "a number as title": ("title: 460\n", ["yaml_scalar_ambiguous:2:8"]),
        "a version as title": ("title: 1.10\n", ["yaml_scalar_ambiguous:2:8"]),
        "null as title": ("title: null\n", ["yaml_scalar_ambiguous:2:8"]),
        "a boolean as title": ("title: true\n", ["yaml_scalar_ambiguous:2:8"]),
        "a short commit of digits": ("git: {commit: 1234567}\n", ["yaml_scalar_ambiguous:2:15"]),
        "a number as label": ("labels:\n  - 460\n", ["yaml_scalar_ambiguous:3:5"]),
        "a number where text or null may stand": ("git: {branch: 460}\n", ["yaml_scalar_ambiguous:2:15"]),
        "null where it may stand": ("git: {branch: null}\n", []),
        "a boolean where an integer is expected, which the schema says": ("count: true\n", []),
        "a fraction where an integer is expected": ("count: 1.0\n", ["field_type_wrong:2:8"]),
        "an integer where a number is expected": ("size: 1\n", []),
        "a comment that cuts a value": ("title: fix issue #460\n", ["yaml_comment_ambiguous:2:8"]),
        "a comment that cuts an item": ("labels:\n  - issue #460\n", ["yaml_comment_ambiguous:3:5"]),
        "a lone number sign": ("title: C #\n", ["yaml_comment_ambiguous:2:8"]),
        "a comment": ("title: fix # see below\n", []),
        "a comment after quotes": ("title: 'fix' #460\n", []),
        "a comment of its own": ("#460\ntitle: fix\n  #460\n", []),
        "a number sign inside a word": ("title: fix#460\n", []),
        "folded text": ("title: one\n  two\n", []),
        "three at once": (
            "title: 1\nx-a: no\ncount: 1.5\n",
            ["yaml_scalar_ambiguous:2:8", "yaml_scalar_ambiguous:3:6", "field_type_wrong:4:8"],
        ),
    }
    | {f"plain {text}": (f"x-a: {text}\n", ["yaml_scalar_ambiguous:2:6"]) for text in AMBIGUOUS}
    | {f"number {text}": (f"x-a: {text}\n", ["number_out_of_range:2:6"]) for text in OUT_OF_RANGE}
    | {f"text {text}": (f"x-a: '{text}'\nx-b: a {text}\n", []) for text in TEXTS}
)


@pytest.mark.parametrize(
    ("data", "expected"), (SIZES | BYTES | CONTAINERS).values(), ids=(SIZES | BYTES | CONTAINERS).keys()
)
def test_a_file_as_a_whole(data: bytes, expected: list[str]) -> None:
    assert sorted(_whole(data)) == sorted(expected)


@pytest.mark.parametrize(
    ("yaml", "expected"),
    [row for table in (PRESCAN, PARSE, SCALARS) for row in table.values()],
    ids=[name for table in (PRESCAN, PARSE, SCALARS) for name in table],
)
def test_front_matter(yaml: str, expected: list[str]) -> None:
    parsed = read(yaml)
    assert found(parsed) == expected
    assert (parsed.document is None) == bool(expected)
    assert all(problem.fix and problem.message for problem in parsed.problems)


@pytest.mark.parametrize("text", [text for text in TEXTS if text not in ("-", "---")])
def test_all_else_is_text(text: str) -> None:
    parsed = read(f"x-a: {text}\n")
    assert parsed.document is not None
    assert parsed.document.meta == {"x-a": text}


@pytest.mark.parametrize(("text", "value"), NUMBERS.items())
def test_json_numbers_are_numbers(text: str, value: float) -> None:
    parsed = read(f"x-a: {text}\n")
    assert parsed.document is not None
    assert (parsed.document.meta["x-a"], type(parsed.document.meta["x-a"])) == (value, type(value))


@pytest.mark.parametrize(
    ("yaml", "fix"),
    [
        ("title: 460\n", 'write "460"'),
        ("title: null\n", 'write "null", or remove the key'),
        ("x-a:\n", "write null, or remove the key"),
        ("x-a: ~\n", "write null, or remove the key"),
        ("x-a: yes\n", 'write "yes"'),
        ("open: yes\n", "write true"),
        ("open: Off\n", "write false"),
        ("x-a: 0123\n", 'write "0123"'),
        ("title: @a\n", 'quote the value: key: "text"'),
        ("title: a: b\n", 'quote the value: key: "text"'),
        ("count: 1.0\n", "write a whole number without a fraction"),
    ],
)
def test_the_fix_says_what_to_write(yaml: str, fix: str) -> None:
    assert read(yaml).problems[0].fix == fix


def test_a_duplicate_names_the_line_of_the_first() -> None:
    assert "first on line 2" in read("title: one\nx-a: b\ntitle: two\n").problems[0].message


def test_a_conflict_names_both_sides() -> None:
    data = (HEAD + "<<<<<<< HEAD\n=======\n>>>>>>> other\n---\n").encode()
    message = parse_as(data, PATH, NOTE).problems[0].message
    assert "HEAD" in message
    assert "other" in message


def test_a_long_or_hostile_value_is_cut_and_made_safe_in_the_message() -> None:
    problem = read(f"title: {'9' * 100}\n").problems[0]
    assert "9" * 40 + "…" in problem.message
    assert "9" * 41 not in problem.message


def test_a_bad_byte_is_named_with_its_offset() -> None:
    assert "byte 4 (0xff)" in parse_as(b"---\n\xff", PATH, NOTE).problems[0].message


def test_a_hidden_character_is_named() -> None:
    assert "U+202E" in read('x-a: "\\u202e"\n').problems[0].message


def test_findings_of_scalars_point_into_the_record() -> None:
    parsed = read("x-a/b:\n  - {c~d: no}\n")
    assert [problem.pointer for problem in parsed.problems] == ["/x-a~1b/0/c~0d"]


def test_crlf_is_read_as_lf_and_kept_in_the_source() -> None:
    parsed = parse_as(b"---\r\nid: n1\r\n---\r\na\r\n", PATH, NOTE)
    assert parsed.document is not None
    assert (parsed.document.body, parsed.document.source) == ("a\n", "---\r\nid: n1\r\n---\r\na\r\n")
    assert parsed.problems[0].severity == "warning"


def test_the_body_is_kept_byte_for_byte() -> None:
    parsed = read("id: n1\n", "\n\n  a \n---\nb: c\n\n")
    assert parsed.document is not None
    assert parsed.document.body == "\n\n  a \n---\nb: c\n\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("schema: note/1\n", []),
        ("---\nschema: note/1\n", ["yaml_document_multiple:1:1"]),
        ("- a\n", ["frontmatter_not_mapping:1:1"]),
        ("a: b\na: c\n", ["key_duplicate:2:1"]),
        ("title: 460", ["text_final_newline_missing:1:11", "yaml_scalar_ambiguous:1:8"]),
    ],
)
def test_a_yaml_file_has_no_fences(text: str, expected: list[str]) -> None:
    assert sorted(found(parse_as(text.encode(), PATH, YAML_NOTE))) == sorted(expected)


def test_at_most_100_findings_are_told() -> None:
    assert len(read("".join(f"x-{n}: &a b\n" for n in range(200))).problems) == limits.MAX_PROBLEMS
    assert len(read("".join(f"x-{n}: no\n" for n in range(200))).problems) == limits.MAX_PROBLEMS
    assert len(read("id: n1\n", "\x1b" * 200).problems) == limits.MAX_PROBLEMS
    assert len(read("%a\n" * 200).problems) == limits.MAX_PROBLEMS


def test_a_list_of_10_001_items_in_a_yaml_file_is_too_large() -> None:
    data = ("x-a: [" + ",".join(["a"] * 10_001) + "]\n").encode()
    assert found(parse_as(data, PATH, YAML_NOTE)) == ["text_too_large:1:20007"]
