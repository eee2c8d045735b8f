"""The leave-out identity against training again without the held-out points."""

import mpmath
import numpy as np
import pytest

from symlib import groups, invariant, kernels, orbits, regression, solving, spectral

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


@pytest.mark.parametrize("batch", [(), (2,), (3, 2)])
@pytest.mark.parametrize("outputs", [(), (2,), (2, 3)])
def test_predict_solves_the_ridge_problem(outputs, batch):
    """Against the minimiser of ‖y - Xw‖² + ridge‖w‖² for a linear kernel."""
    x, new = (generator.normal(size=(*batch, points, 4)) for points in (10, 3))
    labels = generator.normal(size=(10, *outputs))
    columns = labels.reshape(10, -1)
    predicted = regression.predict(x @ x.mT, new @ x.mT, labels, ridge=0.3)
    assert predicted.shape == (*batch, 3, *outputs)
    for index in np.ndindex(batch):
        known, asked = x[index], new[index]
        weights = np.linalg.solve(known.T @ known + 0.3 * np.eye(4), known.T @ columns)
        np.testing.assert_allclose(predicted[index].reshape(3, -1), asked @ weights)


def test_predict_at_no_point():
    assert regression.predict(random_gram(4), np.ones((0, 4)), np.ones(4), ridge=0.0).shape == (0,)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_digits_of_a_prediction_are_relative_to_the_labels(scale):
    cross_gram = np.array([[1.0, 1.0]])
    labels = np.array([scale, -scale])
    assert regression.predict(np.eye(2), cross_gram, labels, ridge=0.0) == 0
    with pytest.raises(ValueError, match="the relative error of a residual would be"):
        regression.predict(np.eye(2), 1e12 * cross_gram, labels, ridge=0.0)


NEAR = np.array([[1.0, 1 - 1e-11], [1 - 1e-11, 1.0]])  # two points that hardly differ


@pytest.mark.parametrize("gram", [NEAR, np.stack([NEAR, np.eye(2)])])
def test_refit_refuses_digits_that_a_subtraction_loses(gram):
    labels = np.ones(2)
    np.testing.assert_allclose(regression.leave_out(NEAR, labels, [0], ridge=0.0), 1e-11, rtol=1e-5)
    with pytest.raises(ValueError, match="the relative error of a residual would be about"):
        regression.refit(gram, labels, [0], ridge=0.0)


def test_largest_row_sum_is_of_rows_of_each_matrix():
    matrices = np.array([[[1.0, 2.0], [3.0, -4.0]], [[0.0, 5.0], [5.0, 1.0]]])
    assert solving.largest_row_sum(matrices).tolist() == [7.0, 6.0]
    assert solving.largest_row_sum(matrices[0]) == 7.0


def test_sign_of_the_prediction_decides():
    labels = np.array([1.0, 1.0, -1.0, -1.0])
    predicted = np.array([0.2, 0.0, -3.0, 0.1])
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


def test_one_bad_gram_in_a_batch_is_noticed():
    grams = np.stack([GRAM, SINGULAR])
    with pytest.raises(ValueError, match="singular"):
        regression.leave_one_out(grams, LABELS, ridge=0.0)


def in_sixty_digits(gram, labels, held_out):
    """Residuals of the float64 matrix as it is given, by training without the held-out points."""
    kept = [p for p in range(len(gram)) if p not in held_out]
    with mpmath.workdps(60):
        exact = mpmath.matrix(gram.tolist())
        seen = mpmath.matrix([[exact[p, q] for q in kept] for p in kept])
        weights = mpmath.lu_solve(seen, mpmath.matrix([float(labels[p]) for p in kept]))
        return np.array(
            [float(labels[p] - mpmath.fdot([exact[p, q] for q in kept], weights)) for p in held_out]
        )


LADDER = [10.0**power for power in range(4, 18)]


@pytest.mark.parametrize("condition", LADDER)
@pytest.mark.parametrize("held_out", [[3], [0, 7, 8]])
def test_six_digits_or_none_on_a_ladder_of_nearly_singular_grams(condition, held_out):
    gram, labels = random_gram(10, condition=condition), np.repeat([1.0, -1.0], 5)
    exact = in_sixty_digits(gram, labels, held_out)
    each = np.array([in_sixty_digits(gram, labels, [p])[0] for p in range(10)])
    answered = 0
    for solve, truth in (
        (lambda: regression.leave_out(gram, labels, held_out, ridge=0.0), exact),
        (lambda: regression.leave_one_out(gram, labels, ridge=0.0), each),
        (lambda: regression.refit(gram, labels, held_out, ridge=0.0), exact),
    ):
        try:
            found = solve()
        except ValueError:  # its messages are tested below
            continue
        answered += 1
        assert np.abs(found - truth).max() <= 1e-6 * np.abs(truth).max()
    assert answered == 3 or condition > 1e7
    assert answered >= 2 or condition > 1e14


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "exact"), [(36, 1.8541047226e-10), (40, 2.1194018998e-12), (44, 1.9295710453e-14)]
)
def test_two_circles_that_an_inverse_gets_wrong(count, exact):
    """All three are answered, to the last digit of the float64 matrix; the ratio is refused."""
    points = orbits.two_circles(count, 1.0).reshape(2 * count, 3)
    gram = np.asarray(kernels.rbf(points, inverse_length=1.4))
    labels = np.repeat([1.0, -1.0], count)
    in_digits = in_sixty_digits(gram, labels, [0])
    assert in_digits == pytest.approx(exact, rel=1e-4)  # the kernel's own rounding
    for found in (
        regression.leave_out(gram, labels, [0], ridge=0.0)[0],
        regression.leave_one_out(gram, labels, ridge=0.0)[0],
    ):
        assert found == pytest.approx(in_digits[0], rel=1e-12)
    inverse = np.linalg.inv(gram)
    assert abs((inverse @ labels)[0] / inverse[0, 0] / in_digits[0] - 1) > 0.01
    with pytest.raises(ValueError, match="relative error of a residual would be about"):
        spectral.spectral_error(gram, ridge=0.0)
    circle = groups.cyclic(count)
    with pytest.raises(ValueError, match="relative error of a residual would be about"):
        invariant.leave_one_out(
            circle, invariant.projection(gram, circle), labels.reshape(2, count), ridge=0.0
        )


def test_a_ridge_is_added_without_rounding():
    """Of a singular matrix the ridge is the smallest eigenvalue: its rounding would be seen."""
    gram = np.full((4, 4), 1.0) + np.diag([0.0, 0.0, 1.0, 1.0])
    labels = np.array([1.0, -1.0, 2.0, 0.5])
    ridge = 1e-10
    with mpmath.workdps(60):
        exact = mpmath.matrix(gram.tolist()) + ridge * mpmath.eye(4)
        unit = mpmath.matrix([1, 0, 0, 0])
        weights, column = (mpmath.lu_solve(exact, b) for b in (mpmath.matrix(labels), unit))
        truth = float(weights[0] / column[0])
    found = regression.leave_out(gram, labels, [0], ridge=ridge)[0]
    assert found == pytest.approx(truth, rel=1e-12)


@pytest.mark.parametrize("is_complex", [False, True])
def test_residuals_of_a_solve_are_those_of_sixty_digits(is_complex):
    gram, solution = (
        generator.normal(size=shape) * 10.0 ** generator.integers(-4, 4, shape)
        + is_complex * 1j * generator.normal(size=shape)
        for shape in ((1, 9, 9), (1, 9, 4))
    )
    columns = (gram + 1e-3 * np.eye(9)) @ solution  # float64 alone would see a residual of nought
    with mpmath.workdps(60):
        exact = [mpmath.matrix(m[0].tolist()) for m in (gram, solution, columns)]
        truth = exact[2] - (exact[0] + mpmath.mpf(1e-3) * mpmath.eye(9)) * exact[1]
        truth = np.array(truth.tolist(), dtype=complex)
    found = solving._residual(gram, np.full((1, 9, 1), 1e-3), solution, columns)[0]
    assert np.abs(found - truth).max() <= 1e-12 * np.abs(truth).max()


def test_each_matrix_of_a_batch_has_its_own_scale():
    small = 1e-14 * GRAM
    both = regression.leave_one_out(np.stack([small, GRAM]), LABELS, ridge=0.0)
    np.testing.assert_allclose(both[0], both[1], rtol=1e-9)
    asymmetric = GRAM + 1e-6 * np.triu(GRAM, 1)
    with pytest.raises(ValueError, match="gram must be symmetric"):
        regression.leave_one_out(np.stack([asymmetric, 1e5 * GRAM]), LABELS, ridge=0.0)


def test_sets_left_out_one_after_another():
    gram, labels = random_gram(9, batch=(2, 3)), generator.normal(size=(9, 2))
    sets = [[0], [3, 5], [8], [1, 2]]
    together = regression.leave_sets_out(gram, labels, sets, ridge=0.1)
    for held_out, found in zip(sets, together):
        np.testing.assert_allclose(
            found, regression.refit(gram, labels, held_out, ridge=0.1), rtol=1e-9
        )


@pytest.mark.parametrize("ridge", [0.0, 1e-9])
def test_small_points_keep_their_digits_beside_large_ones(ridge):
    """A kernel that knows points of sizes from 10⁻⁶ to 10⁶, each residual to six digits."""
    gram, labels = random_gram(8, condition=1e4), np.repeat([1.0, -1.0], 4)
    size = np.geomspace(1e-6, 1e6, 8)
    gram = size[:, None] * gram * size
    found = regression.leave_one_out(gram, labels, ridge=ridge)
    with mpmath.workdps(60):
        exact = mpmath.matrix(gram.tolist()) + ridge * mpmath.eye(8)
        weights = mpmath.lu_solve(exact, mpmath.matrix(labels.tolist()))
        inverse = exact**-1
        truth = [float(weights[p] / inverse[p, p]) for p in range(8)]
    np.testing.assert_allclose(found, truth, rtol=1e-6)


@pytest.mark.parametrize("points", [1, 2, solving._FEW, solving._FEW + 1])
@pytest.mark.parametrize("is_complex", [False, True])
def test_matrices_of_few_points_are_solved_as_those_of_many(points, is_complex):
    generator = np.random.default_rng(points)
    root = generator.normal(size=(5, points, points)) + is_complex * 1j * generator.normal(
        size=(5, points, points)
    )
    gram = root @ root.conj().swapaxes(-1, -2) + np.eye(points)
    columns = generator.normal(size=(points, 3))
    found, *_ = solving.solve(gram, columns, ridge=0.5, refine_above=1.0)
    np.testing.assert_allclose(
        (gram + 0.5 * np.eye(points)) @ found, np.broadcast_to(columns, found.shape), atol=1e-12
    )
