"""Runs that are killed at any moment lose nothing, and end with the rows of an undisturbed one."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings as profile

from symlib import results
from symlib.experiment import Experiment
from symlib.settings import settings

CELLS = 25
MANY = profile().max_examples >= 100
KILLS = 200 if MANY else 6
SIGNALS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
WAITING = 0.02  # seconds that a table lies finished beside the one it is to replace


@settings
class Slow(Experiment):
    """Random numbers, a little later."""

    seed: int = 0

    def cells(self):
        return range(CELLS)

    def rows(self, cell):
        time.sleep(0.01)
        numbers = np.random.default_rng([self.seed, cell]).normal(size=4)
        return pd.DataFrame({"number": numbers, "text": [f'{cell}\n,"'] * 4})

    def cost(self, cell):
        return 0.01


def run(path):
    """Say that it begins, and run, slowly where it writes."""
    replace = os.replace

    def later(part, whole):
        time.sleep(WAITING)
        replace(part, whole)

    os.replace = later
    print("begins", flush=True)
    results.sweep(Slow(), path=path)


def started(path):
    """A process that runs, once it has begun."""
    with open(path.with_name("errors"), "w") as errors:
        process = subprocess.Popen(
            [sys.executable, __file__, str(path)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout.readline() == "begins\n"
    process.stdout.close()
    return process


def rows_of(path):
    return path.read_bytes().partition(b"\n")[2]


@pytest.mark.slow
def test_killed_runs_go_on(tmp_path):
    """Killed again and again, each time somewhere else; then left alone."""
    whole = tmp_path / "whole.csv"
    assert started(whole).wait() == 0
    draw = np.random.default_rng(int(time.time()) if MANY else 0)
    kills, between, writing = 0, 0, 0
    for number in range(1000):
        path = tmp_path / f"{number}.csv"
        for _ in range(draw.integers(1, 4)):
            process = started(path)
            time.sleep(draw.uniform(0.1, 1.2))
            if process.poll() is None:
                process.send_signal(draw.choice(SIGNALS))
                process.wait()
                kills += 1
                done = len(results.load(path)[0]) if path.exists() else 0
                between += 0 < done < 4 * CELLS
                writing += any(tmp_path.glob(f".{path.name}.*.part"))
        assert started(path).wait() == 0, (tmp_path / "errors").read_text()
        assert rows_of(path) == rows_of(whole)
        left = {file.name for file in tmp_path.iterdir() if file.name.startswith(f".{number}.")}
        assert not left
        if kills >= KILLS and between >= KILLS / 2 and writing >= KILLS / 10:
            break
    else:
        pytest.fail(f"{kills} kills, but too few between cells ({between}) or writing ({writing})")
    print(f"{kills} killed, {between} between first and last cell, {writing} while writing")


if __name__ == "__main__":
    run(sys.argv[1])
