"""Images, and splits of them, for the tests that train networks or nearly do."""

import numpy as np
import pytest

from symlib import data


@pytest.fixture(scope="session")
def digits():
    """Images and labels of 240 digits."""
    digits = data.load()
    which = np.random.default_rng(0).permutation(len(digits.labels))[:240]
    return digits.images[which], digits.labels[which]


@pytest.fixture(scope="session")
def a_split():
    """A function that splits labels, a 3 missing upright, unless told otherwise."""
    partial_orbits = pytest.importorskip("symlib.partial_orbits")

    def split(labels, count=6, **changes):
        settings = {"held_class": 3, "fresh": 40, "generator": np.random.default_rng(1)}
        return partial_orbits.split(labels, count, **settings | changes)

    return split
