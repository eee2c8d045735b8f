r"""Finite groups by their Cayley table, their unitary irreps, and the Fourier transform.

Conventions, used by every other module:

- A group element is an integer from 0 to n - 1; element 0 is the identity, and the product
  gh is ``group.table[g, h]``.
- Irreps are unitary matrices, ``irreps[r][g]`` being :math:`\rho_r(g)`; the trivial one is first.
- The Fourier transform is :math:`\hat f(\rho) = \sum_g f(g)\,\rho(g)` and its inverse
  :math:`f(g) = \frac1n \sum_\rho d_\rho\,\mathrm{tr}[\hat f(\rho)\,\rho(g)^{-1}]`.
  On the cyclic group :math:`\rho_m(k) = e^{-2\pi i mk/n}`, so it is the usual DFT.

Source: Serre, *Linear Representations of Finite Groups*, chapters 2 and 6;
Diaconis, *Group Representations in Probability and Statistics*, chapter 2.
"""

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from einops import rearrange
from jaxtyping import Inexact, Int

from symlib._checks import read_only, require_positive

__all__ = [
    "Group",
    "cyclic",
    "dihedral",
    "direct_product",
    "fourier_transform",
    "from_table",
    "inverse_fourier_transform",
    "quaternion",
    "symmetric",
]

Irrep = Inexact[np.ndarray, "order _ _"]

_NEAR = 1e-8  # entries of matrices that are taken for equal
_DRAWS = 20  # of generic elements, at most
_LETTERS = 6  # whose permutations have irreps that are found in seconds


def _check_axioms(table: np.ndarray) -> None:
    n = len(table) if table.ndim else 0
    remedy = "renumber the elements so that 0 is the identity, or mend the product"
    if table.shape != (n, n) or n == 0 or not np.issubdtype(table.dtype, np.integer):
        raise ValueError(
            f"table must be a square array of integers, got {table.dtype} of shape {table.shape}; "
            "entry [g, h] is the number of gh"
        )
    elements = np.arange(n)
    if (
        not (np.sort(table, 0) == elements[:, None]).all()
        or not (np.sort(table, 1) == elements).all()
    ):
        raise ValueError(
            f"table must hold each of 0…{n - 1} once in every row and column, got others; {remedy}"
        )
    if (table[0] != elements).any() or (table[:, 0] != elements).any():
        raise ValueError(
            f"table must have element 0 as its identity, got one that moves others; {remedy}"
        )
    if any((table[table[g]] != table[g][table]).any() for g in elements):
        raise ValueError(f"table must be associative, (gh)k = g(hk), and it is not; {remedy}")


def _stacked(irreps: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The irreps of each dimension together, of shape (irreps, n, d, d)."""
    sizes = sorted({irrep.shape[1] for irrep in irreps})
    return [np.stack([r for r in irreps if r.shape[1] == size]) for size in sizes]


def _deviation(table: np.ndarray, irreps: Sequence[np.ndarray]) -> float:
    """How far these are from unitary irreps of the group, one of each class, trivial one first."""
    n, some = len(table), np.random.default_rng(0).permutation(len(table))[:8]
    if sum(irrep.shape[1] ** 2 for irrep in irreps) != n or irreps[0].shape[1] != 1:
        return np.inf
    characters = np.stack([np.trace(irrep, axis1=1, axis2=2) for irrep in irreps])
    overlaps = characters.conj() @ characters.T / n
    worst = max(np.abs(overlaps - np.eye(len(irreps))).max(), np.abs(irreps[0] - 1).max())
    for stack in _stacked(irreps):
        products = np.einsum("rgab,rhbc->rghac", stack[:, some], stack)
        inverse = np.einsum("rgab,rgcb->rgac", stack[:, some], stack[:, some].conj())
        worst = max(
            worst,
            np.abs(products - stack[:, table[some]]).max(),
            np.abs(inverse - np.eye(stack.shape[-1])).max(),
        )
    return worst


def _check_irreps(name: str, table: np.ndarray, irreps: Sequence[np.ndarray]) -> None:
    shapes = [np.shape(irrep) for irrep in irreps]
    remedy = "pass one unitary irrep of each class, or let from_table find them"
    if not shapes or any(len(s) != 3 or s[0] != len(table) or s[1] != s[2] for s in shapes):
        raise ValueError(
            f"irreps must have shape ({len(table)}, d, d) each for {name}, got {shapes}; {remedy}"
        )
    if not _deviation(table, irreps) < _NEAR:  # NaN, too, is refused
        raise ValueError(
            f"irreps must be the irreps of {name}, the trivial one first, got {len(shapes)} of "
            f"dimensions {[s[1] for s in shapes]} that are not; {remedy}"
        )


@dataclass(frozen=True, eq=False)
class Group:
    """A finite group of order n, with one irrep of each equivalence class.

    Attributes, all arrays being read-only:
        name: what to call it, as in ``"D_4"``.
        table: Cayley table, ``table[g, h]`` is the product gh; shape (n, n).
        irreps: unitary irreps, each of shape (n, d, d), the trivial one first.

    Raises:
        ValueError: if ``table`` breaks a group axiom, or ``irreps`` are not those of the group.
    """

    name: str
    table: Int[np.ndarray, "order order"]
    irreps: tuple[Irrep, ...]

    def __post_init__(self) -> None:
        _check_axioms(self.table)
        _check_irreps(self.name, self.table, self.irreps)
        object.__setattr__(self, "table", read_only(np.asarray(self.table, int)))
        object.__setattr__(self, "irreps", tuple(read_only(irrep) for irrep in self.irreps))

    def __repr__(self) -> str:
        return f"Group({self.name}, order {self.order})"

    @property
    def order(self) -> int:
        """The number of elements."""
        return len(self.table)

    @functools.cached_property
    def inverses(self) -> Int[np.ndarray, " order"]:
        """The inverse of each element."""
        return read_only(np.argmin(self.table, axis=1))  # gh = 0 is the least entry of row g

    @functools.cached_property
    def differences(self) -> Int[np.ndarray, "order order"]:
        """The element that leads from g to h: ``differences[g, h]`` is g⁻¹h."""
        return read_only(self.table[self.inverses])

    @property
    def is_abelian(self) -> bool:
        """Whether gh = hg for all g and h."""
        return bool((self.table == self.table.T).all())

    @property
    def characters(self) -> Inexact[np.ndarray, "irreps order"]:
        """The trace of each irrep at each element."""
        return np.stack([np.trace(irrep, axis1=1, axis2=2) for irrep in self.irreps])

    @functools.cached_property
    def real_dual(
        self,
    ) -> tuple[tuple[Inexact[np.ndarray, "_ n _ _"], Int[np.ndarray, "..."]], ...]:
        """What suffices of the dual for a real function: irreps up to complex conjugation.

        Stacked by dimension, real ones apart. The number beside each is 2 where the irrep also
        stands for its conjugate, whose Fourier coefficient is the conjugate one, and 1 where it
        is its own.
        """
        characters = self.characters
        overlap = np.abs(characters @ characters.T) / self.order  # 1 where r and s are conjugate
        partner = np.argmax(overlap, axis=1)
        kept = [r for r in range(len(partner)) if r <= partner[r]]

        def kind(r):
            return self.irreps[r].shape[1], bool(np.abs(self.irreps[r].imag).max() > 1e-12)

        stacks = []
        for (_, is_complex), members in itertools.groupby(sorted(kept, key=kind), key=kind):
            chosen = list(members)
            irreps = np.stack([self.irreps[r] for r in chosen])
            multiplicity = np.where(partner[chosen] == chosen, 1, 2)
            stacks.append(
                (read_only(irreps if is_complex else irreps.real), read_only(multiplicity))
            )
        return tuple(stacks)


@functools.lru_cache(maxsize=16)
def _cyclic(order: int) -> Group:
    k = np.arange(order)
    waves = np.exp(-2j * np.pi * np.outer(k, k) / order)
    return Group(
        name=f"C_{order}",
        table=(k[:, None] + k) % order,
        irreps=tuple(wave[:, None, None] for wave in waves),
    )


def cyclic(order: int) -> Group:
    r"""The cyclic group C_n, element k being k steps: gh = g + h mod n.

    >>> cyclic(5).table[3, 4]
    np.int64(2)
    """
    require_positive("order", order, 4)
    return _cyclic(int(order))


def dihedral(sides: int) -> Group:
    r"""The dihedral group D_n of order 2n: element k is :math:`r^k`, element n + k :math:`r^k s`.

    r is the turn by 2π/n, s a reflection, :math:`s r = r^{-1} s`. All irreps are real.

    >>> d3 = dihedral(3)
    >>> d3.order, d3.is_abelian
    (6, False)
    """
    require_positive("sides", sides, 4)
    turn, flip = np.arange(2 * sides) % sides, np.arange(2 * sides) // sides
    table = (turn[:, None] + (-1) ** flip[:, None] * turn) % sides + sides * (flip[:, None] ^ flip)
    turn_signs = (1, -1) if sides % 2 == 0 else (1,)
    lines = [
        (float(a) ** turn * float(b) ** flip)[:, None, None] for a in turn_signs for b in (1, -1)
    ]
    planes = []
    for frequency in range(1, (sides + 1) // 2):
        angle = 2 * np.pi * frequency * turn / sides
        cos, sin, mirror = np.cos(angle), np.sin(angle), (-1.0) ** flip
        planes.append(np.stack([cos, -mirror * sin, sin, mirror * cos], -1).reshape(-1, 2, 2))
    return Group(name=f"D_{sides}", table=table, irreps=tuple(lines + planes))


def direct_product(first: Group, second: Group) -> Group:
    """The direct product; the pair (g, h) is element ``g * second.order + h``.

    Its irreps are the Kronecker products of those of the factors.
    """
    table = first.table[:, None, :, None] * second.order + second.table[:, None, :]  # [g, h, u, v]
    irreps = tuple(
        rearrange(np.einsum("gab,hcd->ghacbd", a, b), "g h a c b d -> (g h) (a c) (b d)")
        for a in first.irreps
        for b in second.irreps
    )
    return Group(
        name=f"{first.name}×{second.name}",
        table=rearrange(table, "g h u v -> (g h) (u v)"),
        irreps=irreps,
    )


def _decompose(table: np.ndarray, generator: np.random.Generator) -> list[np.ndarray]:
    """What are irreps if a random element of the commutant has as many eigenvalues as it may."""
    n = len(table)
    inverses = np.argmin(table, axis=1)
    weights = generator.normal(size=n) + 1j * generator.normal(size=n)
    weights += weights[inverses].conj()
    # Right translations commute with left ones: commutant[x, y] = w(x⁻¹y).
    values, vectors = np.linalg.eigh(weights[table[inverses]])
    edges = np.flatnonzero(np.diff(values) > 1e-10 * np.ptp(values)) + 1

    found: list[np.ndarray] = [np.ones((n, 1, 1))]
    for subspace in np.split(vectors, edges, axis=1):
        moved = subspace[table[inverses]]  # [g, x] = subspace[g⁻¹x], left translation by g
        irrep = np.einsum("xa,gxb->gab", subspace.conj(), moved)
        character = np.trace(irrep, axis1=1, axis2=2)
        known = [abs(np.vdot(np.trace(f, axis1=1, axis2=2), character)) / n for f in found]
        if max(known) < 0.5:
            found.append(irrep)
    return sorted(found, key=lambda irrep: irrep.shape[1])


def from_table(
    table: Int[np.ndarray, "order order"] | Sequence[Sequence[int]], *, name: str
) -> Group:
    r"""A group from any Cayley table, its irreps found numerically.

    A generic Hermitian element of the algebra that commutes with the left regular
    representation has as eigenspaces one irreducible subspace each (Dixon 1970); the
    representation restricted to one of them is an irrep, and the character tells which.

    Args:
        table: ``table[g, h]`` is gh, element 0 the identity.
        name: what to call the group.

    Raises:
        ValueError: if ``table`` breaks a group axiom, or its irreps cannot be told apart.
    """
    try:
        table = np.array(table)
    except ValueError as error:
        raise ValueError(
            "table must be a square array of integers, got rows of different lengths; "
            "entry [g, h] is the number of gh"
        ) from error
    _check_axioms(table)
    for draw in range(_DRAWS):  # of an element that is generic, or nearly not
        irreps = _decompose(table, np.random.default_rng(draw))
        if _deviation(table, irreps) < _NEAR:
            return Group(name=name, table=table, irreps=tuple(irreps))
    raise ValueError(
        f"table must be of a group whose irreps can be told apart in float64, got {name} of order "
        f"{len(table)} and no right ones in {_DRAWS} draws; pass irreps in closed form to Group"
    )


def symmetric(letters: int) -> Group:
    """The symmetric group S_n: permutations in lexicographic order, (gh)(i) = g(h(i)).

    >>> [irrep.shape[1] for irrep in symmetric(3).irreps]
    [1, 1, 2]
    """
    require_positive("letters", letters, 3)
    if letters > _LETTERS:
        raise ValueError(
            f"letters must be at most {_LETTERS}, got {letters}: S_{letters} has {letters}! "
            "elements, and its irreps are found from a matrix of as many rows; take fewer"
        )
    permutations = np.array(list(itertools.permutations(range(letters))))
    number = {tuple(p): i for i, p in enumerate(permutations.tolist())}
    products = permutations[:, permutations]  # [g, h, i] = g(h(i))
    table = np.array([[number[tuple(p)] for p in row] for row in products.tolist()])
    return from_table(table, name=f"S_{letters}")


def quaternion() -> Group:
    """The quaternion group Q_8, in the order 1, i, j, k, -1, -i, -j, -k."""
    units = np.array([[0, 1, 2, 3], [1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0]])
    signs = np.array([[0, 0, 0, 0], [0, 1, 0, 1], [0, 1, 1, 0], [0, 0, 1, 1]])  # ij = k, ji = -k
    s, u = np.arange(8) // 4, np.arange(8) % 4
    sign = (s[:, None] + s + signs[u[:, None], u]) % 2
    return from_table(units[u[:, None], u] + 4 * sign, name="Q_8")


def fourier_transform(
    group: Group, function: Inexact[np.ndarray, "*batch order"]
) -> tuple[Inexact[np.ndarray, "..."], ...]:
    r"""The Fourier transform :math:`\hat f(\rho) = \sum_g f(g)\,\rho(g)`, one matrix per irrep.

    Raises:
        ValueError: if the last axis of ``function`` is not the group.
    """
    function = np.asarray(function)
    if function.ndim == 0 or function.shape[-1] != group.order:
        raise ValueError(
            f"function must have last axis {group.order}, one value per element of {group.name}, "
            f"got shape {function.shape}; move the group to the last axis"
        )
    return tuple(np.tensordot(function, irrep, axes=(-1, 0)) for irrep in group.irreps)


def inverse_fourier_transform(
    group: Group, coefficients: Sequence[Inexact[np.ndarray, "..."]]
) -> Inexact[np.ndarray, "*batch order"]:
    r"""The function :math:`f(g) = \frac1n\sum_\rho d_\rho\,\mathrm{tr}[\hat f(\rho)\rho(g)^{-1}]`.

    Raises:
        ValueError: if there is not one coefficient of the right size per irrep.
    """
    sizes = [np.shape(c)[-2:] for c in coefficients]
    expected = [irrep.shape[1:] for irrep in group.irreps]
    if sizes != expected:
        raise ValueError(
            f"coefficients must be one matrix per irrep of {group.name}, sizes {expected}, "
            f"got {sizes}; pass what fourier_transform returned"
        )
    return sum(
        irrep.shape[1] / group.order * np.einsum("...ab,gab->...g", c, irrep.conj())
        for c, irrep in zip(coefficients, group.irreps)
    )
