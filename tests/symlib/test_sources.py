"""Hashes of code: what changes them, and which modules they follow."""

import pytest

from symlib import sources


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A symlib of two modules, the first of which imports the second inside a function."""
    (tmp_path / "symlib").mkdir()
    monkeypatch.setattr(sources, "_ROOT", tmp_path)
    write(tmp_path, "a", '"""One."""\n\ndef f():\n    from symlib import b\n    return b.x\n')
    write(tmp_path, "b", "x = 1\n")
    return tmp_path


def write(root, name, text):
    (root / "symlib" / f"{name}.py").write_text(text)


def test_imports_are_followed(package):
    assert sources.closure(["symlib.a"]) == ["symlib.a", "symlib.b"]
    assert sources.closure(["symlib.b"]) == ["symlib.b"]
    assert sources.imported(
        "import symlib.b, os\nfrom symlib.a import f\nfrom symlib import no"
    ) == {
        "symlib.a",
        "symlib.b",
    }


def test_packages_count_where_they_are_named(package):
    (package / "symlib" / "inner").mkdir()
    write(package, "inner/__init__", "from symlib import b\n")
    write(package, "inner/c", "")
    found = sources.imported("from symlib.inner import c")
    assert found == {"symlib.inner", "symlib.inner.c"}
    assert sources.closure(found) == ["symlib.b", "symlib.inner", "symlib.inner.c"]


def test_docstrings_comments_and_layout_are_no_change(package):
    before = sources.code_hash(["symlib.a"])
    write(
        package, "a", '"""Two."""\ndef f():  # why\n    from symlib import b\n\n    return (b.x)\n'
    )
    assert sources.code_hash(["symlib.a"]) == before


@pytest.mark.parametrize(("name", "text"), [("b", "x = 2\n"), ("a", "def f():\n    return 1\n")])
def test_code_of_any_module_is_a_change(package, name, text):
    before = sources.code_hash(["symlib.a"])
    write(package, name, text)
    assert sources.code_hash(["symlib.a"]) != before


def test_the_package_follows_its_own_imports():
    assert {"symlib.solving", "symlib.invariant"} <= set(
        sources.closure(["symlib.experiments.exemplars"])
    )
    assert "symlib.training" not in sources.closure(["symlib.spectral"])
