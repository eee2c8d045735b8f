"""Baselines against loops over points, and against kernel regression where it knows no more."""

import numpy as np
import pytest

from symlib import baselines, kernels, regression

generator = np.random.default_rng(0)


@pytest.mark.parametrize("count", [2, 4, 64])
def test_a_kernel_of_a_constant_alone_knows_the_mean_of_the_labels(count):
    labels = np.repeat([1.0, -1.0], count)
    gram = 1e6 + np.eye(2 * count)
    one = regression.leave_out(gram, labels, [0], ridge=0.0)[0]
    assert one == pytest.approx(baselines.label_mean_error(count - 1, count), rel=1e-5)
    assert one == pytest.approx(2 * count / (2 * count - 1), rel=1e-5)
    both = regression.leave_out(gram, labels, [0, count], ridge=0.0)
    assert np.abs(both) == pytest.approx(baselines.label_mean_error(count - 1, count - 1), rel=1e-5)


def test_nearest_takes_no_unseen_point():
    points, labels = generator.normal(size=(12, 3)), generator.normal(size=(12, 2))
    held_out = [3, 7, 8]
    for found, unseen in zip(baselines.nearest(points, labels, held_out), held_out):
        distances = [
            np.inf if p in held_out else np.sum((points[p] - points[unseen]) ** 2)
            for p in range(12)
        ]
        np.testing.assert_array_equal(found, labels[np.argmin(distances)])


@pytest.mark.parametrize("features", [3, 40])
def test_linear_regression_is_least_squares_with_a_cheap_constant(features):
    """With more features than points, the least norm; with fewer, least squares."""
    points, labels = generator.normal(size=(15, features)), generator.normal(size=15)
    found = baselines.linear_regression(points, labels, [0, 4])
    seen = np.setdiff1d(np.arange(15), [0, 4])
    design = np.column_stack([points, 1e4 * np.ones(15)])
    weights = np.linalg.pinv(design[seen]) @ labels[seen]
    np.testing.assert_allclose(found, design[[0, 4]] @ weights, rtol=1e-5)


def test_linear_regression_is_the_ntk_without_hidden_layers():
    points, labels = generator.normal(size=(15, 40)), generator.normal(size=15)
    gram = np.asarray(kernels.ntk(points, hidden_layers=0, bias_std=1e4))
    by_kernel = labels[[0, 4]] - regression.leave_out(gram, labels, [0, 4], ridge=0.0)
    np.testing.assert_allclose(
        baselines.linear_regression(points, labels, [0, 4]), by_kernel, rtol=1e-5
    )


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize("predict", [baselines.nearest, baselines.linear_regression])
@pytest.mark.parametrize(
    ("points", "labels", "held_out", "message"),
    [
        (np.ones((3, 2)), np.ones(4), [0], r"one row for each label, got shapes \(3, 2\) and"),
        (np.ones((3, 2, 2)), np.ones(3), [0], "flatten images"),
        (np.ones((3, 2), "float32"), np.ones(3), [0], "points must be float64"),
        (np.ones((3, 2)), np.ones(3), [3], "distinct indices from 0 to 2"),
        (np.ones((3, 2)), np.ones(3), [0, 1, 2], "fewer than all"),
    ],
)
def test_bad_input(predict, points, labels, held_out, message):
    with pytest.raises(ValueError, match=message):
        predict(points, labels, held_out)


@pytest.mark.parametrize(("same", "other"), [(-1, 2), (0, 0)])
def test_label_mean_needs_labels(same, other):
    with pytest.raises(ValueError, match="numbers of points"):
        baselines.label_mean_error(same, other)
