"""``python -m benchmarks``: time symlib against its peers and print the ratios."""

import argparse
import statistics
import time
from collections.abc import Callable

import jax

from benchmarks import conv_ntk, group_fourier, mlp_ntk, multiclass, training


def alternate(ours: Callable, peer: Callable, repeats: int) -> tuple[list[float], list[float]]:
    """Seconds of each, taking turns; what is short runs many times in its turn."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for run, taken in zip((ours, peer), seconds):
            start, runs = time.perf_counter(), 0
            while time.perf_counter() < start + 0.5:
                run()
                runs += 1
            taken.append((time.perf_counter() - start) / runs)
    return seconds


def main() -> None:
    """Run the chosen benchmarks."""
    suites = {
        "mlp-ntk": mlp_ntk.cases,
        "conv-ntk": conv_ntk.cases,
        "group-fourier": group_fourier.cases,
        "multiclass": multiclass.cases,
        "training": training.cases,
    }
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suite", nargs="*", default=list(suites), help=f"of {', '.join(suites)}")
    parser.add_argument("--repeats", type=int, default=3, help="counted runs of each (default 3)")
    parser.add_argument("--pairs", type=int, default=512, help="digit pairs of mlp-ntk")
    options = parser.parse_args()
    if unknown := set(options.suite) - set(suites):
        parser.error(
            f"no suite named {', '.join(sorted(unknown))}; choose from {', '.join(suites)}"
        )
    jax.config.update("jax_enable_x64", True)
    for name in options.suite:
        for case in suites[name](options.pairs):
            difference = case.difference(case.ours(), case.peer())  # and both are warm
            ours, peer = alternate(case.ours, case.peer, options.repeats)
            ratio = statistics.median(p / o for o, p in zip(ours, peer))
            print(
                f"{case.name:58} {statistics.median(ours):8.3f} s, peer "
                f"{statistics.median(peer):8.3f} s, ratio {ratio:6.1f} (target {case.target}) "
                f"{difference}",
                flush=True,
            )


if __name__ == "__main__":
    main()
