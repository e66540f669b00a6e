import pytest

from platformstate.validation.formats import is_glob, is_instant, is_repository_path


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20T10:11:30Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "2024-02-29T10:11:30Z",
        "2026-11-20T10:11:30.123456Z",
        "2026-11-20T10:11:30+05:45",
        "2026-11-20T10:11:30-00:00",
    ],
)
def test_an_instant(text: str) -> None:
    assert is_instant(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-11-20",
        "2026-11-20T10:11:30",
        "2026-11-20T10:11Z",
        "2026-11-20 10:11:30Z",
        "2026-11-20t10:11:30z",
        "2026-02-29T10:11:30Z",
        "2026-13-01T10:11:30Z",
        "2026-11-20T24:00:00Z",
        "2026-11-20T10:60:00Z",
        "2026-11-20T10:11:60Z",
        "0000-01-01T00:00:00Z",
        "2026-11-20T10:11:30.Z",
        "2026-11-20T10:11:30.1234567Z",
        "2026-11-20T10:11:30+24:00",
        "2026-11-20T10:11:30+05:60",
        "2026-11-20T10:11:30+0545",
        "2026-11-20T10:11:30Z\n",
        " 2026-11-20T10:11:30Z",
        "２026-11-20T10:11:30Z",
        "+2026-11-20T10:11:30Z",
    ],
)
def test_no_instant(text: str) -> None:
    assert not is_instant(text)


@pytest.mark.parametrize(
    "text", ["a", "docs/a.md", "docs/ünïcode.md", ".gitignore", "a/.b/c", "a b/c", "a..b", "-a"[1:] + "x-"]
)
def test_a_path_inside_the_repository(text: str) -> None:
    assert is_repository_path(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/a",
        "-a",
        "..",
        "../a",
        "a/../b",
        "a/..",
        ".",
        "./a",
        "a/./b",
        "a//b",
        "a/",
        "a\\b",
        "a\nb",
        "a\0b",
        "u\u0308.md",
    ],
)
def test_no_path_inside_the_repository(text: str) -> None:
    assert not is_repository_path(text)


@pytest.mark.parametrize("text", ["docs/**", "*.py", "a", "src/[ab]/?.c", "docs/"])
def test_a_pathspec(text: str) -> None:
    assert is_glob(text)


@pytest.mark.parametrize("text", ["", "/docs", ":(top)docs", ":!docs", "..", "../docs", "a/../b", "a\nb"])
def test_no_pathspec(text: str) -> None:
    assert not is_glob(text)


@pytest.mark.parametrize("holds", [is_glob, is_instant, is_repository_path])
def test_a_format_speaks_of_text_only(holds: object) -> None:
    assert callable(holds)
    assert holds(None)
    assert holds(7)
