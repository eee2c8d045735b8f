"""Groups up to order 48: axioms by brute force, irreps, Fourier transform."""

import re

import numpy as np
import pytest

from symlib import groups
from symlib.groups import (
    Group,
    cyclic,
    dihedral,
    direct_product,
    fourier_transform,
    from_table,
    inverse_fourier_transform,
    quaternion,
    symmetric,
)

FACTORS = [*(cyclic(n) for n in range(2, 25)), *(dihedral(n) for n in range(2, 13))]

GROUPS = [
    *(cyclic(n) for n in range(1, 49)),
    *(dihedral(n) for n in range(1, 25)),
    *(direct_product(a, b) for a in FACTORS for b in FACTORS if a.order * b.order <= 48),
    *(symmetric(n) for n in (1, 2, 3, 4)),
    quaternion(),
    *(direct_product(quaternion(), g) for g in (cyclic(2), cyclic(6), dihedral(3), symmetric(3))),
    direct_product(symmetric(4), cyclic(2)),
    direct_product(direct_product(cyclic(2), cyclic(3)), dihedral(4)),
    from_table(dihedral(6).table, name="D_6 numerically"),
    from_table(direct_product(cyclic(4), cyclic(6)).table, name="C_4×C_6 numerically"),
    from_table(direct_product(dihedral(3), dihedral(4)).table, name="D_3×D_4 numerically"),
]

NAMES = [group.name.replace("×", "x") for group in GROUPS]
every_group = pytest.mark.parametrize("group", GROUPS, ids=NAMES)


N = np.arange(5)
LATIN_IN_ROWS = np.tile(N, (5, 1))
RIGHT_IDENTITY = (N[:, None] - N) % 5


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (LATIN_IN_ROWS, "once in every row and column"),
        (LATIN_IN_ROWS.T, "once in every row and column"),
        (RIGHT_IDENTITY, "element 0 as its identity"),
        (RIGHT_IDENTITY.T, "element 0 as its identity"),
        (np.array(0), "of shape ()"),
    ],
)
def test_tables_of_no_group(table, message, untyped):
    with pytest.raises(ValueError, match=re.escape(message)):
        from_table(table, name="mine")


def test_irreps_of_a_table_are_the_same_each_time():
    one, two = (from_table(dihedral(6).table, name="mine").irreps for _ in range(2))
    for first, second in zip(one, two, strict=True):
        np.testing.assert_array_equal(first, second)


def test_irreps_must_be_square_and_unitary():
    table, irreps = symmetric(3).table, symmetric(3).irreps
    skew = np.array([[1.0, 0.5], [0.0, 1.0]])
    with pytest.raises(ValueError, match="irreps must be the irreps of mine"):
        groups.Group("mine", table, (*irreps[:2], skew @ irreps[2] @ np.linalg.inv(skew)))
    with pytest.raises(ValueError, match=re.escape("irreps must have shape (6, d, d) each")):
        groups.Group("mine", table, (*irreps[:2], irreps[2][:, :1]))


@every_group
def test_axioms(group):
    n, table = group.order, group.table
    elements = np.arange(n)
    assert (table[0] == elements).all()
    assert (table[:, 0] == elements).all()
    assert (table[elements, group.inverses] == 0).all()
    assert (table[group.inverses, elements] == 0).all()
    assert (table[table] == table[elements[:, None, None], table]).all()  # (gh)k = g(hk)
    assert (table[elements[:, None], group.differences] == elements).all()  # g(g⁻¹h) = h


@every_group
def test_irreps_are_unitary_homomorphisms(group):
    for irrep in group.irreps:
        identity = np.broadcast_to(np.eye(irrep.shape[1]), irrep.shape)
        np.testing.assert_allclose(irrep @ irrep.conj().swapaxes(1, 2), identity, atol=1e-12)
        products = np.einsum("gab,hbc->ghac", irrep, irrep)
        np.testing.assert_allclose(irrep[group.table], products, atol=1e-12)


@every_group
def test_schur_orthogonality_and_completeness(group):
    entries = np.concatenate([irrep.reshape(group.order, -1) for irrep in group.irreps], axis=1)
    dimensions = np.concatenate([np.full(i.shape[1] ** 2, i.shape[1]) for i in group.irreps])
    assert sum(irrep.shape[1] ** 2 for irrep in group.irreps) == group.order
    assert (group.irreps[0] == 1).all()
    np.testing.assert_allclose(
        entries.conj().T @ entries, np.diag(group.order / dimensions), atol=1e-10
    )


@every_group
def test_fourier_inverse_and_plancherel(group):
    function = np.random.default_rng(group.order).normal(size=(3, group.order))
    coefficients = fourier_transform(group, function)
    np.testing.assert_allclose(inverse_fourier_transform(group, coefficients), function, atol=1e-12)
    power = sum(c.shape[-1] * np.square(np.abs(c)).sum(axis=(-2, -1)) for c in coefficients)
    np.testing.assert_allclose(power / group.order, np.square(function).sum(axis=-1))


@every_group
def test_convolution_becomes_product(group):
    f, h = np.random.default_rng(1).normal(size=(2, group.order))
    convolved = np.array(
        [
            sum(f[x] * h[group.differences[x, g]] for x in range(group.order))
            for g in range(group.order)
        ]
    )
    for together, a, b in zip(
        fourier_transform(group, convolved),
        fourier_transform(group, f),
        fourier_transform(group, h),
        strict=True,
    ):
        np.testing.assert_allclose(together, a @ b, atol=1e-10)


@every_group
def test_real_dual_counts_every_irrep_once(group):
    total = sum(
        multiplicity.sum() * irreps.shape[-1] ** 2 for irreps, multiplicity in group.real_dual
    )
    assert total == group.order
    kept = sum(len(multiplicity) for _, multiplicity in group.real_dual)
    real = sum(
        abs((c**2).sum()) / group.order > 0.5 for c in group.characters
    )  # self-conjugate characters
    assert kept == real + (len(group.irreps) - real) / 2


def test_cyclic_transform_is_the_dft():
    function = np.random.default_rng(0).normal(size=(2, 12))
    transform = np.stack(fourier_transform(cyclic(12), function), axis=-3)[..., 0, 0]
    np.testing.assert_allclose(transform, np.fft.fft(function), atol=1e-12)


def test_closed_forms_agree_with_numerical_irreps():
    for group in (cyclic(7), dihedral(5), dihedral(8)):
        found = from_table(group.table, name="found").characters
        overlap = np.abs(found.conj() @ group.characters.T) / group.order
        np.testing.assert_allclose(np.sort(overlap, axis=1)[:, -1], 1, atol=1e-10)
        np.testing.assert_allclose(overlap.sum(), len(group.irreps), atol=1e-8)


def test_arrays_are_read_only():
    table = dihedral(3).table.copy()
    group = from_table(table, name="D_3")
    table[:] = 0
    assert (group.table == dihedral(3).table).all()
    stacks = [array for stack in group.real_dual for array in stack]
    for array in (group.table, group.inverses, group.differences, *group.irreps, *stacks):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0


def test_quaternion_relations():
    assert quaternion().name == "Q_8"
    table = quaternion().table
    one, i, j, k, minus, minus_k = 0, 1, 2, 3, 4, 7
    assert table[i, j] == k
    assert table[j, i] == minus_k
    assert table[i, i] == table[j, j] == table[k, k] == minus
    assert table[minus, minus] == one


def test_orders_and_dimensions():
    assert sorted(i.shape[1] for i in symmetric(4).irreps) == [1, 1, 2, 3, 3]
    assert sorted(i.shape[1] for i in quaternion().irreps) == [1, 1, 1, 1, 2]
    assert cyclic(5).is_abelian
    assert not symmetric(3).is_abelian
    assert repr(dihedral(4)) == "Group(D_4, order 8)"


def test_refuses_tables_that_are_not_square_or_empty(untyped):
    with pytest.raises(ValueError, match=r"got int64 of shape \(2, 3\)"):
        from_table(np.zeros((2, 3), int), name="x")
    with pytest.raises(ValueError, match="square array of integers"):
        Group("x", np.zeros((0, 0), int), ())


@pytest.mark.parametrize(
    "group", [groups.cyclic(181), groups.direct_product(groups.cyclic(6), groups.cyclic(41))]
)
def test_irreps_of_many_near_eigenvalues(group):
    """Where one random element would mix two irreps, another is drawn."""
    found = groups.from_table(group.table, name="found")
    overlaps = np.abs(found.characters.conj() @ group.characters.T) / group.order
    np.testing.assert_allclose(np.sort(overlaps, axis=0)[-1], 1, atol=1e-8)
    np.testing.assert_allclose(overlaps.sum(axis=0), 1, atol=1e-6)


def test_refuses_irreps_of_another_group(untyped):
    four, klein = groups.cyclic(4), groups.direct_product(groups.cyclic(2), groups.cyclic(2))
    with pytest.raises(ValueError, match="irreps must be the irreps of mine"):
        groups.Group("mine", four.table, klein.irreps)
    with pytest.raises(ValueError, match="irreps must be the irreps of mine"):
        groups.Group("mine", four.table, four.irreps[:3])


def test_small_integers_do_not_overflow():
    small = groups.Group(
        "C_100", groups.cyclic(100).table.astype("int8"), groups.cyclic(100).irreps
    )
    product = groups.direct_product(small, groups.cyclic(2))
    expected = groups.direct_product(groups.cyclic(100), groups.cyclic(2))
    np.testing.assert_array_equal(product.table, expected.table)
