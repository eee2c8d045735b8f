"""Stored sweeps: they resume, refuse what does not fit, and never leave half a file."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from symlib import experiments, results
from symlib.experiments import fig1

KEPT = sorted(path.stem for path in (Path(__file__).parents[2] / "book" / "results").glob("*.csv"))


@dataclass(frozen=True)
class Settings:
    size: int = 2


def square(cell):
    return pd.DataFrame({"square": [cell**2, cell**2 + 0.5]})


def test_one_table_of_all_cells():
    frame = results.sweep("squares", Settings(), [1, 2], square)
    assert frame.square.tolist() == [1, 1.5, 4, 4.5]
    assert frame.cell.tolist() == [1, 1, 2, 2]


def test_interrupted_run_resumes_to_the_same_file(tmp_path):
    path, computed = tmp_path / "squares.csv", []

    def fails_at_three(cell):
        if cell == 3:
            raise KeyboardInterrupt
        return square(cell)

    def counted(cell):
        computed.append(cell)
        return square(cell)

    with pytest.raises(KeyboardInterrupt):
        results.sweep("squares", Settings(), [1, 2, 3], fails_at_three, path=path)
    assert results.load(path)[0].cell.unique().tolist() == [1, 2]
    resumed = results.sweep("squares", Settings(), [1, 2, 3], counted, path=path)
    assert computed == [3]
    whole = tmp_path / "whole.csv"
    unbroken = results.sweep("squares", Settings(), [1, 2, 3], square, path=whole)
    pd.testing.assert_frame_equal(resumed, unbroken)
    pd.testing.assert_frame_equal(results.load(path)[0], results.load(whole)[0])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["squares.csv", "whole.csv"]


def test_says_what_made_it(tmp_path):
    path = tmp_path / "squares.csv"
    results.sweep("squares", Settings(), [1], square, path=path)
    _, about = results.load(path)
    assert about["experiment"] == "squares"
    assert about["settings"] == {"size": 2}
    assert set(about) >= {"version", "device", "date", "seconds"}


def test_processes_give_the_same_table():
    def cube(cell):  # a process gets it by value, and need not import this file
        return pd.DataFrame({"cube": [cell**3]})

    one = results.sweep("cubes", Settings(), [1, 2, 3], cube)
    two = results.sweep("cubes", Settings(), [1, 2, 3], cube, jobs=2)
    pd.testing.assert_frame_equal(one, two)


def test_refuses_what_does_not_fit(tmp_path):
    path = tmp_path / "squares.csv"
    results.sweep("squares", Settings(), [1], square, path=path)
    before = path.read_bytes()
    for experiment, settings in (("cubes", Settings()), ("squares", Settings(size=3))):
        with pytest.raises(ValueError, match="choose another file"):
            results.sweep(experiment, settings, [1, 2], square, path=path)
    assert path.read_bytes() == before
    with pytest.raises(ValueError, match="folder that exists"):
        results.sweep("squares", Settings(), [1], square, path=tmp_path / "no" / "squares.csv")
    path.write_text("square\n1\n")
    with pytest.raises(ValueError, match="must hold results stored by symlib"):
        results.load(path)


@pytest.mark.parametrize("name", KEPT)
def test_what_the_book_keeps_is_whole(name):
    frame, about = results.stored(name)
    kind = type(experiments.settings_of(about["experiment"]))
    made_by = kind(
        **{k: tuple(v) if isinstance(v, list) else v for k, v in about["settings"].items()}
    )
    cells, _ = experiments.find(about["experiment"]).work(made_by)
    assert frame.cell.nunique() == cells
    assert frame.notna().all(axis=None)
    if isinstance(made_by, fig1.Fig1):
        assert len(frame) == cells * made_by.epochs


def test_what_the_book_does_not_keep():
    with pytest.raises(ValueError, match="got 'toy'"):
        results.stored("toy")
