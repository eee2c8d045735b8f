"""What the mutants of the mathematics say about its tests.

``python -m tools.mutants``, after ``mutmut run``, counts what became of them, module by module, and
prints the survivors that ``tests/equivalent-mutants.yml`` does not name, as that file would name
them. It fails if less than 95 % of all others were noticed, or more than 3 % are called equivalent.
"""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import yaml
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code

EQUIVALENT = Path("tests/equivalent-mutants.yml")
NOTICED, CALLED_EQUIVALENT = 0.95, 0.03  # at least, at most


class Mutant(NamedTuple):
    """A function of symlib, lines of it, and what stands in their place."""

    function: str
    was: str
    now: str


def changed(name: str, path: Path) -> Mutant:
    """The mutant that mutmut calls by this name, of the module with this path."""
    module, _, key = name.removeprefix("symlib.").rpartition(".")
    function = key.partition("__mutmut_")[0][2:].replace("ǁ", ".")  # x_f, xǁCǁf
    diff = get_diff_for_mutant(name, path=path).splitlines()[2:]  # below the names of the files
    was, now = ("\n".join(line[1:].strip() for line in diff if line[0] == sign) for sign in "-+")
    return Mutant(f"{module}.{function}", was, now)


def equivalent() -> set[Mutant]:
    """The mutants that no test can notice, as far as it was seen."""
    groups = yaml.safe_load(EQUIVALENT.read_text("utf-8"))
    return {Mutant(**mutant) for group in groups for mutant in group["mutants"]}


def main() -> int:
    """Count, print and judge."""
    known, others, totals, excused = equivalent(), [], Counter[str](), 0
    for path in sorted(Path("symlib").glob("*.py")):
        data = SourceFileMutationData(path=path)
        data.load()
        statuses = {name: status_by_exit_code[c] for name, c in data.exit_code_by_key.items()}
        counts = Counter(statuses.values())
        survivors = [changed(name, path) for name, s in statuses.items() if s == "survived"]
        new = [mutant for mutant in survivors if mutant not in known]
        excused += len(survivors) - len(new)
        others += new
        totals += counts
        if counts:
            print(f"{path.stem:15}", ", ".join(f"{count} {s}" for s, count in counts.items()))
    shown = yaml.safe_dump([m._asdict() for m in others], sort_keys=False, allow_unicode=True)
    print(f"\nsurvivors that are not called equivalent:\n{shown}")
    tried = totals.total() - totals["not checked"]
    noticed = 1 - (len(others) + totals["no tests"]) / (tried - excused)
    print(
        f"{tried} tried, {excused / tried:.1%} called equivalent, {noticed:.1%} of others noticed"
    )
    return int(noticed < NOTICED or excused / tried > CALLED_EQUIVALENT)


if __name__ == "__main__":
    raise SystemExit(main())
