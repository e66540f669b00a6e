"""Files that someone could put into a pull request to crash, stall, fool or escape the program.

Each has a reason and every code that it has to get. Adding a row adds a test.
"""

from __future__ import annotations

from tests.security.making import evidence, journal, raw, task, yaml_of

KIB = 1024
MIB = 1024 * KIB

BOMBS = [
    yaml_of("y-brackets", "100,000 open brackets kill libyaml's loader", "a: " + "[" * 60_000, "depth_exceeded"),
    yaml_of("y-braces", "the same with mappings", "a: " + "{a: " * 15_000, "depth_exceeded"),
    yaml_of("y-dashes", "nested lists on one line", "a:\n" + "- " * 30_000, "depth_exceeded"),
    yaml_of("y-question", "nested complex keys", "? " * 30_000, "depth_exceeded"),
    yaml_of(
        "y-indent",
        "a mapping nested by indentation",
        "".join(" " * depth + f"k{depth}:\n" for depth in range(340)),
        "depth_exceeded",
    ),
    yaml_of("y-depth-33", "one level more than is read", "x-a: " + "[" * 32 + "]" * 32, "depth_exceeded"),
    yaml_of(
        "y-laughs",
        "a billion laughs: nested aliases",
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]",
        "yaml_alias_refused",
    ),
    yaml_of("y-anchor", "an anchor without an alias is half of an attack", "title: &t x", "yaml_alias_refused"),
    yaml_of("y-self", "a list that holds itself", "a: &a [*a]", "yaml_alias_refused"),
    yaml_of(
        "y-keys",
        "more keys than any record has",
        "".join(f"x-k{n}: 1\n" for n in range(1_100)),
        "text_too_large",
    ),
    yaml_of("y-items", "a list of 20,000 items", "x-a: [" + "1," * 20_000 + "1]", "text_too_large"),
    yaml_of("y-blanks", "60,000 blanks before a value", "a:" + " " * 60_000 + "[", "yaml_syntax_invalid"),
    yaml_of("y-quote", "a quote that never ends", 'a: "' + "x" * 60_000, "yaml_syntax_invalid"),
    yaml_of("y-hashes", "60,000 beginnings of comments", "title: a" + " #b" * 20_000, "yaml_comment_ambiguous"),
    yaml_of("y-colons", "30,000 keys without a value on one line", "a: " + ": " * 30_000, "yaml_syntax_invalid"),
    raw("size-record", "a record over 256 KiB", b"---\n" + b"x" * 300 * KIB + b"\n---\n", "text_too_large"),
    raw("size-front", "front matter over 64 KiB", b"---\nx-a: " + b"x" * 70 * KIB + b"\n---\n", "text_too_large"),
    raw("size-nuls", "200 KiB of NUL", b"\0" * 200 * KIB, "text_encoding_invalid"),
    evidence("jbrackt", "1,000,000 open brackets in JSON", "[" * 1_000_000 + "\n", "depth_exceeded"),
    evidence("jbraces", "the same with objects", '{"a":' * 150_000 + "\n", "depth_exceeded"),
    evidence("jdepth3", "33 levels", '{"a":' * 33 + "1" + "}" * 33 + "\n", "depth_exceeded"),
    evidence("jbigsiz", "a JSON document over 1 MiB", '"' + "x" * MIB + '"\n', "text_too_large"),
    evidence("jdigits", "an integer of 100,000 digits takes quadratic time to read", '{"a":' + "9" * 100_000 + "}\n", "number_out_of_range"),
    evidence("jexpone", "a number beyond any double", '{"a":1e999}\n', "number_out_of_range"),
    evidence("jnumber", "an integer that JavaScript would round", '{"a":9007199254740993}\n', "number_out_of_range"),
    evidence("jnanval", "NaN is no JSON", '{"a":NaN}\n', "json_syntax_invalid"),
    evidence("jinfval", "Infinity is no JSON", '{"a":-Infinity}\n', "json_syntax_invalid"),
    evidence("jkeys00", "more keys than any object has", "{" + ",".join(f'"{n}":1' for n in range(1_100)) + "}\n", "text_too_large"),
    evidence("jitems0", "a list of 20,000 items", '{"a":[' + "1," * 20_000 + "1]}\n", "text_too_large"),
]  # fmt: skip

TWO_READINGS = [
    task("dup-key", "the same key twice: readers take the first or the last", "key_duplicate", swap=("title: Hostile", "title: Hostile\ntitle: Harmless")),
    task("dup-quoted", "the same key twice, once in quotes", "key_duplicate", swap=("title: Hostile", 'title: Hostile\n"title": Harmless')),
    task("dup-escaped", "the same key twice, once escaped", "key_duplicate", swap=("title: Hostile", 'title: Hostile\n"\\x74itle": Harmless')),
    task("dup-nested", "a key twice in a nested mapping", "key_duplicate", more="\nx-a: {b: 1, b: 2}\n"),
    evidence("jdupkey", "a JSON key twice", '{"a":1,"a":2}\n', "key_duplicate"),
    evidence("jdupesc", "a JSON key twice, once escaped", '{"a":1,"\\u0061":2}\n', "key_duplicate"),
    task("yaml-norway", "a country that is false in YAML 1.1", "yaml_scalar_ambiguous", title="no"),
    task("yaml-octal", "0123 is 83 or 123", "yaml_scalar_ambiguous", more="\nx-mode: 0123\n"),
    task("yaml-hex", "0x1F is 31 or text", "yaml_scalar_ambiguous", more="\nx-mode: 0x1F\n"),
    task("yaml-sexagesimal", "12:30:45 is 45045 in YAML 1.1", "yaml_scalar_ambiguous", more="\nx-at: 12:30:45\n"),
    task("yaml-tilde", "a tilde is null to some", "yaml_scalar_ambiguous", more="\nx-a: ~\n"),
    task("yaml-empty", "a key without a value is null to some", "yaml_scalar_ambiguous", more="\nx-a:\n"),
    task("yaml-merge", "a merge key brings in what is not written", "yaml_merge_refused", more="\nx-a: {<<: {b: 1}}\n"),
    task("yaml-tag", "a tag that names a Python object", "yaml_tag_refused", title="!!python/object/apply:os.system [id]"),
    task("yaml-tag-name", "a tag that imports a module", "yaml_tag_refused", more="\nx-a: !!python/name:os.system x\n"),
    task("yaml-tag-local", "a tag of an application's own", "yaml_tag_refused", more="\nx-a: !Ref x\n"),
    task("yaml-tag-binary", "bytes in disguise", "yaml_tag_refused", more="\nx-a: !!binary aGk=\n"),
    task("yaml-directive", "a directive changes how the rest is read", "yaml_directive_refused", swap=("schema: task/1", "%TAG ! tag:x,2000:\nschema: task/1")),
    task("yaml-documents", "a second document hides behind the first", "yaml_document_multiple", swap=("title: Hostile", "title: Hostile\n...\ntitle: Harmless")),
    task("yaml-key-list", "a key that is a list", "yaml_key_invalid", more="\n? [a]\n: b\n"),
    task("yaml-key-null", "a key that is null", "yaml_key_invalid", more="\nx-a: {null: b}\n"),
    task("yaml-key-number", "a key that is a number", "yaml_key_invalid", more="\nx-a: {1: b}\n"),
    task("yaml-key-bool", "a key that is true in YAML 1.1", "yaml_scalar_ambiguous", more="\nx-a: {on: b}\n"),
    task("yaml-comment", "a title cut short by its issue number", "yaml_comment_ambiguous", title="fix issue #460"),
    task("yaml-tab", "a tab in indentation", "yaml_syntax_invalid", more="\nx-a:\n\tb: 1\n"),
    raw("front-late", "a heading before the front matter: some readers skip it", b"\n---\nschema: task/1\n---\n", "frontmatter_missing"),
    raw("front-four", "four dashes are no fence", b"----\nschema: task/1\n----\n", "frontmatter_missing"),
    raw("front-toml", "another language in another fence", b"+++\nschema = 'task/1'\n+++\n", "frontmatter_missing"),
    raw("front-open", "a fence that never closes", b"---\nschema: task/1\n", "frontmatter_unclosed"),
    raw("front-list", "a list in place of fields", b"---\n- a\n---\n", "frontmatter_not_mapping"),
    raw("front-empty", "an empty file", b"", "frontmatter_missing"),
    raw("conflict", "a merge that nobody settled", b"---\n<<<<<<< ours\ntitle: a\n=======\ntitle: b\n>>>>>>> theirs\n---\n", "conflict_markers_present"),
    raw("conflict-sides", "conflict markers whose names forge a terminal", b"---\n<<<<<<< \x1b]0;x\x07\na: 1\n=======\na: 2\n>>>>>>> \x1b[2J\n---\n", "conflict_markers_present"),
]  # fmt: skip

CHARACTERS = [
    ("esc", "clears the screen of whoever lists it", "\x1b[2J"),
    ("osc", "sets the title of the terminal", "\x1b]0;x\x07"),
    ("osc-eight", "a link that shows another address", "\x1b]8;;http://evil/\x1b\\"),
    ("c1-csi", "a control sequence in one character", "\x9b2J"),
    ("nul", "a NUL ends the text for a C program", "\x00"),
    ("del", "DEL is no letter", "\x7f"),
    ("backspace", "hides the letters before it", "\x08"),
    ("rlo", "shows the text from right to left", "\u202e"),
    ("lri", "isolates a run of text", "\u2066"),
    ("alm", "an Arabic letter mark reorders", "\u061c"),
    ("lrm", "a direction mark nobody sees", "\u200e"),
    ("line-separator", "splits one line into two for some readers", "\u2028"),
    ("paragraph", "the same for paragraphs", "\u2029"),
    ("zwnbsp", "a byte order mark inside", "\ufeff"),
    ("tag", "invisible letters that a language model reads", "\U000e0041\U000e0042"),
    ("variation", "data hidden in variation selectors", "a\ufe00\ufe01\ufe02"),
    ("supplement", "data hidden in supplementary selectors", "a\U000e0101"),
    ("interlinear", "an annotation that is not shown", "\ufff9"),
    ("noncharacter", "a code point that is none", "\ufffe"),
    ("surrogate", "half a character", "\ud800"),
]
MARKS = [
    *(
        task(f"raw-{name}", reason, "text_control_character" if name != "surrogate" else "text_encoding_invalid", body=f"## Goal\nx{text}y\n")
        for name, reason, text in CHARACTERS
    ),
    task("escaped-esc", "the same after escapes are decoded", "text_control_character", title='"\\e[2J"'),
    task("escaped-nul", "a NUL by its escape", "text_control_character", title='"a\\0b"'),
    task("escaped-rlo", "a direction mark by its escape", "text_control_character", title='"a\\u202Eb"'),
    task("escaped-newline", "a title that forges a second line", "field_value_invalid", title='"a\\nb"'),
    evidence("jesc000", "a control character by its JSON escape", '{"a":"\\u001b[2J"}\n', "text_control_character"),
    evidence("jlonesu", "half a surrogate pair", '{"a":"\\ud800"}\n', "text_control_character"),
    evidence("jbidi00", "a direction mark by its JSON escape", '{"a":"\\u202e"}\n', "text_control_character"),
    raw("latin-one", "bytes of another encoding", b"---\ntitle: caf\xe9\n---\n", "text_encoding_invalid"),
    raw("utf-sixteen", "another encoding throughout", "---\ntitle: a\n---\n".encode("utf-16"), "text_encoding_invalid"),
    raw("overlong", "a slash in two bytes", b"---\ntitle: a\xc0\xafb\n---\n", "text_encoding_invalid"),
    raw("bom", "a mark that shifts the first line", b"\xef\xbb\xbf---\nschema: task/1\n---\n", "text_bom_present"),
    raw("cr-alone", "a line that overwrites itself", b"---\ntitle: a\rb\n---\n", "text_line_ending_invalid"),
    raw("cr-mixed", "two kinds of line ends", b"---\r\ntitle: a\n---\r\n", "text_line_ending_invalid"),
]  # fmt: skip

SCHEMAS = [
    task("schema-future", "a version that this program does not know", "schema_version_unknown", swap=("task/1", "task/999")),
    task("schema-path", "a schema named by a path", "schema_version_unknown", swap=("task/1", "../../etc/passwd")),
    task("schema-url", "a schema named by an address", "schema_version_unknown", swap=("task/1", '"http://evil/task.json"')),
    task("schema-kind", "another kind than the place holds", "field_value_invalid", swap=("task/1", "run/1")),
    task("field-ref", "a reference in the data is data", "field_unknown", more='\n"$ref": "file:///etc/passwd"\n'),
    task("field-schema", "a schema in the data is data", "field_unknown", more='\n"$schema": "http://evil/"\n'),
    task("field-proto", "a key that poisons JavaScript objects", "field_unknown", more="\n__proto__: {a: 1}\n"),
    task("field-class", "a key that names a Python attribute", "field_unknown", more="\n__class__: x\n"),
    task("field-bool", "true where text is wanted", "yaml_scalar_ambiguous", title="true"),
    task("id-traversal", "an id that leaves the store", "field_value_invalid", swap=("id: id-traversal", "id: ../../../etc/passwd")),
    task("id-other", "an id of another folder", "path_mismatch", swap=("id: id-other", "id: gh-460")),
    task("ref-dangling", "a task that is not there", "reference_dangling", swap=("depends_on: []", "depends_on: [no-such-task]")),
    task("ref-self", "a task that waits for itself", "reference_self", swap=("depends_on: []", "depends_on: [ref-self]")),
    task("scope-up", "a scope that leaves the repository", "path_outside_repository", swap=("acceptance: []", 'scope:\n  allow:\n    - "../**"\n\nacceptance: []')),
    task("scope-magic", "a pathspec with magic in front", "field_value_invalid", swap=("acceptance: []", 'scope:\n  allow:\n    - ":(top)x"\n\nacceptance: []')),
    task("scope-stars", "a glob that takes exponential time in a naive matcher", swap=("acceptance: []", "scope:\n  allow:\n    - " + '"' + "a*" * 120 + 'b"' + "\n\nacceptance: []")),
    task("base-option", "an option where a commit is wanted", "field_value_invalid", swap=("acceptance: []", "base_commit: --upload-pack=touch\n\nacceptance: []")),
    task("branch-option", "an option where a branch is wanted", "field_value_invalid", swap=("acceptance: []", "branch: --output=x\n\nacceptance: []")),
    task("created-far", "a year that overflows", "field_value_invalid", swap=('"2026-11-20T10:11:30Z"', '"99999-11-20T10:11:30Z"')),
    task("created-february", "a day that is none", "field_value_invalid", swap=("2026-11-20", "2026-02-30")),
    raw("fork-ref", "a schema copy that reads a file", b'{"$ref": "file:///etc/passwd"}\n', "schema_forked", path="state/schemas/task.schema.json"),
    raw("fork-net", "a schema copy that reaches out", b'{"allOf": [{"$ref": "http://127.0.0.1:9/x"}]}\n', "schema_forked", path="state/schemas/run.schema.json"),
    raw("fork-loop", "a schema copy that refers to itself", b'{"$ref": "#"}\n', "schema_forked", path="state/schemas/store.schema.json"),
    raw("fork-pattern", "a pattern that backtracks without end", b'{"pattern": "^(a+)+$"}\n', "schema_forked", path="state/schemas/event.schema.json"),
    raw("fork-open", "a schema copy that lets everything pass", b"{}\n", "schema_forked", path="state/schemas/evidence.schema.json"),
    raw("template-tag", "a template is read by the same rules", b"---\ntitle: !!python/object:os.system x\n---\n", "yaml_tag_refused", path="state/templates/EVIL.md"),
]  # fmt: skip

JOURNALS = [
    journal("torn00", "a last line without its end", b'{"seq":0', "json_tail_torn"),
    journal("blank0", "a blank line", b"{}\n\n{}\n", "json_line_blank"),
    journal("array0", "a line that is no object", b"[1]\n", "json_not_object"),
    journal("twoobj", "two objects on a line", b"{}{}\n", "json_syntax_invalid"),
    journal("longln", "a line over 64 KiB", b'{"a":"' + b"x" * 70 * KIB + b'"}\n', "text_line_too_long"),
    journal("deepln", "a line nested 40 deep", b'{"a":' * 40 + b"1" + b"}" * 40 + b"\n", "depth_exceeded"),
    journal("dupkey", "a key twice in a line", b'{"a":1,"a":2}\n', "key_duplicate"),
    journal("crlf00", "CRLF in a journal", b"{}\r\n{}\n", "text_line_ending_invalid"),
    journal("confli", "a merge that nobody settled", b"<<<<<<< a\n{}\n=======\n{}\n>>>>>>> b\n", "conflict_markers_present"),
    journal("lsep00", "a line separator is no line end: one bad line, not two", '{"a":"\u2028"}\n'.encode(), "run_journal_corrupt"),
    journal("nul000", "a NUL in a line", b'{"a":"\0"}\n', "text_control_character"),
    journal("forged", "a chain that does not hold", b'{"schema":"event/1","seq":0,"prev":"x"}\n', "run_journal_corrupt"),
]  # fmt: skip

SECRETS = [
    ("aws", "AKIA" + "ABCDEFGHIJKLMNOP"),
    ("github", "ghp_" + "a1B2c3D4e5F6" * 3),
    ("github-pat", "github_pat_" + "a1B2c3D4e5F6_" * 2),
    ("gitlab", "glpat-" + "a1B2c3D4e5F6g7H8i9J0"),
    ("openai", "sk-proj-" + "a1B2c3D4e5F6g7H8i9J0"),
    ("anthropic", "sk-ant-api03-" + "a1B2c3D4e5F6g7H8i9J0"),
    ("slack", "xoxb-" + "123456789012-abcdef"),
    ("google", "AIza" + "a1B2c3D4e5" * 3 + "a1B2c"),
    ("stripe", "sk_live_" + "a1B2c3D4e5F6" * 2),
    ("npm", "npm_" + "a1B2c3D4e5F6" * 3),
    ("pypi", "pypi-AgEI" + "a1B2c3D4e5" * 5),
    ("huggingface", "hf_" + "abCdeFghIj" * 3 + "abCd"),
    ("telegram", "123456789:AA" + "a1B2c3D4e5F" * 3),
    ("pem", "-----BEGIN RSA PRIVATE " + "KEY-----"),
    ("jwt", "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0" + ".abcdefghijklmnop"),
    ("url", "postgres://app:" + "s3cr3tpassw0rd" + "@db.example.org/app"),
    ("assigned", "api_key = " + "q8Zr5Tt1Lw9Xc3Vb7Nm2"),
]
KEPT_SECRETS = [
    task(
        f"secret-{name}",
        f"a fake secret of the family {name}",
        "secret_found",
        body=f"## Goal\nuse {value} here\n",
    )
    for name, value in SECRETS
]

NAMES = [
    ("state/tasks/con/task.md", "a device's name on Windows", "path_name_invalid"),
    ("state/tasks/gh-900/-rf", "a name that reads as an option", "path_name_invalid"),
    ("state/tasks/gh-900/index.lock", "a name that git takes for its lock", "path_name_invalid"),
    ("state/tasks/gh-900/a b", "a blank in a name splits words", "path_name_invalid"),
    ("state/tasks/gh-900/x\ny", "a line end in a name forges a line", "path_name_invalid"),
    ("state/tasks/gh-900/x\x1b[2Jy", "an escape in a name clears a terminal", "path_name_invalid"),
    ("state/tasks/gh-900/\u202egpj.md", "a name that shows another ending", "path_name_invalid"),
    ("state/tasks/gh-900/.gitattributes", "attributes below state/", "path_name_invalid"),
    ("state/tasks/gh-900/.gitignore", "rules that hide records", "path_name_invalid"),
    ("state/tasks/gh-900/.gitmodules", "a submodule's list", "path_name_invalid"),
    ("state/tasks/gh-900/notes.md", "a file outside the layout", "path_unexpected"),
    ("state/tasks/gh-460/TASK.md", "one name where case does not count", "path_unexpected"),
    ("state/tasks/Gh-901/task.md", "an id in capitals", "id_invalid"),
    ("state/mine/HEAD", "an embedded bare repository", "path_name_invalid"),
    ("state/mine/config", "its config, which names programs", "path_name_invalid"),
    ("state/mine/objects/x", "its objects", "path_name_invalid"),
    ("state/mine/refs/x", "its refs", "path_name_invalid"),
    ("state/mine/x ", "a name that ends with a blank", "path_name_invalid"),
    ("state/mine/:x", "a name that reads as pathspec magic", "path_name_invalid"),
    ("state/mine/e\u0301", "a name in two Unicode forms", "path_name_invalid"),
]
PATHS = [
    raw(f"name-{number}", reason, b"x\n", *codes, path=path)
    for number, (path, reason, *codes) in enumerate(NAMES)
]

CORPUS = [*BOMBS, *TWO_READINGS, *MARKS, *SCHEMAS, *JOURNALS, *KEPT_SECRETS, *PATHS]
