"""The leave-out identity against training again without the held-out points."""

import numpy as np
import pytest

from symlib import regression

generator = np.random.default_rng(0)


def random_gram(points, batch=(), condition=1e3):
    basis, _ = np.linalg.qr(generator.normal(size=(*batch, points, points)))
    gram = basis * np.geomspace(1, 1 / condition, points) @ basis.swapaxes(-1, -2)
    return (gram + gram.swapaxes(-1, -2)) / 2


@pytest.mark.parametrize("ridge", [0.0, 1e-3, 1.0])
@pytest.mark.parametrize("outputs", [(), (1,), (3,)])
@pytest.mark.parametrize("held", [1, 2, 7, 11])
def test_leave_out_identity(ridge, outputs, held):
    gram = random_gram(12, batch=(2,))
    labels = generator.normal(size=(12, *outputs))
    held_out = generator.permutation(12)[:held]
    refit = regression.refit(gram, labels, held_out, ridge=ridge)
    assert refit.shape == (2, held, *outputs)
    np.testing.assert_allclose(
        regression.leave_out(gram, labels, held_out, ridge=ridge), refit, rtol=1e-9, atol=1e-11
    )


def test_leave_one_out_is_leaving_out_each():
    gram, labels = random_gram(9), generator.normal(size=9)
    each = [regression.refit(gram, labels, [p], ridge=0.1)[0] for p in range(9)]
    np.testing.assert_allclose(regression.leave_one_out(gram, labels, ridge=0.1), each)


def test_predict_solves_the_ridge_problem():
    """Against the minimiser of ‖y - Xw‖² + ridge‖w‖² for a linear kernel."""
    x, new, labels = (generator.normal(size=s) for s in ((10, 4), (3, 4), (10,)))
    weights = np.linalg.solve(x.T @ x + 0.3 * np.eye(4), x.T @ labels)
    np.testing.assert_allclose(
        regression.predict(x @ x.T, new @ x.T, labels, ridge=0.3), new @ weights
    )


def test_sign_of_the_prediction_decides():
    labels = np.array([1.0, 1.0, -1.0, -1.0])
    predicted = np.array([0.2, -0.2, -3.0, 0.1])
    correct = regression.is_correct(labels - predicted, labels)
    assert correct.tolist() == [True, False, True, False]


GRAM = random_gram(6)
LABELS = np.ones(6)
SINGULAR = np.ones((6, 6))
ALL = np.arange(6)


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize("solve", [regression.leave_out, regression.refit])
@pytest.mark.parametrize(
    ("gram", "labels", "held_out", "ridge", "message"),
    [
        (GRAM[:, :5], LABELS, ALL[:1], 0.0, r"gram must be square.*\(6, 5\)"),
        (GRAM[0], LABELS, ALL[:1], 0.0, "gram must be square"),
        (GRAM * np.nan, LABELS, ALL[:1], 0.0, "gram must be finite"),
        (GRAM.astype("float32"), LABELS, ALL[:1], 0.0, "gram must be float64, got float32"),
        (GRAM + np.triu(GRAM), LABELS, ALL[:1], 0.0, "gram must be symmetric"),
        (GRAM, LABELS, ALL[:1], -1.0, r"ridge must be a finite number ≥ 0, got -1\.0"),
        (GRAM, LABELS, ALL[:1], np.inf, "ridge must be a finite number"),
        (GRAM, LABELS[:5], ALL[:1], 0.0, r"labels must have one row.*\(5,\)"),
        (GRAM, LABELS.astype("float32"), ALL[:1], 0.0, "labels must be float64"),
        (GRAM, LABELS * np.inf, ALL[:1], 0.0, "labels must be finite"),
        (GRAM, LABELS, ALL[:0], 0.0, "at least one and fewer than all of the 6 points, got 0"),
        (GRAM, LABELS, ALL, 0.0, "fewer than all of the 6 points, got 6"),
        (GRAM, LABELS, np.array([0, 0]), 0.0, "distinct indices from 0 to 5"),
        (GRAM, LABELS, np.array([6]), 0.0, "distinct indices from 0 to 5"),
        (GRAM, LABELS, np.array([-1]), 0.0, "distinct indices from 0 to 5"),
        (GRAM, LABELS, np.array([0.5]), 0.0, "integer indices"),
        (GRAM, LABELS, np.array([[0]]), 0.0, "integer indices"),
        (GRAM - 0.5 * np.eye(6), LABELS, ALL[:1], 0.0, "indefinite"),
        (SINGULAR, LABELS, ALL[:1], 0.0, "singular to working precision"),
        (SINGULAR, LABELS, ALL[:1], 1e-17, "singular to working precision"),
    ],
)
def test_bad_input(solve, gram, labels, held_out, ridge, message):
    with pytest.raises(ValueError, match=message):
        solve(gram, labels, held_out, ridge=ridge)


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: regression.predict(GRAM, GRAM[:, :5], LABELS, ridge=0.0), "cross_gram must have"),
        (
            lambda: regression.predict(GRAM, GRAM.astype("float32"), LABELS, ridge=0.0),
            "cross_gram must be float64",
        ),
        (
            lambda: regression.leave_one_out(np.eye(1), np.ones(1), ridge=0.0),
            "at least two points",
        ),
        (
            lambda: regression.leave_one_out(np.zeros((0, 0)), np.ones(0), ridge=0.0),
            "square",
        ),
    ],
)
def test_bad_input_elsewhere(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_one_bad_gram_in_a_batch_is_noticed():
    grams = np.stack([GRAM, SINGULAR])
    with pytest.raises(ValueError, match="singular"):
        regression.leave_one_out(grams, LABELS, ridge=0.0)
