"""Numbers in the prose: the role ``{measured}`` prints what a chapter recorded, with its interval.

``{measured}`welcome.recognised.paper.2 %` `` becomes “17 % [13, 21]”. After the key may stand

- ``%`` or ``points``, units that both count in hundredths (one is “1 point”);
- ``bare``, which leaves the interval out;
- a number of digits, for a value that has no interval.

A value with an interval, and its ends, are rounded to the first digit of the interval's half-width,
or to the second where the first is a 1; any other value to two significant digits. No line breaks
before the unit or within the brackets.

``book/measured.csv`` holds the numbers of the prose at the quick scale, which readers run, so that
pages and notebooks say the same whichever machine built them. A build refuses a number that is not
what its own chapters recorded, to a thousandth of it or a tenth of its interval: by that much
machines may differ. ``make numbers`` takes those that differ by more.
"""

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import nbformat

from tools.claims import Measured

ROLE = re.compile(r"\{measured\}`([^`]+)`")
KEPT = Path("book", "measured.csv")

_PAYLOAD = "application/papermill.record/application/json"
_UNITS = ("%", "points")
_ENDS = ("value", "low", "high")


def show(target: str, numbers: Mapping[str, Measured]) -> str:
    """What the role prints for its target.

    Raises:
        ValueError: if the key is not among the numbers, or an option is unknown.
    """
    key, *options = target.split()
    if key not in numbers:
        raise ValueError(f"{key} must be in {KEPT} to be quoted; run make numbers")
    for option in options:
        if option not in (*_UNITS, "bare") and not re.fullmatch(r"[1-9]", option):
            raise ValueError(
                f"options of {{measured}} must be among %, points, bare and a number of digits, "
                f"got {option!r} after {key}"
            )
    unit = next((f"\u00a0{option}" for option in options if option in _UNITS), "")
    ends = [end * (100 if unit else 1) for end in _ends(numbers[key])]
    if len(set(ends)) == 1:
        digits = next((int(option) for option in options if option.isdecimal()), 2)
        return _counted(_rounded(ends[0], _decimals(ends[0], digits)), unit)
    value, low, high = ends
    width = (high - low) / 2
    decimals = _decimals(width, 2 if f"{width:e}".startswith("1") else 1)
    shown = _counted(_rounded(value, decimals), unit)
    interval = f" [{_rounded(low, decimals)},\u00a0{_rounded(high, decimals)}]"
    return shown if "bare" in options else shown + interval


def _decimals(value: float, digits: int) -> int:
    """How many decimals show so many significant digits."""
    return digits - 1 - (math.floor(math.log10(abs(value))) if value else 0)


def _rounded(value: float, decimals: int) -> str:
    rounded = round(value, decimals) + 0  # no −0
    return f"{rounded:,.{max(decimals, 0)}f}".replace("-", "−")


def _counted(text: str, unit: str) -> str:
    return text + (unit[:-1] if unit.endswith("points") and text in ("1", "−1") else unit)


def recorded(executed: Path, chapters: Iterable[str]) -> dict[str, Measured]:
    """All that these chapters recorded, from their executed notebooks in this folder."""
    found = {}
    for path in (executed / f"{name}.ipynb" for name in chapters):
        cells = nbformat.read(path, as_version=4).cells if path.exists() else []
        for output in (output for cell in cells for output in cell.get("outputs", ())):
            if _PAYLOAD in output.get("data", ()):
                record = json.loads(output["data"][_PAYLOAD])
                found[record["key"]] = Measured(*(record[end] for end in _ENDS))
    return found


def read(root: Path) -> dict[str, Measured]:
    """The numbers that the prose quotes, from ``book/measured.csv``."""
    if not (root / KEPT).exists():
        return {}
    with (root / KEPT).open() as file:
        return {
            row["key"]: Measured(*(float(row[end]) if row[end] else None for end in _ENDS))
            for row in csv.DictReader(file)
        }


def table(
    chapters: Mapping[str, str], kept: Mapping[str, Measured], found: Mapping[str, Measured]
) -> str:
    """The content of ``book/measured.csv``: what is quoted, new only where it is not what it was.

    Args:
        chapters: their text by name.
        kept: the numbers so far, which stay where their chapter was not executed.
        found: what the chapters recorded.
    """
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["key", *_ENDS])
    quoted = {match[1].split()[0] for text in chapters.values() for match in ROLE.finditer(text)}
    for key in sorted(quoted & (set(found) | set(kept))):
        stays = key not in found or (key in kept and _agree(kept[key], found[key]))
        rows.writerow([key, *(f"{end:.6g}" for end in _ends((kept if stays else found)[key]))])
    return file.getvalue()


def problems(
    chapters: Mapping[str, str], kept: Mapping[str, Measured], found: Mapping[str, Measured]
) -> list[str]:
    """What is wrong with the numbers of the prose, with file and line; as ``table``."""
    wrong = []
    for name, text in chapters.items():
        for match in ROLE.finditer(text):
            key, *_ = match[1].split()
            if key not in found:
                problem = f"no chapter recorded {key}"
            elif isinstance(found[key].value, bool):
                problem = f"{key} is a yes or no, and cannot be quoted"
            elif key not in kept:
                problem = f"{key} is not in {KEPT}; run make numbers"
            elif not _agree(kept[key], found[key]):
                then, now = (" ".join(f"{end:.6g}" for end in _ends(m[key])) for m in (kept, found))
                problem = (
                    f"{key} was {then} and is {now}; mend what changed it, or run make numbers"
                )
            else:
                continue
            wrong.append(f"book/{name}.md:{text[: match.start()].count(chr(10)) + 1}: {problem}")
    return wrong


def _agree(kept: Measured, found: Measured) -> bool:
    ours, theirs = _ends(kept), _ends(found)
    slack = 0.1 * (max(theirs) - min(theirs))
    return len(ours) == len(theirs) and all(
        abs(one - other) <= max(1e-3 * abs(other), slack) for one, other in zip(ours, theirs)
    )


def _ends(measured: Measured) -> list[float]:
    every = (measured.value, measured.low, measured.high)
    return [end for end in every if end is not None]
