"""Chapters run once, outside the repository, and again only when what they depend on changed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

from symlib import sources
from tools import execute, lower, outputs

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))

PAGE = """---
kernelspec:
  display_name: Python 3
  name: python3
---

# {name}

Prose.

```{{code-cell}} python3
{code}
```
"""


def write(folder, name, code):
    (folder / "book" / f"{name}.md").write_text(PAGE.format(name=name, code=code))


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A book of three chapters, and a symlib of two modules that one of them imports."""
    for name in ("book/results", "symlib"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "_config.yml").write_text((ROOT / "_config.yml").read_text())
    listed = "chapters: [{file: book/table}, {file: book/module}]"
    (tmp_path / "_toc.yml").write_text(f"format: jb-book\nroot: book/plain\n{listed}\n")
    write(tmp_path, "plain", "6 * 7")
    write(tmp_path, "table", "from symlib import results\n\nresults.stored('one')")
    write(tmp_path, "module", "from symlib import above")
    (tmp_path / "symlib" / "above.py").write_text("from symlib import below\n")
    (tmp_path / "symlib" / "below.py").write_text('"""Says."""\n\nx = 1\n')
    (tmp_path / "symlib" / "results.py").write_text("")
    for name in ("one", "other"):
        (tmp_path / "book" / "results" / f"{name}.csv").write_text("# {}\na,b\n1,2\n")
    monkeypatch.setattr(sources, "_ROOT", tmp_path)
    return tmp_path


@pytest.fixture
def refresh(book, monkeypatch):
    """Executes what must run again, but for the kernels, and returns the names."""
    ran = []

    def run(notebooks, done, **_):
        for name in notebooks:
            ran.append(name)
            done(execute.Outcome(name, 1.0, ""))

    def names():
        ran.clear()
        assert outputs.refresh(book) == []
        return set(ran)

    monkeypatch.setattr(execute, "execute", run)
    monkeypatch.setattr(outputs, "install", lambda site: None)
    return names


EVERY = {"plain", "table", "module"}


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("path", "old", "new", "again"),
    [
        ("book/plain.md", "Prose.", "Other prose, {measured}`plain.x`.", set()),
        ("book/plain.md", "6 * 7", "6 * 9", {"plain"}),
        ("symlib/below.py", "Says.", "Says more.", set()),
        ("symlib/below.py", "x = 1", "x = 1  # why", set()),
        ("symlib/below.py", "x = 1", "x = 2", {"module"}),
        ("book/results/one.csv", "1,2", "1,3", {"table"}),
        ("book/results/other.csv", "1,2", "1,3", set()),
    ],
)
def test_only_what_changed_runs_again(book, refresh, path, old, new, again):
    assert refresh() == EVERY
    assert refresh() == set()
    edit(book / path, old, new)
    assert refresh() == again
    assert refresh() == set()


def test_scale_lock_and_python_are_changes(book, refresh, monkeypatch):
    assert refresh() == EVERY
    for name, value in (("SYMLIB_SCALE", "paper"), ("SYMLIB_SCALE", "quick")):
        monkeypatch.setenv(name, value)
        assert refresh() == EVERY
    monkeypatch.setattr(outputs.platform, "python_version", lambda: "3.99.0")
    assert refresh() == EVERY
    (book / "requirements.txt").write_text("numpy==3.0\n")
    monkeypatch.setattr(outputs, "ROOT", book)
    assert refresh() == EVERY


def test_all_tables_count_where_a_name_is_computed():
    every = {"one", "other"}
    assert outputs.stored_tables("stored('one'), restore('other')", every) == {"one"}
    assert outputs.stored_tables("results.stored(f'{name}')", every) == every
    assert outputs.stored_tables("results.stored(experiment='one')", every) == every
    assert outputs.stored_tables("stored = 1", every) == set()


def test_a_chapter_that_failed_runs_again(book, refresh, monkeypatch):
    whole = execute.execute

    def fail(notebooks, done, **_):
        for name in notebooks:
            done(execute.Outcome(name, 1.0, "cell 2: it broke" if name == "table" else ""))

    monkeypatch.setattr(execute, "execute", fail)
    assert [outcome.problem for outcome in outputs.refresh(book)] == ["cell 2: it broke"]
    monkeypatch.setattr(execute, "execute", whole)
    assert refresh() == {"table"}


def test_an_interrupted_build_resumes(book, refresh, monkeypatch):
    whole = execute.execute

    def interrupted(notebooks, done, **_):
        done(execute.Outcome("plain", 1.0, ""))
        raise KeyboardInterrupt

    monkeypatch.setattr(execute, "execute", interrupted)
    with pytest.raises(KeyboardInterrupt):
        outputs.refresh(book)
    monkeypatch.setattr(execute, "execute", whole)
    assert refresh() == {"table", "module"}


def test_longest_chapters_start_first(book):
    assert outputs.longest_first(["b", "a"], book) == ["b", "a"]
    rows = "notebook,device,seconds\na,a CPU,5\nb,a CPU,7\nb,a GPU,1\n"
    (book / "book" / "timing.csv").write_text(rows)
    assert outputs.longest_first(["a", "b", "new"], book) == ["new", "b", "a"]


def test_memory_bounds_how_many_run_at_a_time(monkeypatch):
    monkeypatch.setattr(outputs.os, "cpu_count", lambda: 8)
    for gibibytes, expected in ((1, 1), (7, 2), (100, 8)):
        memory = type("Memory", (), {"available": gibibytes * 2**30})
        monkeypatch.setattr(outputs.psutil, "virtual_memory", lambda memory=memory: memory)
        assert outputs.jobs() == expected


INTERRUPTED = """
import nbformat, os, sys
from tools import execute

def cells(*sources):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])

pid = "import os; open(" + repr(sys.argv[1]) + ", 'w').write(str(os.getpid()))"
notebooks = {"quick": cells("1 + 1"), "slow": cells(pid, "import time; time.sleep(300)")}
execute.execute(notebooks, lambda outcome: print(outcome.name, flush=True), jobs=2)
"""


@pytest.mark.slow
def test_an_interrupt_ends_kernels_that_run(tmp_path):
    """And is not taken by one of them for itself."""
    pid = tmp_path / "pid"
    command = [sys.executable, "-c", INTERRUPTED, pid]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"quick\n"
    while not pid.exists() or not pid.read_text():
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    rest, trace = process.communicate(timeout=60)
    assert rest == b""
    assert trace.endswith(b"KeyboardInterrupt\n")
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_kernels_keep_to_their_threads():
    printed = []
    code = "import os; print(os.environ['OMP_NUM_THREADS'], os.environ['MINE'])"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    environment = os.environ | {"MINE": "here"}
    execute.execute({"a": notebook}, printed.append, environment=environment, threads=3)
    assert printed[0].problem == ""
    assert notebook.cells[0].outputs[0].text == "3 here\n"


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_ran_outside_the_repository(path):
    """With the package as it is installed, in an empty folder, cell after cell."""
    ran = nbformat.read(outputs.folder(ROOT) / path.name, as_version=4)
    *cells, where = ran.cells
    plain = nbformat.read(path, as_version=4)
    code = [cell.source for cell in plain.cells if cell.cell_type == "code"]
    assert [cell.source for cell in cells] == code
    assert [cell.execution_count for cell in ran.cells] == list(range(1, len(code) + 2))
    site = ran.metadata["execution"]["site"]
    assert not Path(site).is_relative_to(ROOT)
    assert where.outputs[0].text == f"{site}/symlib/__init__.py []\n"
    assert ran.metadata["execution"]["key"] == outputs.key(code)


@pytest.mark.slow
def test_pages_show_what_the_notebooks_print():
    page = (ROOT / "_build" / "html" / "book" / "rotated-digits.html").read_text()
    shown = BeautifulSoup(page, "html.parser").get_text()
    ran = nbformat.read(outputs.folder(ROOT) / "rotated-digits.ipynb", as_version=4)
    printed = [output for cell in ran.cells[:-1] for output in cell.outputs if "text" in output]
    assert len(printed) > 2
    assert [output.text for output in printed if output.text not in shown] == []


@pytest.mark.slow
def test_notebooks_are_of_the_chapters_with_code():
    with_code = lower.with_code(lower.read_chapters())
    assert {path.stem for path in NOTEBOOKS} == set(with_code)
