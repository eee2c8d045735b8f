"""``python -m benchmarks``: time symlib against its peers, side by side.

Prints the ratios. Run whole, it stores them with the machine and how costs grow, and draws the
figure of the page on benchmarks.
"""

import argparse
import datetime
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import jax
import pandas as pd
from tqdm import tqdm

from benchmarks import conv_ntk, group_fourier, mlp_ntk, multiclass, scaling, training
from benchmarks.case import Case

BOOK = Path(__file__).parent.parent / "book"
SUITES = {
    "mlp-ntk": mlp_ntk.cases,
    "conv-ntk": conv_ntk.cases,
    "group-fourier": group_fourier.cases,
    "multiclass": multiclass.cases,
    "training": training.cases,
}


def main() -> None:
    """Run the chosen benchmarks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suite", nargs="*", help=f"of {', '.join(SUITES)} (default: everything)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each, at most (default 3)")
    parser.add_argument("--patience", type=float, default=30, help="seconds of a row, about")
    parser.add_argument("--pairs", type=int, default=512, help="digit pairs of mlp-ntk")
    options = parser.parse_args()
    if unknown := set(options.suite) - set(SUITES):
        parser.error(
            f"no suite named {', '.join(sorted(unknown))}; choose from {', '.join(SUITES)}"
        )
    jax.config.update("jax_enable_x64", True)
    machine = _machine()
    print(machine)
    cases = [case for name in options.suite or SUITES for case in SUITES[name](options.pairs)]
    table = pd.DataFrame(
        _row(case, options.repeats, options.patience) for case in _progress(cases, "benchmarks")
    )
    if not options.suite:
        (BOOK / "benchmarks.txt").write_text(machine)
        table.to_csv(BOOK / "benchmarks.csv", index=False)
        costs = scaling.measure(_progress)
        costs.to_csv(BOOK / "scaling.csv", index=False)
        scaling.draw(costs, BOOK / "assets" / "scaling.svg")


def _machine() -> str:
    cpus = Path("/proc/cpuinfo")
    names = cpus.read_text().splitlines() if cpus.exists() else []
    model = next((n.split(": ")[1] for n in names if n.startswith("model name")), "a CPU")
    packages = ("numpy", "scipy", "jax", "torch", "neural-tangents")
    threads = os.environ.get("OMP_NUM_THREADS", "as many as cores")
    return (
        f"{datetime.date.today()}, {model}, {os.cpu_count()} cores, load before "
        f"{os.getloadavg()[0]:.1f}, threads of BLAS and torch: {threads}\n"
        f"Python {platform.python_version()}, "
        f"{', '.join(f'{package} {version(package)}' for package in packages)}\n"
    )


def _progress(things: list, description: str) -> Iterator:
    return tqdm(things, desc=description)


def _row(case: Case, repeats: int, patience: float) -> dict[str, str]:
    """What is printed of a comparison, and stored."""
    agreement = case.difference(case.ours(), case.peer())  # and both are warm
    ours, peer = _alternate(case.ours, case.peer, repeats, patience)
    ratios = [p / o for o, p in zip(ours, peer)]
    row = {
        "Work": case.name,
        "symlib (s)": f"{statistics.median(ours):.4f}",
        "peer (s)": f"{statistics.median(peer):.3f}",
        "ratio": f"{statistics.median(ratios):.1f}",
        "lowest to highest": f"{min(ratios):.1f} to {max(ratios):.1f}",
        "wanted": case.target,
        "agreement": agreement,
    }
    tqdm.write(" | ".join(row.values()))
    return row


def _alternate(
    ours: Callable, peer: Callable, repeats: int, patience: float
) -> tuple[list[float], list[float]]:
    """Seconds of each, taking turns; what is short runs many times in its turn."""
    seconds: tuple[list[float], list[float]] = ([], [])
    end = time.perf_counter() + patience
    while len(seconds[0]) < repeats and (not seconds[0] or time.perf_counter() < end):
        for run, taken in zip((ours, peer), seconds):
            start, runs = time.perf_counter(), 0
            while time.perf_counter() < start + 0.5:
                run()
                runs += 1
            taken.append((time.perf_counter() - start) / runs)
    return seconds


if __name__ == "__main__":
    main()
