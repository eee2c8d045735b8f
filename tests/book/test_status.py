"""How each stored table was made, as a command that today's command line takes."""

import shlex
from pathlib import Path

import pytest

from symlib import results
from symlib.__main__ import main
from tools import status

STORED = sorted(
    path.stem for path in (Path(__file__).parents[2] / "book" / "results").glob("*.csv")
)


@pytest.mark.parametrize("name", ["cntk-64-5", "grokking-mlp", "rotated-two-cnn", "foresight"])
def test_command_has_the_settings_of_the_table(name, capsys):
    about = results.stored(name)[1]
    _, *words = shlex.split(status.command(about))
    main([*words, "--dry-run"])
    shown = capsys.readouterr().out
    for key, value in status._flat(about["settings"]):
        asked = tuple(value) if isinstance(value, list) else value
        assert f"{key}={asked!r}" in shown, key


def test_most_tables_can_be_made_again():
    made = [name for name in STORED if status.command(results.stored(name)[1])]
    assert len(made) >= 0.8 * len(STORED)
