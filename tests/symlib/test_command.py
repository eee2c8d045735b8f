"""``symlib`` in a terminal: what it runs, stores, resumes and refuses; and on a Dask cluster."""

import dataclasses
import inspect
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from types import SimpleNamespace

import pandas as pd
import pytest

from symlib import experiments, results
from symlib.__main__ import main

TINY = ("--counts", "2", "4", "--images", "200", "--fresh", "20", "--epochs", "2")


def symlib(*arguments):
    """The exit status of ``symlib``, what it printed, and the last line of its errors."""
    printed, errors = StringIO(), StringIO()
    status: str | int | None = 0
    with redirect_stdout(printed), redirect_stderr(errors):
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stop:
            status = stop.code
    if isinstance(status, str):  # as Python does at the end of a process
        status, message = 1, status
        errors.write(f"{message}\n")
    return SimpleNamespace(exit_code=status, output=printed.getvalue() + errors.getvalue())


def process(*arguments, **options):
    command = [sys.executable, "-m", "symlib", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def test_list_and_help_name_everything():
    listed = symlib("list").output
    assert all(f"{name}: " in listed for name in experiments.NAMES)
    lines = iter(listed.splitlines())
    said = {line.split(":")[0]: next(lines).strip() for line in lines}
    assert said["two-circles"] == "the paper's, at one scale"
    assert said["grokking"] == "the paper's, smaller by default, in full with --scale paper"
    assert said["protocols"] == "this book's, at one scale"
    text = symlib("run", "--help").output
    for option in ("--scale", "--out", "--jobs", "--cluster", "--dry-run", *experiments.NAMES):
        assert option in text
    assert "list" in symlib("-h").output
    assert symlib("--version").output.startswith("symlib ")


def test_help_of_an_experiment_says_what_each_setting_is():
    """From the comment behind each field, those of composed values among them."""
    text = " ".join(symlib("run", "foresight", "--help").output.replace("│", " ").split())
    assert "rotations N of each image (default: 2 4 8 16)" in text
    assert "standard deviation of its weights" in text
    assert "more images, which no network is trained on (default: 200)" in text
    paper = " ".join(symlib("run", "foresight", "--scale", "paper", "--help").output.split())
    assert "(default: 2 4 8 16 32 64)" in paper


@pytest.mark.parametrize("name", experiments.NAMES)
def test_every_setting_has_a_comment_for_its_help(name):
    waiting, seen = [experiments.find(name)()], []
    for values in waiting:  # and those that they are composed of
        sources = [inspect.getsource(kind) for kind in type(values).__mro__[:-1]]
        for field in dataclasses.fields(values):
            value = getattr(values, field.name)
            if dataclasses.is_dataclass(value):
                waiting.append(value)
                continue
            line = re.compile(rf"^    {field.name}: .*  # \S", re.MULTILINE)
            assert any(line.search(source) for source in sources), field.name
            seen.append(field.name)
    assert seen


@pytest.mark.parametrize("scale", ["quick", "paper"])
@pytest.mark.parametrize(
    "name", [n for n in experiments.NAMES if n not in ("partially-rotated", "grokking")]
)
def test_dry_run_estimates_and_does_nothing(name, scale, tmp_path):
    out = tmp_path / "out.csv"
    outcome = symlib("run", name, "--scale", scale, "--dry-run", "--out", out)
    assert outcome.exit_code == 0, outcome.output
    assert re.search(r"\d+ cells, about \d+\S* (s|min|h) on this machine", outcome.output)
    assert not out.exists()


def test_stores_a_table_with_what_made_it(tmp_path):
    out = tmp_path / "circles.csv"
    outcome = symlib("run", "two-circles", "--counts", 4, 6, "--offsets", 0.5, "--out", out)
    assert outcome.exit_code == 0, outcome.output
    frame, about = results.load(out)
    assert frame["count"].tolist() == [4, 6]
    assert about["experiment"] == "two-circles"
    assert about["settings"]["offsets"] == [0.5]
    assert set(about) >= {"version", "device", "date", "seconds"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("sketch", ()),
        ("orbits", ("--count", 16)),
        ("groups", ()),
        ("exemplars", ("--draws", 2)),
        ("shifts", ("--pairs", 1)),
        ("other-classes", ("--draws", 1, "--counts", 4, "--exemplars", 5, "--fresh", 5)),
    ],
)
def test_every_small_experiment_runs_under_this_or_its_former_name(name, changes, tmp_path):
    outcome = symlib("run", name, *changes, "--out", tmp_path / "out.csv")
    assert outcome.exit_code == 0, outcome.output
    assert len(results.load(tmp_path / "out.csv")[0]) > 0


@pytest.mark.slow
def test_seed_decides_the_result(tmp_path):
    pytest.importorskip("torch")
    tables = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        out = tmp_path / f"{name}.csv"
        outcome = symlib("run", "fig1", *TINY, "--seeds", seed, "--out", out)
        assert outcome.exit_code == 0, outcome.output
        tables.append(results.load(out)[0].drop(columns=["seed", "cell"]))
    pd.testing.assert_frame_equal(tables[0], tables[1], check_exact=True)
    assert not tables[0].equals(tables[2])


@pytest.mark.slow
def test_killed_run_resumes_to_the_file_of_an_unbroken_one(tmp_path):
    pytest.importorskip("torch")
    arguments = ("run", "fig1", *TINY[3:], "--epochs", "3", "--counts", "2", "4", "8", "16")
    killed, whole = tmp_path / "killed.csv", tmp_path / "whole.csv"
    child = process(*arguments, "--out", killed)
    deadline = time.monotonic() + 120
    while not killed.exists() or results.load(killed)[0].empty:  # the first of four trainings
        assert time.monotonic() < deadline
        assert child.poll() is None, child.stderr.read()
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
        (("nope",), "Unrecognized options: nope"),
        (("fig1", "--counts", 0), "counts.0 must be greater than or equal to 2, got 0"),
        (("fig1", "--held", "x"), "held.0 must .*match pattern.*, got 'x'"),
        (("fig1", "--networks", "rnn"), "invalid choice 'rnn'"),
        (("fig1", "--images", 9000), "images and fresh must be at most 5000"),
        (("fig1", "--seeds"), "seeds must have at least 1 item"),
        (("fig1", "--epochs", "many"), "--epochs: invalid literal for int"),
        (("fig1", "--epoch", 3), "Unrecognized options: --epoch.*--epochs INT"),
        (("fig1", "--steps", 3), "steps must be at least epochs, 22, .* got 3"),
        (("toy", "--seed", 1), r"Unrecognized .*--seed \(applied to symlib run two-circles"),
        (("exemplars", "--classes", 11), "classes must be less than or equal to 10, got 11"),
        (("exemplars", "--exemplars", 501), "exemplars must be from 1 to 500"),
        (("mlp-ntk", "--counts", 3), "counts must all divide the largest"),
        (("orbits", "--digits", 12), "digits.0 must be less than or equal to 9, got 12"),
        (("groups", "--groups", "monster"), "invalid choice 'monster'"),
        (("toy", "--counts"), "counts must have at least 1 item"),
        (("shifts", "--ridges"), "ridges must have at least 1 item"),
        (("toy", "--out", "nowhere/toy.csv"), "folder that exists"),
        (("toy", "--out", "toy.xlsx"), "--out must name a .csv file"),
        (("exemplars", "--ridge", "nan"), "ridge must .*finite number, got nan"),
        (("exemplars", "--ridge", "inf"), "ridge must .*finite number, got inf"),
        (("fig1", "--epochs", 10**23), "epochs must be less than or equal to 10000"),
        (("exemplars", "--draws", -4), "draws must be greater than 0, got -4"),
        (("exemplars", "--weight-std", 1e308), "weight_std must be less"),
        (("toy", "--cluster", "tcp://127.0.0.1:9"), "none answers at tcp://127.0.0.1:9"),
    ],
)
def test_bad_settings_end_in_one_message(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = symlib("run", *arguments)
    assert outcome.exit_code == 2
    said = " ".join(outcome.output.replace("│", " ").split())
    assert re.search(message, said), outcome.output
    assert "Traceback" not in said
    assert not any(tmp_path.iterdir())


def test_incompatible_file_is_left_alone(tmp_path):
    out = tmp_path / "out.csv"
    assert symlib("run", "toy", "--counts", 4, "--out", out).exit_code == 0
    before = out.read_bytes()
    for arguments, message in (
        (("toy", "--counts", 6), r"got counts = \[4\] rather than \[6\]"),
        (("sketch",), "got experiment = two-circles rather than circulant-spectrum"),
    ):
        outcome = symlib("run", *arguments, "--out", out)
        assert outcome.exit_code == 2
        assert re.search(message, outcome.output), outcome.output
    assert out.read_bytes() == before


def test_out_of_a_gpu_s_memory(tmp_path, monkeypatch):
    def rows(self, cell):
        raise RuntimeError(why)

    monkeypatch.setattr(experiments.find("two-circles"), "rows", rows)
    arguments = ("run", "two-circles", "--out", tmp_path / "table.csv")
    why = "CUDA out of memory. Tried to allocate 2 GiB"
    outcome = symlib(*arguments)
    assert outcome.exit_code == 2
    assert "fewer --jobs or smaller settings: CUDA out of memory. Tried" in outcome.output
    why = "of another kind"
    with pytest.raises(RuntimeError, match=why):
        symlib(*arguments)


def test_unwritable_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    outcome = symlib("run", "toy", "--out", tmp_path / "toy.csv")
    assert outcome.exit_code == 2
    assert "a folder you can write to" in outcome.output


@pytest.mark.slow
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
        arguments = ("run", "exemplars", "--draws", "4", "--counts", "4", "8", "--out")
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
