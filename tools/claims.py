"""The ledger of claims: what each row expects, and whether the measured values meet it.

A row of ``book/claims.yml`` has

- ``id``, ``statement``, ``source`` and the ``chapter`` that measures it;
- ``kind``, one of ``KINDS``: what sort of number it is; an equivalence is only claimed where the
  whole interval lies inside its margin;
- ``unit``, one of ``UNITS``: what is sampled, and what the interval is over;
- ``key``, what the chapter records, with ``over`` where one row speaks of many values:
  ``key: a.{n}`` with ``over: {n: [1, 2]}`` stands for ``a.1`` and ``a.2``;
- ``expect``: any of ``min``, ``max`` and ``equal``; with ``interval: true`` the whole interval of
  a value must lie between ``min`` and ``max``, not just the value;
- ``fails``: the keys that are on record as not meeting it. None by default.

``book/verdicts.yml`` sums them up: for each of the paper's claims one of ``VERDICTS``, and

- ``id``, and the ``claim`` in a sentence;
- ``because``: a sentence that says why this is the verdict;
- ``figure``: the name of the figure that shows it best;
- ``rows``: the rows of the ledger that it rests on.
"""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import yaml

__all__ = [
    "KINDS",
    "UNITS",
    "VERDICTS",
    "Claim",
    "Measured",
    "Verdict",
    "load",
    "load_verdicts",
    "meets",
]

KINDS = (
    "share",
    "mean",
    "paired difference",
    "equivalence",
    "identity",
    "correlation",
    "ratio",
    "fact",
)
UNITS = ("image", "pair", "digit", "seed", "draw", "network", "none")
VERDICTS = ("holds", "holds with limits", "does not hold", "cannot tell here")

_FIELDS = {"id", "statement", "source", "chapter", "kind", "unit", "key", "over", "expect", "fails"}
_EXPECTATIONS = {"min", "max", "equal", "interval"}


@dataclass(frozen=True)
class Measured:
    """A recorded value, with its interval if it has one."""

    value: float | bool
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Claim:
    """One row of the ledger; ``keys`` are all its values, and ``labels`` tell them apart."""

    id: str
    statement: str
    source: str
    chapter: str
    kind: str
    unit: str
    keys: tuple[str, ...]
    labels: tuple[str, ...]
    expect: dict
    fails: frozenset[str]

    @property
    def group(self) -> str:
        """``"identities"``, or whose claim it is: ``"paper"`` or ``"ours"``."""
        if self.kind == "identity":
            return "identities"
        return "paper" if self.source.startswith("Perin & Deny 2025") else "ours"


@dataclass(frozen=True)
class Verdict:
    """What the book finds of one of the paper's claims."""

    id: str
    claim: str
    verdict: str
    because: str
    figure: str
    rows: tuple[str, ...]


def load(path: Path) -> list[Claim]:
    """Read the ledger.

    Raises:
        ValueError: if a row lacks a field, has an unknown field or value, or repeats an id.
    """
    claims: list[Claim] = []
    for row in yaml.safe_load(path.read_text("utf-8")):
        name = row.get("id", row)
        if set(row) - _FIELDS or _FIELDS - {"over", "fails"} - set(row):
            raise ValueError(f"{path.name}: row {name} must have the fields {sorted(_FIELDS)}")
        if not row["expect"] or set(row["expect"]) - _EXPECTATIONS:
            raise ValueError(f"{path.name}: row {name} must expect some of {_EXPECTATIONS}")
        if row["kind"] not in KINDS or row["unit"] not in UNITS:
            raise ValueError(
                f"{path.name}: row {name} must have a kind among {KINDS} and a unit among {UNITS}, "
                f"got {row['kind']!r} and {row['unit']!r}"
            )
        if row["kind"] == "equivalence" and set(row["expect"]) != {"min", "max", "interval"}:
            raise ValueError(
                f"{path.name}: row {name} claims an equivalence, so it must expect min, max and "
                "interval: true"
            )
        over = row.get("over", {})
        chosen = [dict(zip(over, values)) for values in product(*over.values())]
        keys = tuple(row["key"].format(**values) for values in chosen)
        fails = frozenset(row.get("fails", ()))
        if fails - set(keys):
            raise ValueError(f"{path.name}: row {name} has failures that are not among its keys")
        if any(claim.id == row["id"] for claim in claims):
            raise ValueError(f"{path.name}: row {name} is there twice")
        claims.append(
            Claim(
                id=row["id"],
                statement=row["statement"],
                source=row["source"],
                chapter=row["chapter"],
                kind=row["kind"],
                unit=row["unit"],
                keys=keys,
                labels=tuple(map(_label, chosen)),
                expect=row["expect"],
                fails=fails,
            )
        )
    return claims


def _label(values: dict[str, str | float]) -> str:
    """What tells one value of a row from the others: numbers with their name, words without."""
    parts = []
    for name, value in values.items():
        shown = "N" if name == "n" else name
        parts.append(value.replace("_", " ") if isinstance(value, str) else f"{shown} {value}")
    return ", ".join(parts)


def load_verdicts(path: Path, ledger: list[Claim]) -> list[Verdict]:
    """Read the verdicts on the paper's claims.

    Raises:
        ValueError: if one is not among ``VERDICTS``, rests on rows that are not in the ledger, or
            says that a claim holds of which a row is on record as failing.
    """
    rows = {claim.id: claim for claim in ledger}
    verdicts = [
        Verdict(**entry | {"rows": tuple(entry["rows"])})
        for entry in yaml.safe_load(path.read_text("utf-8"))
    ]
    for verdict in verdicts:
        where = f"{path.name}: {verdict.id}"
        if verdict.verdict not in VERDICTS:
            raise ValueError(f"{where} must be one of {VERDICTS}, got {verdict.verdict!r}")
        if unknown := [row for row in verdict.rows if row not in rows]:
            raise ValueError(f"{where} must rest on rows of the ledger, got {unknown}")
        failing = [row for row in verdict.rows if rows[row].fails]
        if verdict.verdict == "holds" and failing:
            raise ValueError(f"{where} must not be 'holds' while these rows fail: {failing}")
    return verdicts


def meets(measured: Measured, expect: dict) -> bool:
    """Whether a measured value is what was expected."""
    low = high = measured.value
    if expect.get("interval"):
        if measured.low is None or measured.high is None:
            return False
        low, high = measured.low, measured.high
    return (
        low >= expect.get("min", low)
        and high <= expect.get("max", high)
        and measured.value == expect.get("equal", measured.value)
    )
