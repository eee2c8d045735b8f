"""One place knows where the book is published, and a malformed environment is refused."""

import pytest

import symlib
from tools import address, build

TAG = f"v{symlib.__version__}"
FORK = {
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "someone/our-course",
    "BOOK_TAG": TAG,
    "BOOK_ONLINE": "https://someone.github.io/our-course/",
}


def test_by_itself_a_build_takes_the_settings():
    default = address.read({})
    assert default.pages == default.online == "https://symlib.github.io/symlib-book"
    assert default.notebooks == "main/book"
    assert default.requirement == "symlib-book @ git+https://github.com/symlib/symlib-book"
    running_somewhere = {name: value for name, value in FORK.items() if name != "BOOK_TAG"}
    assert address.read(running_somewhere) == default


def test_a_fork_is_pinned_to_its_own_tag():
    fork = address.read(FORK)
    assert fork.online == "https://someone.github.io/our-course"
    assert fork.pages == f"https://someone.github.io/our-course/{TAG}"
    assert fork.notebooks == f"notebooks/{TAG}"
    assert fork.requirement == f"symlib-book @ git+https://github.com/someone/our-course@{TAG}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"BOOK_TAG": "main"}, f"BOOK_TAG must be '{TAG}', the version in .*, got 'main'; publish"),
        ({"GITHUB_REPOSITORY": ""}, "GITHUB_REPOSITORY must be like 'owner/name' .*, got ''; set"),
        ({"GITHUB_REPOSITORY": "a/b/c"}, "GITHUB_REPOSITORY must be like"),
        ({"GITHUB_REPOSITORY": 'a/b"\n!x'}, "GITHUB_REPOSITORY must be like"),
        (
            {"GITHUB_SERVER_URL": "github.com"},
            "GITHUB_SERVER_URL must be like 'https://github.com'",
        ),
        ({"BOOK_ONLINE": "someone.github.io"}, "BOOK_ONLINE must be like 'https://owner"),
    ],
)
def test_malformed_environments_are_refused(change, message, monkeypatch, capsys):
    environment = FORK | change
    with pytest.raises(ValueError, match=message):
        address.read(environment)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert build.main([]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith(f"{next(iter(change))} must be")
    assert "Traceback" not in printed
