"""Stored tables: they resume exactly, refuse what does not fit, and never leave half a file."""

import json
import math
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import torch
from filelock import FileLock

from symlib import data, results, sources
from symlib.experiment import Experiment
from symlib.settings import settings

KEPT = sorted(path.stem for path in (Path(__file__).parents[2] / "book" / "results").glob("*.csv"))


@settings
class Squares(Experiment):
    """Of a few numbers, one of which an interruption may come at."""

    numbers: tuple[int, ...] = (1, 2, 3)
    third: float = 1 / 3

    def cells(self):
        return self.numbers

    def rows(self, cell):
        if cell == STOP_AT:
            raise KeyboardInterrupt
        COMPUTED.append(cell)
        text = pd.Series([f"0{cell}", "NA"], dtype=object)
        return pd.DataFrame(
            {"square": [cell**2, cell**2 + self.third], "text": text, "even": False}
        )

    def cost(self, cell):
        return 2.0


STOP_AT: int | None = None
COMPUTED: list[int] = []


@pytest.fixture
def interrupted(tmp_path, monkeypatch):
    """A table of which the third cell is missing."""
    path = tmp_path / "squares.csv"
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules[__name__], "STOP_AT", 3)
        with pytest.raises(KeyboardInterrupt):
            Squares().run(path=path)
    COMPUTED.clear()
    return path


def test_one_table_of_all_cells():
    frame = Squares(numbers=(1, 2), third=0.5).run()
    assert frame.square.tolist() == [1, 1.5, 4, 4.5]
    assert frame.cell.tolist() == [1, 1, 2, 2]


def test_interrupted_run_resumes_to_the_same_file(interrupted, tmp_path):
    assert results.load(interrupted)[0].cell.unique().tolist() == [1, 2]
    resumed = Squares().run(path=interrupted)
    assert COMPUTED == [3]
    unbroken = Squares().run(path=tmp_path / "whole.csv")
    pd.testing.assert_frame_equal(resumed, unbroken, check_exact=True)
    pd.testing.assert_frame_equal(
        results.load(interrupted)[0], unbroken, check_exact=True, check_dtype=False
    )
    assert sorted(file.name for file in tmp_path.iterdir()) == ["squares.csv", "whole.csv"]


def test_a_run_killed_before_its_first_cell_is_known_by_its_settings(tmp_path, monkeypatch):
    path = tmp_path / "squares.csv"
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules[__name__], "STOP_AT", 1)
        with pytest.raises(KeyboardInterrupt):
            Squares().run(path=path)
    with pytest.raises(ValueError, match=r"third = 0.333.* rather than 0.25"):
        Squares(third=0.25).run(path=path)
    assert len(Squares().run(path=path)) == 6


def test_says_what_made_it(tmp_path):
    path = tmp_path / "squares.csv"
    Squares(numbers=(1,)).run(path=path)
    _, about = results.load(path)
    assert about["experiment"] == "squares"
    assert about["settings"]["numbers"] == [1]
    assert set(about) >= {"version", "device", "date", "seconds", "images", "code"}
    assert "symlib.settings" in about["code"]


def test_names_the_device_of_what_trains_it(monkeypatch):
    """Torch's for networks trained with it, whatever JAX has."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "H200")
    assert results._device({"symlib.training": ""}) == "H200"
    assert results._device({}) == jax.devices()[0].device_kind


def test_names_every_device_that_a_run_went_on_with(interrupted, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(results, "_device", lambda code: "H200")
        Squares().run(path=interrupted)
    cores = f"{os.cpu_count()} cores"
    assert results.load(interrupted)[1]["device"] == f"cpu, {cores} and H200, {cores}"
    Squares().run(path=interrupted)
    assert results.load(interrupted)[1]["device"] == f"cpu, {cores} and H200, {cores}"


@pytest.mark.slow
def test_processes_give_the_same_table():
    from symlib.experiments.two_circles import TwoCircles

    one, two = (TwoCircles(counts=(4, 6, 8)).run(jobs=jobs) for jobs in (1, 2))
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda about: about | {"experiment": "cubes"}, "got experiment = cubes rather than"),
        (lambda about: about | {"images": "a" * 16}, "got images = aaaaaaaaaaaaaaaa rather than"),
        (
            lambda about: about | {"code": about["code"] | {"symlib.settings": "a"}},
            "cells that other code computed: symlib.settings changed since",
        ),
        (
            lambda about: {k: v for k, v in about.items() if k not in ("code", "cells", "columns")},
            "a table of an earlier symlib, which can be read but not continued",
        ),
    ],
)
def test_refuses_cells_that_were_computed_otherwise(interrupted, change, message):
    first, _, table = interrupted.read_text().partition("\n")
    about = json.dumps(change(json.loads(first[2:])))
    interrupted.write_text(f"# {about}\n{table}")
    before = interrupted.read_bytes()
    with pytest.raises(ValueError, match=f"{message}.*remove this one to start afresh"):
        Squares().run(path=interrupted)
    assert interrupted.read_bytes() == before
    assert len(results.load(interrupted)[0]) == 4


def test_code_is_that_of_every_module_that_computes():
    from symlib.experiments.two_circles import TwoCircles

    assert set(results._code_hashes(TwoCircles)) >= {"symlib.kernels", "symlib.solving"}
    assert "symlib.results" not in results._code_hashes(TwoCircles)
    own = results._code_hashes(Squares)
    assert own[__name__] != sources.code_hashes(["symlib.settings"])["symlib.settings"]


def test_images_behind_a_table_are_those_of_the_experiment_or_its_sample():
    from symlib.experiments.foresight import Foresight
    from symlib.experiments.protocols import Protocols

    images = data.load("mnist-5000").checksum()
    about = results._made_by(Protocols())
    assert about["images"] == images
    assert about["seconds"] == 0
    assert set(about["code"]) >= {"symlib.experiments.protocols", "symlib.kernels"}
    assert results._made_by(Foresight())["images"] == images
    assert results._made_by(Squares())["images"] is None


@settings
class Precise(Experiment):
    """Says where a cell may keep its state, and at which precision it is computed."""

    def cells(self):
        return ("one", "zwölf")

    def rows(self, cell):
        return self.resume(cell, None)

    def resume(self, cell, checkpoint):
        state = checkpoint and checkpoint.name
        return pd.DataFrame({"dtype": [str(jnp.ones(1).dtype)], "state": [state]})

    def cost(self, cell):
        return 1.0


@pytest.mark.parametrize("x64", [True, False])
def test_cells_are_computed_at_the_callers_precision(tmp_path, x64):
    jax.config.update("jax_enable_x64", x64)
    try:
        frame = Precise().run(path=tmp_path / "precise.csv")
    finally:
        jax.config.update("jax_enable_x64", True)
    assert set(frame.dtype) == {"float64" if x64 else "float32"}
    states = [f"precise.csv.{cell}.checkpoint" for cell in ("one", "zwölf")]
    assert sorted(frame.state) == states
    assert Precise().run().state.isna().all()


def test_tables_are_utf8_with_unix_lines_whatever_the_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "linesep", "\r\n")
    path = tmp_path / "precise.csv"
    Precise().run(path=path)
    content = path.read_bytes()
    assert "zwölf" in content.decode("utf-8")
    assert b"\r" not in content
    assert json.loads(content.splitlines()[0][2:])["columns"]["cell"] == "str"


@settings
class Mixed(Experiment):
    """Two cells of many rows, with a column of every kind."""

    def cells(self):
        return (2, 1)

    def rows(self, cell):
        row = np.arange(50)
        return pd.DataFrame(
            {
                "row": row,
                "odd": row % 2 == 1,
                "gap": np.where(row == 7, np.nan, row / 3),
                "text": [f"{r % 3 or ''}" for r in row],
            }
        )

    def cost(self, cell):
        return 1.0


def test_every_kind_of_column_is_read_as_it_was_computed(tmp_path):
    path = tmp_path / "mixed.csv"
    computed = Mixed().run(path=path)
    assert computed.cell.tolist() == [1] * 50 + [2] * 50
    assert computed.row.tolist() == [*range(50), *range(50)]
    read = results.load(path)[0]
    pd.testing.assert_frame_equal(read, computed, check_exact=True)


def test_seconds_add_up_over_interruptions(tmp_path, monkeypatch):
    path = tmp_path / "squares.csv"
    clock = iter([0.0, 1.0, 2.04, 50.0, 53.26])
    monkeypatch.setattr(results, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules[__name__], "STOP_AT", 3)
        with pytest.raises(KeyboardInterrupt):
            Squares().run(path=path)
    assert results.load(path)[1]["seconds"] == 2.0
    Squares().run(path=path)
    assert results.load(path)[1]["seconds"] == 5.3


def test_progress_is_over_what_is_missing(interrupted):
    shown = []

    def progress(cells, description, total):
        shown.append((description, total))
        return cells

    Squares().run(progress, interrupted)
    Squares(numbers=(1, 2)).run(progress)
    assert shown == [("squares", 1), ("squares", 2)]


def test_refuses_settings_that_leave_nothing_to_compute(tmp_path):
    with pytest.raises(ValueError, match="must leave something to compute"):
        Squares(numbers=()).run(path=tmp_path / "squares.csv")
    assert not any(tmp_path.iterdir())


def test_one_run_at_a_time(interrupted):
    before = interrupted.read_bytes()
    lock = interrupted.with_name(f".{interrupted.name}.lock")
    with FileLock(lock), pytest.raises(ValueError, match="by one run at a time"):
        Squares().run(path=interrupted)
    assert interrupted.read_bytes() == before
    assert len(Squares().run(path=interrupted)) == 6
    assert [file.name for file in interrupted.parent.iterdir()] == ["squares.csv"]


def test_what_a_killed_run_left_half_written_is_cleared(interrupted):
    stale = interrupted.with_name(f".{interrupted.name}.0123.part")
    other = interrupted.with_name(".other.csv.0123.part")
    for file in (stale, other):
        file.write_text("half")
    Squares().run(path=interrupted)
    assert not stale.exists()
    assert other.exists()


def test_a_write_that_fails_leaves_the_file_as_it_was(interrupted, monkeypatch):
    before = interrupted.read_bytes()

    written = pd.DataFrame.to_csv

    def full(frame, file=None, **options):
        if file is None:
            return written(frame, **options)
        file.write("half a row")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pd.DataFrame, "to_csv", full)
        with pytest.raises(OSError, match="No space left"):
            Squares().run(path=interrupted)
    assert interrupted.read_bytes() == before
    assert [file.name for file in interrupted.parent.iterdir()] == ["squares.csv"]
    assert len(Squares().run(path=interrupted)) == 6


def test_refuses_to_write_to_a_pipe(tmp_path):
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    with pytest.raises(ValueError, match="path must be a file or not be there yet"):
        Squares().run(path=pipe)


@pytest.mark.parametrize("name", KEPT)
def test_what_the_book_keeps_is_whole(name):
    frame, about = results.stored(name)
    settings = about["settings"]
    number = {
        "mlp-trained": lambda: settings["pairs"],
        "cntk": lambda: settings["pairs"],
        "exemplars": lambda: settings["draws"],
        "pooled-exemplars": lambda: settings["draws"],
        "multiclass": lambda: settings["draws"] * len(settings["counts"]),
        "foresight": lambda: len(settings["seeds"]),
        "other-classes": lambda: settings["draws"],
    }
    held = "held" if "held" in settings else "digits"
    axes = ("networks", "widths", "scales", held, "counts", "seeds")
    trainings = math.prod(len(settings[key]) for key in axes if key in settings)
    cells = number.get(about["experiment"], lambda: trainings)()
    assert frame.cell.nunique() == cells
    if about["experiment"] in ("partially-rotated", "richness"):  # pooled angles; no rivals
        frame = frame.drop(columns=["angle", *(name for name in frame if name.startswith("auc"))])
    assert frame.notna().all(axis=None)
    if about["experiment"] in ("fig1", "grokking") and "without" not in about:
        assert len(frame) == cells * settings.get("training", settings)["epochs"]
