"""``symlib`` in a terminal: what it runs, stores, resumes and refuses; and on a Dask cluster."""

import os
import re
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from click.testing import CliRunner

from symlib import experiments, results
from symlib.__main__ import main

TINY = ("--set", "counts=2,4", "--set", "images=200", "--set", "fresh=20", "--set", "epochs=2")


def symlib(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def process(*arguments, **options):
    command = [sys.executable, "-m", "symlib", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def test_list_and_help_name_everything():
    listed = symlib("list").output
    assert all(f"{name}: " in listed for name in experiments.NAMES)
    text = symlib("run", "--help").output
    for option in ("--scale", "--seed", "--set", "--out", "--jobs", "--cluster", "--dry-run"):
        assert option in text
    assert "list" in symlib("-h").output


@pytest.mark.parametrize("scale", ["quick", "paper"])
@pytest.mark.parametrize("name", [n for n in experiments.NAMES if n not in ("fig1", "grokking")])
def test_dry_run_estimates_and_does_nothing(name, scale, tmp_path):
    out = tmp_path / "out.csv"
    outcome = symlib("run", name, "--scale", scale, "--dry-run", "--out", out)
    assert outcome.exit_code == 0, outcome.output
    assert re.search(r"\d+ cells, about \d+\S* (s|min|h) on two CPU cores", outcome.output)
    assert not out.exists()


def test_stores_a_table_with_what_made_it(tmp_path):
    out = tmp_path / "toy.csv"
    outcome = symlib("run", "toy", "--set", "counts=4,6", "--set", "offsets=0.5", "--out", out)
    assert outcome.exit_code == 0, outcome.output
    frame, about = results.load(out)
    assert frame["count"].tolist() == [4, 6]
    assert about["experiment"] == "toy"
    assert about["settings"]["offsets"] == [0.5]
    assert set(about) >= {"version", "device", "date", "seconds"}


@pytest.mark.parametrize("name", ["sketch", "orbits", "groups", "exemplars", "shifts"])
def test_every_small_experiment_runs(name, tmp_path):
    few = {"exemplars": "draws=2", "shifts": "pairs=1", "orbits": "count=16"}
    changes = ["--set", few[name]] if name in few else []
    outcome = symlib("run", name, *changes, "--out", tmp_path / "out.csv")
    assert outcome.exit_code == 0, outcome.output
    assert len(results.load(tmp_path / "out.csv")[0]) > 0


def test_seed_decides_the_result(tmp_path):
    pytest.importorskip("torch")
    tables = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        out = tmp_path / f"{name}.csv"
        outcome = symlib("run", "fig1", *TINY, "--seed", seed, "--out", out)
        assert outcome.exit_code == 0, outcome.output
        tables.append(results.load(out)[0].drop(columns=["seed", "cell"]))
    pd.testing.assert_frame_equal(tables[0], tables[1], check_exact=True)
    assert not tables[0].equals(tables[2])


def test_killed_run_resumes_to_the_file_of_an_unbroken_one(tmp_path):
    pytest.importorskip("torch")
    arguments = ("run", "fig1", *TINY, "--set", "epochs=3", "--set", "counts=2,4,8,16")
    killed, whole = tmp_path / "killed.csv", tmp_path / "whole.csv"
    child = process(*arguments, "--out", killed)
    deadline = time.monotonic() + 120
    while not killed.exists():  # the first of four trainings is stored
        assert time.monotonic() < deadline
        assert child.poll() is None or killed.exists(), child.stderr.read()
        time.sleep(0.002)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    cells = results.load(killed)[0].cell.nunique()
    assert cells < 4
    for out in (killed, whole):
        outcome = symlib(*arguments, "--out", out)
        assert outcome.exit_code == 0, outcome.output
    tables = [results.load(out)[0] for out in (killed, whole)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["killed.csv", "whole.csv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nope",), "experiment must be one of toy, .* got 'nope'"),
        (("fig1", "--set", "counts=0"), "counts must be at least 2, got 0"),
        (("fig1", "--set", "digits=11"), r"digits must be among .*, got 11"),
        (("fig1", "--set", "networks=rnn"), r"networks must be among .*, got 'rnn'"),
        (("fig1", "--set", "images=9000"), "images and fresh must be at most 5000"),
        (("fig1", "--set", "seeds="), "seeds must name at least one"),
        (("fig1", "--set", "epochs=many"), "--set epochs=many: .*valid integer"),
        (("fig1", "--set", "epoch=3"), "--set must be KEY=VALUE with a key among networks"),
        (("fig1", "--set", "epochs"), "--set must be KEY=VALUE"),
        (("toy", "--seed", "1"), "--seed has no meaning here"),
        (("exemplars", "--set", "classes=11"), "classes must be from 2 to 10"),
        (("exemplars", "--set", "exemplars=501"), "exemplars must be from 1 to 500"),
        (("orbits", "--set", "digits=12"), "digits must be among .* got 12"),
        (("groups", "--set", "groups=monster"), "groups must be among .*monster"),
        (("toy", "--out", "nowhere/toy.csv"), "folder that exists"),
        (("toy", "--out", "toy.xlsx"), "--out must name a .csv file"),
        (("toy", "--cluster", "tcp://127.0.0.1:9"), "none answers at tcp://127.0.0.1:9"),
    ],
)
def test_bad_settings_end_in_one_line(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = symlib("run", *arguments)
    assert outcome.exit_code == 1
    assert re.search(message, outcome.output), outcome.output
    assert len([line for line in outcome.output.splitlines() if line.startswith("Error")]) == 1
    assert outcome.output.splitlines()[-1].startswith("Error: ")
    assert not any(tmp_path.iterdir())


def test_incompatible_file_is_left_alone(tmp_path):
    out = tmp_path / "out.csv"
    assert symlib("run", "toy", "--set", "counts=4", "--out", out).exit_code == 0
    before = out.read_bytes()
    for arguments, message in (
        (("toy", "--set", "counts=6"), r"got counts = \[4\] rather than \[6\]"),
        (("sketch",), "of 'sketch', got those of 'toy'"),
    ):
        outcome = symlib("run", *arguments, "--out", out)
        assert outcome.exit_code == 1
        assert re.search(message, outcome.output), outcome.output
    assert out.read_bytes() == before


def test_unwritable_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    outcome = symlib("run", "toy", "--out", tmp_path / "toy.csv")
    assert outcome.exit_code == 1
    assert "a folder you can write to" in outcome.output


def test_cluster_of_two_workers_gives_the_same_table(tmp_path):
    """A real scheduler and two real workers, each a process, on loopback."""
    pytest.importorskip("distributed")
    address_file = tmp_path / "scheduler.json"
    common = ["--no-dashboard", "--scheduler-file", str(address_file)]
    run_module = [sys.executable, "-m"]
    scheduler = [
        *run_module,
        "distributed.cli.dask_scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
    ]
    worker = [*run_module, "distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
    children = [subprocess.Popen([*scheduler, *common], **quiet)]
    try:
        deadline = time.monotonic() + 60
        while not address_file.exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        children += [subprocess.Popen([*worker, *common], **quiet) for _ in range(2)]
        address = re.search(r'"address": "(tcp://[^"]+)"', address_file.read_text())[1]
        arguments = ("run", "exemplars", "--set", "draws=4", "--set", "counts=4,8", "--out")
        far = process(*arguments, tmp_path / "far.csv", "--cluster", address)
        _, errors = far.communicate(timeout=240)
        assert far.returncode == 0, errors
    finally:
        for child in children:
            child.kill()  # a worker that has lost its scheduler may wait for ever to end by itself
        for child in children:
            child.wait()
    assert symlib(*arguments, tmp_path / "near.csv").exit_code == 0
    far, near = (results.load(tmp_path / name)[0] for name in ("far.csv", "near.csv"))
    assert far.cell.tolist() == near.cell.tolist()
    pd.testing.assert_frame_equal(far, near, rtol=1e-6)
