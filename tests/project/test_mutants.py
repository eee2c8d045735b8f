"""Mutants that are called equivalent are of code that is there."""

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def test_equivalent_mutants_are_of_todays_code():
    groups = yaml.safe_load((ROOT / "tests" / "equivalent-mutants.yml").read_text("utf-8"))
    for group in groups:
        assert len(group["why"]) > 20
        for mutant in group["mutants"]:
            module, _, function = mutant["function"].partition(".")
            source = (ROOT / "symlib" / f"{module}.py").read_text("utf-8")
            assert f"def {function.rpartition('.')[-1]}(" in source, mutant
            lines = {line.strip() for line in source.splitlines()}
            assert set(mutant["was"].splitlines()) <= lines, mutant
