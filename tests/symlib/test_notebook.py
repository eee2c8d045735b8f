"""The chapters' prelude, and what importing symlib costs."""

import json
import subprocess
import sys

import pytest

from symlib import notebook, plotting


@pytest.fixture
def shown(monkeypatch):
    displayed = []
    monkeypatch.setattr(
        "IPython.display.display", lambda data, **options: displayed.append((data, options))
    )
    return displayed


def test_scale(monkeypatch):
    monkeypatch.delenv("SYMLIB_SCALE", raising=False)
    assert notebook.scale() == "quick"
    monkeypatch.setenv("SYMLIB_SCALE", "paper")
    assert notebook.scale() == "paper"
    monkeypatch.setenv("SYMLIB_SCALE", "huge")
    with pytest.raises(ValueError, match=r"SYMLIB_SCALE must be one of.*got 'huge'"):
        notebook.scale()


def test_setup_says_what_it_found(capsys, monkeypatch):
    monkeypatch.setenv("SYMLIB_SCALE", "quick")
    notebook.setup()
    printed = capsys.readouterr().out
    assert printed.startswith("symlib ")
    assert "quick scale · float64" in printed


def test_record_prints_and_keeps(shown, capsys):
    notebook.record("chapter.value", 0.5, 0.25, 0.75)
    assert capsys.readouterr().out == "chapter.value = 0.5  [0.25, 0.75]\n"
    (bundle, options), prefix = shown[0], "application/papermill.record/"
    payload = json.loads(bundle[prefix + "application/json"])
    assert payload == {"key": "chapter.value", "value": 0.5, "low": 0.25, "high": 0.75}
    assert options["metadata"]["scrapbook"] == {"name": "chapter.value", "mime_prefix": prefix}


def test_record_quietly_and_yes_or_no(shown, capsys):
    notebook.record("chapter.flag", True, quiet=True)
    assert capsys.readouterr().out == ""
    payload = json.loads(shown[0][0]["application/papermill.record/application/json"])
    assert payload["value"] is True


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((float("nan"),), "value of 'k' must be finite"),
        ((1.0, 2.0, 3.0), "interval of 'k' must have two ends with the value between"),
        ((1.0, 0.0), "interval of 'k' must have two ends"),
    ],
)
def test_record_refuses(values, message, shown):
    with pytest.raises(ValueError, match=message):
        notebook.record("k", *values)
    assert not shown


def test_progress_is_silent_in_the_build(monkeypatch, capsys):
    monkeypatch.setenv("SYMLIB_BUILDING", "1")
    assert list(notebook.progress(range(3), "steps")) == [0, 1, 2]
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_import_is_light():
    code = """
import sys, symlib
assert not {"torch", "matplotlib", "jax", "pandas"} & set(sys.modules)
from symlib import groups, orbits, regression, spectral, kernels, data
assert not {"torch", "matplotlib", "pandas"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_figures_can_be_drawn():
    import matplotlib.pyplot as plt
    import numpy as np

    plotting.use_style()
    images = np.random.default_rng(0).random((1, 3, 4, 4))
    figure = plotting.show_images(images, titles=["a", "b", "c"])
    assert [axis.get_title() for axis in figure.axes] == ["a", "b", "c"]
    _, axis = plt.subplots()
    plotting.show_gram(axis, np.eye(3), "title")
    plotting.show_orbit(axis, images[0])
    assert len(axis.child_axes) == 3
    plt.close("all")
