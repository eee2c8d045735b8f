"""The Fourier-domain solvers against the dense refit."""

import mpmath
import numpy as np
import pytest

from symlib import invariant, kernels, orbits, regression, spectral
from symlib.groups import cyclic, dihedral, direct_product, quaternion, symmetric

generator = np.random.default_rng(0)

GROUPS = [
    cyclic(1),
    cyclic(7),
    cyclic(12),
    dihedral(3),
    dihedral(5),
    dihedral(6),
    direct_product(cyclic(3), cyclic(4)),
    direct_product(cyclic(2), cyclic(6)),
    direct_product(cyclic(3), dihedral(3)),
    symmetric(3),
    quaternion(),
]

NAMES = [group.name.replace("×", "x") for group in GROUPS]
every_group = pytest.mark.parametrize("group", GROUPS, ids=NAMES)


def invariant_kernel(group, orbits, condition=1e5):
    """A random invariant kernel with the given condition number of its Gram matrix."""
    points = orbits * group.order
    noise = generator.normal(size=(points, points))
    gram = invariant.gram_matrix(invariant.projection(noise @ noise.T, group), group)
    values, vectors = np.linalg.eigh(gram)
    # A function of an invariant matrix is invariant.
    spread = (values - values[0]) / np.ptp(values) * np.log(condition)
    gram = vectors * np.exp(spread) @ vectors.T
    gram /= np.abs(gram).max()
    return invariant.projection((gram + gram.T) / 2, group)


@every_group
def test_portions_of_the_dual_do_not_matter(group, monkeypatch):
    kernel, labels = invariant_kernel(group, 3), generator.normal(size=(3, group.order))
    whole = invariant.leave_one_out(group, kernel, labels, ridge=1e-3)
    monkeypatch.setattr(invariant, "_ENTRIES", 20)
    parts = invariant.leave_one_out(group, kernel, labels, ridge=1e-3)
    np.testing.assert_allclose(parts, whole, rtol=1e-9, atol=1e-12)


@every_group
@pytest.mark.parametrize("orbit_count", [2, 3, 12])
@pytest.mark.parametrize("ridge", [0.0, 1e-3])
def test_leave_out_equals_dense_refit(group, orbit_count, ridge):
    n, points = group.order, orbit_count * group.order
    kernel = invariant_kernel(group, orbit_count)
    gram = invariant.gram_matrix(kernel, group)
    assert np.linalg.cond(gram) <= 1.1e5
    one_hot = np.eye(orbit_count)[np.repeat(np.arange(orbit_count), n)]
    for labels in (
        np.repeat(generator.choice([-1.0, 1.0], orbit_count), n),
        generator.normal(size=points),
        one_hot,
    ):
        by_orbit = labels.reshape(orbit_count, n, *labels.shape[1:])
        for held in {1, min(5, points - 1), points // 2}:
            held_out = generator.permutation(points)[:held]
            exact = regression.refit(gram, labels, held_out, ridge=ridge)
            rows = np.stack(np.divmod(held_out, n), axis=1)
            found = invariant.leave_out(group, kernel, by_orbit, rows, ridge=ridge)
            assert np.abs(found - exact).max() <= 1e-9 * np.abs(exact).max()
        np.testing.assert_allclose(
            invariant.leave_one_out(group, kernel, by_orbit, ridge=ridge).reshape(labels.shape),
            regression.leave_one_out(gram, labels, ridge=ridge),
            rtol=1e-9,
            atol=1e-9,
        )


@every_group
def test_projection_and_gram_are_inverse(group):
    kernel = invariant_kernel(group, 3)
    gram = invariant.gram_matrix(kernel, group)
    np.testing.assert_allclose(invariant.projection(gram, group), kernel, atol=1e-14)
    for g in range(group.order):  # K((i, gh), (j, gk)) = K((i, h), (j, k))
        moved = (np.arange(3)[:, None] * group.order + group.table[g]).ravel()
        np.testing.assert_allclose(gram[np.ix_(moved, moved)], gram, atol=1e-14)


def test_left_action_makes_an_invariant_gram():
    """The kernel of an exact left action of a non-abelian group is invariant as it stands."""
    images = generator.random((2, 6, 6))
    points = orbits.dihedral_images(images).reshape(16, 36)
    gram = np.asarray(kernels.ntk(points, hidden_layers=2))
    kernel = invariant.projection(gram, dihedral(4))
    np.testing.assert_allclose(invariant.gram_matrix(kernel, dihedral(4)), gram, rtol=1e-12)


def test_batches():
    group = dihedral(4)
    pair = np.stack([invariant_kernel(group, 2), invariant_kernel(group, 2)])
    labels = generator.normal(size=(2, 8, 3))
    together = invariant.leave_out(group, pair, labels, np.array([[1, 5], [0, 0]]), ridge=0.1)
    for kernel, residual in zip(pair, together):
        np.testing.assert_allclose(
            invariant.leave_out(group, kernel, labels, np.array([[1, 5], [0, 0]]), ridge=0.1),
            residual,
        )


def test_constant_labels_touch_only_the_trivial_irrep():
    """Replacing every other irrep's part of K̂⁻¹y changes nothing: K̃⁻¹y is constant on orbits."""
    group, labels = dihedral(5), np.repeat([1.0, -1.0, 0.5], 10)
    gram = invariant.gram_matrix(invariant_kernel(group, 3), group)
    weights = np.linalg.solve(gram, labels).reshape(3, 10)
    spread = np.ptp(weights, axis=1) / np.abs(weights).max()
    assert spread.max() < 1e-8
    trivial = invariant_mean = invariant.projection(gram, group).sum(axis=-1)
    np.testing.assert_allclose(np.linalg.solve(trivial, [1.0, -1.0, 0.5]), weights[:, 0], rtol=1e-6)
    assert invariant_mean.shape == (3, 3)


@pytest.mark.parametrize("count", range(4, 25, 4))
def test_spectral_error_is_exact_on_two_circles(count):
    """Against a dense solve in 50-digit arithmetic, ridge 0, at the paper's two widths."""
    mpmath.mp.dps = 50
    angles = [
        (mpmath.mpf(k) + mpmath.mpf(b) / 2) * 2 * mpmath.pi / count
        for b in (0, 1)
        for k in range(count)
    ]
    points = [(mpmath.cos(a), mpmath.sin(a), mpmath.mpf(i // count)) for i, a in enumerate(angles)]
    inverse_length = mpmath.mpf("1.4")
    gram = mpmath.matrix(
        [
            [
                mpmath.exp(-(inverse_length**2) * sum((a - b) ** 2 for a, b in zip(p, q)))
                for q in points
            ]
            for p in points
        ]
    )
    labels = mpmath.matrix([1] * count + [-1] * count)
    unit = mpmath.matrix([1] + [0] * (2 * count - 1))
    exact = mpmath.lu_solve(gram, labels)[0] / mpmath.lu_solve(gram, unit)[0]

    found = kernels.rbf(orbits.two_circles(count, 1.0).reshape(-1, 3), inverse_length=1.4)
    error = spectral.spectral_error(np.asarray(found), ridge=0.0).error
    np.testing.assert_allclose(error, float(exact), rtol=1e-9)


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_spectral_error_is_exact_on_circulant_grams(ridge):
    row = np.exp(-np.minimum(np.arange(16), 16 - np.arange(16)) / 3)
    gram = row[(np.arange(16) - np.arange(16)[:, None]) % 16]
    separated = np.argsort(np.arange(16).reshape(2, -1).T.ravel())
    gram = gram[np.ix_(separated, separated)]
    residual = regression.leave_one_out(gram, np.repeat([1.0, -1.0], 8), ridge=ridge)
    predicted = spectral.spectral_error(gram, ridge=ridge)
    np.testing.assert_allclose(np.abs(residual), predicted.error, rtol=1e-12)
    np.testing.assert_allclose(predicted.error, predicted.closeness / predicted.density)
    assert predicted.separation == 1 / predicted.closeness
    eigenvalues = np.linalg.eigvalsh(gram) + ridge
    np.testing.assert_allclose(predicted.density, np.mean(1 / eigenvalues))
    with pytest.raises(ValueError, match="read-only"):
        predicted.closeness[...] = 0


def test_spectral_error_of_a_batch_has_no_common_scale():
    gram = np.asarray(kernels.rbf(orbits.two_circles(4, 1.0).reshape(-1, 3), inverse_length=1.4))
    scales = np.array([1.0, 1e-12, 1e12])
    batch = spectral.spectral_error(scales[:, None, None] * gram, ridge=0.0)
    one = spectral.spectral_error(gram, ridge=0.0)
    np.testing.assert_allclose(batch.error, one.error)
    np.testing.assert_allclose(batch.density, one.density / scales)
    with pytest.raises(ValueError, match="read-only"):
        batch.density[0] = 0


@pytest.mark.parametrize("ridge", [0.0, 0.1])
@pytest.mark.parametrize("count", [2, 4, 7])
def test_balanced_error_is_exact_on_two_circles(ridge, count):
    points = orbits.two_circles(count, 0.7).reshape(2 * count, 3)
    gram = np.asarray(kernels.rbf(points, inverse_length=1.0))
    labels = np.repeat([1.0, -1.0], count)
    exact = regression.refit(gram, labels, [0, count], ridge=ridge)  # A_0 and B_0, neighbours
    predicted = spectral.balanced_error(gram, ridge=ridge)
    np.testing.assert_allclose(exact, [predicted.error, -predicted.error], rtol=1e-9)
    lifted = spectral.balanced_error(gram + 100.0, ridge=ridge)
    assert lifted.error == pytest.approx(predicted.error, rel=1e-9)


def test_projections_fix_their_own_kind():
    row = generator.normal(size=8)
    circulant = row[(np.arange(8) - np.arange(8)[:, None]) % 8]
    np.testing.assert_allclose(spectral.circulant_projection(circulant), row)
    numbered = np.arange(36).reshape(6, 6)
    assert spectral.interleave(numbered)[0].tolist() == [0, 3, 1, 4, 2, 5]


@pytest.mark.parametrize("held_out", [[(0, 1)], [(0, 1), (1, 2)]])
def test_invariant_kernels_of_a_batch_have_no_common_scale(held_out):
    kernel, labels = invariant_kernel(dihedral(3), 2), generator.normal(size=(2, 6))
    scales, held_out = np.array([1.0, 1e-12, 1e12])[:, None, None, None], np.array(held_out)
    one = invariant.leave_out(dihedral(3), kernel, labels, held_out, ridge=0.0)
    batch = invariant.leave_out(dihedral(3), scales * kernel, labels, held_out, ridge=0.0)
    np.testing.assert_allclose(batch, np.tile(one, (3, 1)), rtol=1e-8)


@pytest.mark.parametrize("scale", [1e-10, 1.0, 1e10])
def test_each_kernel_of_a_batch_is_symmetric_by_its_own_scale(scale):
    kernel = invariant_kernel(cyclic(5), 2)
    askew = kernel.copy()
    askew[0, 1, 1] += 1e-6
    for batch in (scale * askew, np.stack([kernel, scale * askew])):
        with pytest.raises(ValueError, match="kernel must be symmetric"):
            invariant.gram_matrix(batch, cyclic(5))
    askew[0, 1, 1] = kernel[0, 1, 1] * (1 + 1e-12)
    assert invariant.gram_matrix(scale * askew, cyclic(5)).shape == (10, 10)


@pytest.mark.parametrize("solve", [invariant.leave_one_out, invariant.leave_out])
def test_orbits_that_nearly_coincide_are_refused(solve):
    """The kernel's own rounding is multiplied by its condition, however well it is solved."""
    row = np.array([1.0, 0.5, 0.3, 0.5])
    kernel = np.array([[row, row * (1 - 1e-11)], [row * (1 - 1e-11), row]])
    which = {"held_out": np.zeros((1, 2), int)} if solve is invariant.leave_out else {}
    with pytest.raises(ValueError, match="the relative error of a residual would be about"):
        solve(cyclic(4), kernel, np.ones((2, 4)), **which, ridge=0.0)


def test_split_orbits_of_rotated_images_is_exact():
    turned = orbits.rotations(generator.random((2, 9, 9)), 12).reshape(24, 81)
    gram = np.asarray(kernels.ntk(turned, hidden_layers=1))
    split = invariant.split_orbits(gram, order=12, subgroup_order=4)
    batch = invariant.split_orbits(np.tile(gram, (3, 1, 1, 1)), order=12, subgroup_order=4)
    np.testing.assert_array_equal(batch, np.tile(split, (3, 1, 1, 1)))
    kernel = invariant.projection(split, cyclic(4))
    np.testing.assert_allclose(invariant.gram_matrix(kernel, cyclic(4)), split, rtol=1e-13)
    labels = np.repeat([1.0, -1.0], 12)
    quarters = invariant.leave_one_out(cyclic(4), kernel, labels.reshape(6, 4), ridge=1e-10)
    dense = regression.leave_one_out(gram, labels, ridge=1e-10)
    in_order = quarters.reshape(2, 3, 4).swapaxes(1, 2).ravel()
    np.testing.assert_allclose(in_order, dense, rtol=1e-9)


C4 = cyclic(4)
KERNEL = invariant_kernel(C4, 2)
LABELS = np.repeat([[1.0], [-1.0]], 4, axis=1)
ONE = np.array([[0, 0]])
NONE = np.zeros((0, 2), int)
EVERYTHING = np.argwhere(np.ones((2, 4)))
CONSTANT = np.ones((2, 2, 4))


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("kernel", "labels", "held_out", "ridge", "message"),
    [
        (KERNEL[:1], LABELS, ONE, 0.0, r"kernel must have shape \(…, orbits, orbits, 4\) for C_4"),
        (KERNEL[0], LABELS, ONE, 0.0, "kernel must have shape"),
        (KERNEL + np.arange(4), LABELS, ONE, 0.0, "kernel must be symmetric"),
        (KERNEL, LABELS[:1], ONE, 0.0, "labels must have shape"),
        (KERNEL, LABELS, NONE, 0.0, "at least one and fewer than all of the 8 points"),
        (KERNEL, LABELS, EVERYTHING, 0.0, "fewer than all of the 8 points"),
        (KERNEL, LABELS, np.array([[0, 4]]), 0.0, "orbits below 2 and elements below 4"),
        (KERNEL, LABELS, np.array([[0, 1], [0, 1]]), 0.0, "distinct indices"),
        (CONSTANT, LABELS, ONE, 0.0, "singular to working precision"),
        (-KERNEL, LABELS, ONE, 0.0, "indefinite"),
    ],
)
def test_bad_input(kernel, labels, held_out, ridge, message):
    with pytest.raises(ValueError, match=message):
        invariant.leave_out(C4, kernel, labels, held_out, ridge=ridge)


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: spectral.spectral_error(np.eye(4, dtype="float32"), ridge=0.0), "float64"),
        (lambda: spectral.spectral_error(np.ones((4, 6)), ridge=0.0), "square"),
        (lambda: invariant.projection(np.ones((4, 8)), C4), "square"),
        (
            lambda: invariant.leave_one_out(
                cyclic(1), np.ones((1, 1, 1)), np.ones((1, 1)), ridge=0.0
            ),
            "fewer than all of the 1 points",
        ),
    ],
)
def test_bad_input_elsewhere(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_sets_left_out_one_after_another():
    group = dihedral(3)
    generator = np.random.default_rng(0)
    points = generator.standard_normal((4, 6, 2))[:, group.differences].reshape(24, -1)
    gram = np.exp(-np.square(points[:, None] - points).sum(-1) / 10)
    kernel = invariant.projection(gram, group)
    labels = generator.standard_normal((4, 6, 3))
    sets = [np.array([[0, 0]]), np.array([[2, 1], [0, 5], [2, 4]]), np.array([[3, 2]])]
    together = invariant.leave_sets_out(group, kernel, labels, sets, ridge=0.1)
    for held_out, residual in zip(sets, together):
        dense = regression.leave_out(gram, labels.reshape(24, 3), held_out @ [6, 1], ridge=0.1)
        np.testing.assert_allclose(residual, dense, rtol=1e-10)
        alone = invariant.leave_out(group, kernel, labels, held_out, ridge=0.1)
        np.testing.assert_allclose(residual, alone, rtol=1e-12)


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_spectral_error_of_every_pair_is_that_of_the_pair(count):
    points = np.random.default_rng(1).standard_normal((3 * count, 4))
    gram = np.exp(-np.square(points[:, None] - points).sum(-1) / 10)
    kernel = invariant.projection(gram, cyclic(count))
    pairs = spectral.spectral_error_of_pairs(kernel, ridge=0.3)
    for i, j in [(0, 1), (1, 0), (2, 0)]:
        rows = np.r_[i * count : (i + 1) * count, j * count : (j + 1) * count]
        one = spectral.spectral_error(gram[np.ix_(rows, rows)], ridge=0.3)
        np.testing.assert_allclose(pairs.closeness[i, j], one.closeness, rtol=1e-10)
        np.testing.assert_allclose(pairs.density[i, j], one.density, rtol=1e-10)
    assert np.isnan(np.diagonal(pairs.error)).all()


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_symmetry_of_a_kernel_is_looked_for_at_its_own_scale(scale):
    points = np.random.default_rng(1).standard_normal((6, 4))
    gram = np.exp(-np.square(points[:, None] - points).sum(-1) / 10)
    kernel = scale * invariant.projection(gram, cyclic(3))
    spectral.spectral_error_of_pairs(kernel, ridge=0.0)
    kernel[0, 1, 1] += 1e-6 * scale
    with pytest.raises(ValueError, match="kernel must be symmetric"):
        spectral.spectral_error_of_pairs(kernel, ridge=0.0)
