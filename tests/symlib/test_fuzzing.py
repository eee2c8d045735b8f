"""Malformed input of every kind: refused with a reason, whatever of it is wrong, and never worse.

``make fuzz`` draws thousands; by default a few of each kind are tried.
"""

import contextlib
import gzip
import struct
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from symlib import (
    __main__,
    baselines,
    convolutions,
    data,
    groups,
    intervals,
    invariant,
    kernels,
    one_vs_rest,
    orbits,
    pairs,
    regression,
    results,
    rotated,
    spectral,
    streaming,
)
from symlib.experiments import NAMES

pytestmark = pytest.mark.slow

SEEDS = st.integers(0, 2**32 - 1)
FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
C3 = groups.cyclic(3)
NTK = kernels.DenseNtk()


def draw(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def gram(seed, points=6):
    features = draw(seed, points, 3 * points)
    return features @ features.T


def put(array, seed, value):
    """The array with one entry replaced."""
    changed = np.array(array)
    changed.flat[seed % changed.size] = value
    return changed


def bent(seed):
    """A Gram matrix with one entry that is not its mirror image."""
    changed = gram(seed)
    changed[seed % 5, 5] += 1 + seed % 7
    return changed


# What is wrong with a Gram matrix of six points.
GRAMS = {
    "a NaN": lambda seed: put(gram(seed), seed, np.nan),
    "an infinity": lambda seed: put(gram(seed), seed, (-1) ** seed * np.inf),
    "not symmetric": bent,
    "rows missing": lambda seed: gram(seed)[: seed % 5 + 1],
    "columns missing": lambda seed: gram(seed)[:, : seed % 5 + 1],
    "one axis": lambda seed: gram(seed).ravel(),
    "a number": lambda seed: np.float64(seed),
    "empty": lambda seed: gram(seed)[:0, :0],
    "float32": lambda seed: gram(seed).astype("float32"),
    "float16": lambda seed: gram(seed).astype("float16"),
    "integers": lambda seed: np.eye(6, dtype=int) * (seed % 9 + 1),
    "complex": lambda seed: gram(seed) + 0j,
    "objects": lambda seed: gram(seed).astype(object),
    "text": lambda seed: gram(seed).astype(str),
    "a mask": lambda seed: np.ma.array(gram(seed), mask=put(np.zeros((6, 6)), seed, 1)),
    "None": lambda seed: None,
    "a bad one of two": lambda seed: np.stack([gram(seed), bent(seed)]),
    "negative": lambda seed: -gram(seed),
    "indefinite": lambda seed: (
        gram(seed) - 2 * np.linalg.eigvalsh(gram(seed))[seed % 6] * np.eye(6)
    ),
}
LABELS = np.array([1.0, -1.0] * 3)
OF_GRAM = {
    "leave_one_out": lambda k: regression.leave_one_out(k, LABELS, ridge=0.0),
    "leave_out": lambda k: regression.leave_out(k, LABELS, [0, 3], ridge=0.0),
    "leave_sets_out": lambda k: regression.leave_sets_out(k, LABELS, [[0], [1, 2]], ridge=0.0),
    "refit": lambda k: regression.refit(k, LABELS, [0, 3], ridge=0.0),
    "predict": lambda k: regression.predict(k, np.ones((2, 6)), LABELS, ridge=0.0),
    "spectral_error": lambda k: spectral.spectral_error(k, ridge=0.0),
    "balanced_error": lambda k: spectral.balanced_error(k, ridge=0.0),
    "pairs.errors": lambda k: pairs.errors(np.ma.asanyarray(k)[None], ridge=0.0),
}
# Those that solve for the whole matrix; the others meet another one, which may be definite.
WHOLE = ("leave_one_out", "leave_out", "leave_sets_out", "predict")

RIDGES = st.one_of(
    st.floats(max_value=-1e-300),
    st.sampled_from([np.nan, np.inf, -np.inf, 1j, None, "1", [0.1], np.ones(2), {}]),
)
HELD_OUT = st.one_of(
    st.lists(st.integers(6, 2**40), min_size=1, max_size=3),
    st.lists(st.integers(-(2**40), -1), min_size=1, max_size=3),
    st.integers(0, 5).map(lambda k: [k, k]),
    st.sampled_from([[], list(range(6)), [0.0], ["0"], [[0, 1]], 0, None, [True, False], [None]]),
)
COUNTS = st.one_of(
    st.integers(max_value=0), st.floats(), st.sampled_from([None, "4", [4], np.nan, 4.0, 2.5])
)
NUMBERS = st.one_of(
    st.floats(max_value=-1e-300), st.sampled_from([np.nan, np.inf, None, "1", [1.0], 1j])
)
IMAGES = {
    "a NaN": lambda seed: put(draw(seed, 2, 8, 8), seed, np.nan),
    "an infinity": lambda seed: put(draw(seed, 2, 8, 8), seed, np.inf),
    "not square": lambda seed: draw(seed, 2, 8, 7),
    "one axis": lambda seed: draw(seed, 8),
    "objects": lambda seed: draw(seed, 2, 8, 8).astype(object),
    "text": lambda seed: draw(seed, 2, 8, 8).astype(str),
    "None": lambda seed: None,
    "a mask": lambda seed: np.ma.array(draw(seed, 2, 8, 8), mask=put(np.zeros((2, 8, 8)), seed, 1)),
}
OF_IMAGES = {
    "rotations": lambda images: orbits.rotations(images, 4),
    "rotate": lambda images: orbits.rotate(images, np.array([0.3])),
    "turn_kernel": lambda images: rotated.turn_kernel(images, 4, NTK),
    "rotation_kernels": lambda images: rotated.rotation_kernels(images, (4,), NTK),
    "orbit_images": lambda images: rotated.orbit_images(images, 4),
}
POINTS = {
    "a NaN": lambda seed: put(draw(seed, 4, 3), seed, np.nan),
    "an infinity": lambda seed: put(draw(seed, 4, 3), seed, np.inf),
    "one axis": lambda seed: draw(seed, 4),
    "float32": lambda seed: draw(seed, 4, 3).astype("float32"),
    "objects": lambda seed: draw(seed, 4, 3).astype(object),
    "text": lambda seed: draw(seed, 4, 3).astype(str),
    "None": lambda seed: None,
}
OF_POINTS = {
    "rbf": lambda x: kernels.rbf(x, inverse_length=1.0),
    "distance": lambda x: kernels.distance(x, constant=9.0),
    "ntk": lambda x: kernels.ntk(x, hidden_layers=1),
    "nngp": lambda x: kernels.nngp(x, hidden_layers=1),
    "streamed_gram": lambda x: streaming.streamed_gram(NTK, x),
}
X = draw(0, 4, 3)


def tables():
    """Cayley tables that are of no group: one entry of a group's changed, or none of one."""
    changed = st.builds(
        lambda n, place, by: put(groups.cyclic(n).table, place, (by + place) % n),
        st.integers(2, 6),
        SEEDS,
        st.integers(1, 5),
    )
    broken = changed.filter(lambda t: not is_group(t))
    random = st.builds(
        lambda seed, n: np.random.default_rng(seed).integers(-1, n + 1, size=(n, n)),
        SEEDS,
        st.integers(2, 6),
    ).filter(lambda t: not is_group(t))
    odd = st.sampled_from([[], [[]], [[0.0]], [["0"]], None, [[1]], [[0, 1]], "x", [[0, 1], [1]]])
    return st.one_of(broken, random, odd)


def is_group(table):
    n = len(table)
    inside = ((table >= 0) & (table < n)).all()
    return (
        inside
        and (table[0] == np.arange(n)).all()
        and (table[:, 0] == np.arange(n)).all()
        and (np.sort(table, axis=1) == np.arange(n)).all()
        and (table[table] == table[:, table]).all()
    )


LABELLED = data.load()
CALLS = {
    "ridge": (RIDGES, lambda r: regression.leave_one_out(gram(0), LABELS, ridge=r)),
    "ridge of a group": (
        RIDGES,
        lambda r: invariant.leave_one_out(C3, np.ones((1, 1, 3)), np.ones((1, 3)), ridge=r),
    ),
    "ridge of a ratio": (RIDGES, lambda r: spectral.spectral_error(gram(0), ridge=r)),
    "ridge of classes": (
        RIDGES,
        lambda r: one_vs_rest.left_out(np.ones((2, 2, 4)), np.array([0, 1]), ridge=r),
    ),
    "held out": (HELD_OUT, lambda h: regression.leave_out(gram(0), LABELS, h, ridge=0.1)),
    "held out of refit": (HELD_OUT, lambda h: regression.refit(gram(0), LABELS, h, ridge=0.1)),
    "held out of sets": (
        HELD_OUT,
        lambda h: regression.leave_sets_out(gram(0), LABELS, [[0], h], ridge=0.1),
    ),
    "held out of neighbours": (HELD_OUT, lambda h: baselines.nearest(draw(0, 6, 2), LABELS, h)),
    "labels": (
        st.sampled_from(
            [LABELS[:5], LABELS[None], put(LABELS, 1, np.nan), LABELS.astype(str), None, 1.0]
        ),
        lambda y: regression.leave_one_out(gram(0), y, ridge=0.1),
    ),
    "order": (COUNTS, groups.cyclic),
    "sides": (COUNTS, groups.dihedral),
    "letters": (st.one_of(COUNTS, st.integers(7, 10**9)), groups.symmetric),
    "table": (tables(), lambda t: groups.from_table(t, name="drawn")),
    "rotations": (COUNTS, lambda n: orbits.rotations(draw(0, 8, 8), n)),
    "shifts": (
        st.one_of(COUNTS, st.sampled_from([3, 5, 7, 9, 16])),
        lambda n: orbits.circular_shifts(draw(0, 8, 8), n),
    ),
    "points of circles": (COUNTS, lambda n: orbits.two_circles(n, 1.0)),
    "rotations of a kernel": (
        COUNTS,
        lambda n: rotated.turn_kernel(draw(0, 2, 8, 8), n, NTK),
    ),
    "length": (st.one_of(NUMBERS, st.just(0.0)), lambda v: kernels.rbf(X, inverse_length=v)),
    "constant": (NUMBERS, lambda v: kernels.distance(X, constant=v)),
    "weights": (
        st.one_of(NUMBERS, st.just(0.0)),
        lambda v: kernels.ntk(X, hidden_layers=1, weight_std=v),
    ),
    "biases": (NUMBERS, lambda v: kernels.ntk(X, hidden_layers=1, bias_std=v)),
    "layers": (
        st.one_of(st.integers(max_value=-1), st.sampled_from([1.5, None, "2", np.nan, [1]])),
        lambda v: kernels.ntk(X, hidden_layers=v),
    ),
    "nonlinearity": (
        st.one_of(st.text(max_size=4).filter(lambda t: t not in ("relu", "erf")), st.none()),
        lambda v: kernels.ntk(X, hidden_layers=1, nonlinearity=v),
    ),
    "filter": (
        st.one_of(COUNTS, st.sampled_from([2, 4, 9, 11])),
        lambda v: convolutions.conv_ntk(draw(0, 1, 6, 6, 1), filter_size=v),
    ),
    "readout": (
        st.text(max_size=4).filter(lambda text: text != "pool"),
        lambda v: convolutions.conv_ntk(draw(0, 1, 6, 6, 1), readout=v),
    ),
    "shares": (
        st.one_of(
            st.lists(st.floats(1.001), min_size=1, max_size=3),
            st.lists(st.floats(max_value=-0.001), min_size=1, max_size=3),
            st.sampled_from([[], [np.nan], [[0.5]], 0.5]),
        ),
        lambda v: intervals.share(np.array(v)),
    ),
    "units": (
        st.sampled_from(["missing", "", 3, None]),
        lambda by: intervals.bootstrap(
            len, pd.DataFrame({"digit": [1.0, np.nan], None: [1, np.nan]}), by=by or "digit"
        ),
    ),
    "protocol": (st.text(max_size=6), lambda v: pairs.held_out_sets(v, 4)),
    "classes": (
        st.lists(st.integers(10, 99) | st.integers(-9, -1), min_size=1, max_size=3),
        lambda c: data.exemplars(LABELLED.labels, c, 2, generator=np.random.default_rng(0)),
    ),
    "images of a class": (
        st.one_of(COUNTS, st.integers(5000, 10**12)),
        lambda n: data.exemplars(LABELLED.labels, [1], n, generator=np.random.default_rng(0)),
    ),
    "number of pairs": (
        st.one_of(COUNTS, st.integers(10**9, 10**12)),
        lambda n: data.pairs_of_classes(LABELLED.labels, n, generator=np.random.default_rng(0)),
    ),
    "data set": (st.text(max_size=8), data.load),
    "part": (st.text(max_size=8), lambda v: data.load("mnist", split=v)),
}
CALLS |= {
    f"{door} of images: {what}": (SEEDS, lambda seed, call=call, make=make: call(make(seed)))
    for door, call in OF_IMAGES.items()
    for what, make in IMAGES.items()
}
CALLS |= {
    f"{door} of points: {what}": (SEEDS, lambda seed, call=call, make=make: call(make(seed)))
    for door, call in OF_POINTS.items()
    for what, make in POINTS.items()
    if (door, what) != ("streamed_gram", "one axis")
}
CALLS |= {
    f"{door} of a Gram matrix: {what}": (SEEDS, lambda seed, call=call, make=make: call(make(seed)))
    for door, call in OF_GRAM.items()
    for what, make in GRAMS.items()
    if door in WHOLE or what not in ("negative", "indefinite")
    if (door, what) != ("pairs.errors", "a bad one of two")
}


@pytest.mark.parametrize("kind", CALLS)
def test_is_refused_with_a_reason(kind, untyped):
    malformed, call = CALLS[kind]

    @FUZZ
    @given(malformed)
    def refused(value):
        with pytest.raises(ValueError, match=" must ") as caught:
            call(value)
        assert "got" in str(caught.value), caught.value

    refused()


OPTIONS = ("counts", "pairs", "ridge", "seed", "images", "draws", "batch", "held", "out", "jobs")
OPTIONS += ("hidden-layers", "weight-std", "dataset", "learning-rate", "cluster", "scale")
BAD = ("-1", "nan", "inf", "1e999", "x", "0x1", "1.5", "[1]", "--", "None,", "½", "", "1 2", "\n")
BAD += ("/nowhere/at/all", "true", "-", "=", "1;2", "☃", "9" * 40)
TYPED = st.lists(
    st.tuples(st.sampled_from(OPTIONS).map("--{}".format), st.sampled_from(BAD)), max_size=3
)


@FUZZ
@given(st.sampled_from([*NAMES, "fig1", "nothing", ""]), TYPED)
def test_the_command_line_refuses_in_words(capsys, name, options):
    """What is typed is understood, or refused before anything is computed."""
    given_options = [word for pair in options for word in pair]
    try:
        code = __main__.main(["run", name, *given_options, "--dry-run"])
    except SystemExit as stop:
        code = stop.code
    said = capsys.readouterr()
    assert code in (None, 0, 2), (code, said)
    assert "Traceback" not in said.err + said.out
    if code == 2:
        assert said.err.strip() or said.out.strip()


SMALL = ("two-circles", "circulant-spectrum")
SOME = st.tuples(
    st.sampled_from(
        ["--counts", "--offsets", "--offset", "--inverse-length", "--ridge-per-point", "--out"]
    ),
    st.sampled_from([*BAD, "0", "3", "4", "0.5", "1e-3", "a.csv", "4.csv"]),
)


@settings(FUZZ, max_examples=5 * FUZZ.max_examples if FUZZ.max_examples >= 100 else 3)
@given(
    st.one_of(
        st.tuples(st.sampled_from(NAMES), TYPED.map(lambda o: [*o, ("--dry-run",)])),
        st.tuples(st.sampled_from(SMALL), st.lists(SOME, max_size=3)),
    )
)
def test_a_command_ends_with_a_table_or_in_words(tmp_path_factory, typed):
    """As from a shell, in a process of its own: small experiments run, of the others the plan."""
    name, options = typed
    folder = tmp_path_factory.mktemp("typed")
    words = [word for option in options for word in option]
    ended = subprocess.run(
        [sys.executable, "-m", "symlib", "run", name, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,  # a busy machine is not a hang
        check=False,
    )
    assert ended.returncode in (0, 2), ended
    assert "Traceback" not in ended.stderr + ended.stdout
    left = list(folder.iterdir())
    if ended.returncode == 2:
        assert (ended.stderr + ended.stdout).strip()
        assert not left
    elif "--dry-run" not in words:
        (table,) = left
        frame = results.load(table)[0]
        assert len(frame) > 0
        assert np.isfinite(frame.select_dtypes("number")).all(axis=None)


@FUZZ
@given(SEEDS, st.integers(1, 40))
def test_damaged_image_files_are_refused(tmp_path_factory, seed, flips):
    """A file of images is read as an array of bytes, or refused."""
    generator = np.random.default_rng(seed)
    header = struct.pack(">iiii", 2051, 3, 4, 4)
    content = bytearray(header + generator.integers(256, size=48, dtype=np.uint8).tobytes())
    for place in generator.integers(len(content), size=flips):
        content[place] = generator.integers(256)
    packed = bytearray(gzip.compress(bytes(content)))
    packed[generator.integers(len(packed))] ^= 1 << generator.integers(8)
    path = tmp_path_factory.mktemp("data") / "images.gz"
    for raw in (packed, content, content[: generator.integers(len(content))], b""):
        path.write_bytes(raw)
        found = None
        with contextlib.suppress(data.DataError):
            found = data._array(path)
        assert found is None or found.dtype == np.uint8


@FUZZ
@given(st.binary(max_size=200))
def test_whatever_is_no_table_is_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("tables") / "table.csv"
    for raw in (content, b"# " + content):
        path.write_bytes(raw)
        with pytest.raises(ValueError, match="must hold results"):
            results.load(path)
