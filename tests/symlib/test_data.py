"""Data sets: the 5,000 offline digits, and downloads that go wrong in every way."""

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest

from symlib import data

generator = np.random.default_rng(0)
IMAGES = generator.integers(0, 256, size=(6, 28, 28), dtype=np.uint8)
LABELS = np.array([3, 1, 4, 1, 5, 9], dtype=np.uint8)


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}i", *array.shape)
    return gzip.compress(header + array.tobytes())


FILES = {"train-images-idx3-ubyte.gz": idx(IMAGES), "train-labels-idx1-ubyte.gz": idx(LABELS)}


@pytest.fixture
def server(monkeypatch):
    """torchvision's addresses and checksums replaced by ours; counts what is fetched."""
    datasets = pytest.importorskip("torchvision").datasets
    utils = datasets.utils

    resources = [(name, hashlib.md5(content).hexdigest()) for name, content in FILES.items()]
    fetched = []

    def retrieve(url, filename, chunk_size=0):
        fetched.append(url)
        if url.startswith("down://"):
            raise OSError("network unreachable")
        name = url.removeprefix("up://")
        with open(filename, "wb") as file:
            file.write(FILES[name])

    monkeypatch.setattr(data, "_PACKAGED", Path("/nowhere"))
    for source in (datasets.MNIST, datasets.FashionMNIST):
        monkeypatch.setattr(source, "resources", resources)
        monkeypatch.setattr(source, "mirrors", ["down://", "up://"])
    monkeypatch.setattr(utils, "_urlretrieve", retrieve)
    monkeypatch.setattr(utils, "_get_redirect_url", lambda url, max_hops=3: url)
    return fetched


def test_five_thousand_digits():
    digits = data.load()
    assert digits.images.shape == (5000, 28, 28)
    assert digits.images.dtype == np.float64
    assert digits.images.min() == 0
    assert digits.images.max() == 1
    assert np.bincount(digits.labels).tolist() == [500] * 10


def test_reads_once_what_nobody_can_change():
    digits = data.load()
    assert data.load() is digits
    for array in (digits.images, digits.labels):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_fetches_once_from_the_mirror_that_answers(name, server, tmp_path):
    first = data.load(name, root=tmp_path)
    assert (first.images == IMAGES / 255).all()
    assert first.labels.tolist() == LABELS.tolist()
    assert len(server) == 4  # each file once from each mirror
    again = data.load(name, root=tmp_path)
    assert len(server) == 4
    assert again is first
    assert sorted(p.name for p in (tmp_path / name).iterdir()) == sorted(FILES)


def test_damaged_file_is_set_aside_and_fetched_anew(server, tmp_path):
    data.load("mnist", root=tmp_path)
    path = tmp_path / "mnist" / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(data.DataError, match=r"train-images.*damaged.*call load again"):
        data.load("mnist", root=tmp_path)
    assert (data.load("mnist", root=tmp_path).images == IMAGES / 255).all()


def test_unreachable_network_leaves_the_cache_usable(server, tmp_path, monkeypatch):
    datasets = pytest.importorskip("torchvision").datasets

    monkeypatch.setattr(datasets.MNIST, "mirrors", ["down://"])
    with pytest.raises(data.DataError, match=r"network unreachable.*'mnist-5000'.*put the file"):
        data.load("mnist", root=tmp_path)
    assert list((tmp_path / "mnist").iterdir()) == []
    for name, content in FILES.items():
        (tmp_path / "mnist" / name).write_bytes(content)
    assert (data.load("mnist", root=tmp_path).labels == LABELS).all()


def test_wrong_download_is_not_kept(server, tmp_path, monkeypatch):
    monkeypatch.setitem(FILES, "train-images-idx3-ubyte.gz", b"something else")
    with pytest.raises(data.DataError, match="could not be fetched"):
        data.load("mnist", root=tmp_path)
    assert list((tmp_path / "mnist").iterdir()) == []


def test_pairs_differ_in_class_and_from_one_another():
    labels = np.repeat(np.arange(4), 5)
    pairs = data.pairs_of_classes(labels, 150, generator=np.random.default_rng(1))
    assert (labels[pairs[:, 0]] != labels[pairs[:, 1]]).all()
    assert len({frozenset(pair) for pair in pairs.tolist()}) == 150  # every pair there is
    again = data.pairs_of_classes(labels, 150, generator=np.random.default_rng(1))
    assert (pairs == again).all()


def test_images_of_one_class_make_no_pairs():
    with pytest.raises(ValueError, match="from 1 to 0, the pairs"):
        data.pairs_of_classes(np.zeros(3, int), 1, generator=generator)


def test_pairs_where_nearly_all_are_taken():
    labels = np.array([0] * 300 + [1])
    pairs = data.pairs_of_classes(labels, 300, generator=np.random.default_rng(0))
    assert len({frozenset(pair) for pair in pairs.tolist()}) == 300
    assert (labels[pairs[:, 0]] != labels[pairs[:, 1]]).all()


def test_a_home_that_is_not_there(monkeypatch):
    monkeypatch.setenv("SYMLIB_DATA", "~nobody-of-this-name/images")
    with pytest.raises(data.DataError, match="set SYMLIB_DATA to a folder"):
        data.load("mnist")


def test_exemplars_are_of_their_classes_in_order():
    labels = np.repeat([0, 1, 2], [4, 5, 6])
    chosen = data.exemplars(labels, [2, 0], 4, generator=np.random.default_rng(1))
    assert labels[chosen].tolist() == 4 * [2] + 4 * [0]
    assert len(set(chosen.tolist())) == 8
    other = data.exemplars(labels, [2, 0], 4, generator=np.random.default_rng(2))
    assert chosen[:4].tolist() != other[:4].tolist()


def test_a_checksum_is_of_images_and_labels():
    images, labels = np.arange(12.0).reshape(3, 2, 2), np.array([1, 0, 1])
    known = data.Images(images, labels, "these").checksum()
    assert known == hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()[:16]
    assert data.Images(images[:, ::-1], labels, "these").checksum() != known


def test_samples_are_counted_without_a_download(monkeypatch):
    monkeypatch.setattr(data, "load", None)
    data.Sample(54_000, 6_000, "mnist").require_enough()
    with pytest.raises(ValueError, match="at most 60000 together"):
        data.Sample(60_000, 1, "fashion-mnist").require_enough()


def test_clothes_of_debians_package_are_read_where_they_are(monkeypatch, tmp_path):
    pytest.importorskip("torchvision")
    if not (data._PACKAGED / "fashion-mnist").exists():
        pytest.skip("needs Debian's package dataset-fashion-mnist")
    monkeypatch.setenv("SYMLIB_DATA", str(tmp_path))
    clothes = data.load("fashion-mnist")
    assert clothes.images.shape == (60_000, 28, 28)
    assert np.bincount(clothes.labels).tolist() == [6000] * 10
    assert clothes.images.mean() == pytest.approx(0.2860, abs=5e-5)
    assert clothes.images.std() == pytest.approx(0.3530, abs=5e-5)
    assert not any(tmp_path.iterdir())


def test_a_file_packed_anew_is_known_by_its_content(server, monkeypatch, tmp_path):
    whole = tmp_path / "fashion-mnist" / "train-images-idx3-ubyte.gz"
    whole.parent.mkdir()
    whole.write_bytes(gzip.compress(b"content", mtime=1))
    digest = hashlib.sha256(b"content").hexdigest()
    monkeypatch.setitem(data._CONTENT, f"fashion-mnist/{whole.name}", digest)
    assert data._cached(whole, [], "0" * 32) == whole
    whole.write_bytes(gzip.compress(b"other", mtime=1))
    with pytest.raises(data.DataError, match="damaged"):
        data._cached(whole, [], "0" * 32)


def test_few_of_many_pairs_are_drawn_at_random():
    labels = np.random.default_rng(2).integers(10, size=500)
    pairs = data.pairs_of_classes(labels, 100, generator=np.random.default_rng(3))
    assert pairs.shape == (100, 2)
    assert (labels[pairs[:, 0]] != labels[pairs[:, 1]]).all()
    assert len({frozenset(pair) for pair in pairs.tolist()}) == 100
    assert len(np.unique(pairs)) > 150  # spread over the images
    other = data.pairs_of_classes(labels, 100, generator=np.random.default_rng(4))
    assert (pairs != other).any()


@pytest.mark.parametrize("count", [1, 3, 7])
@pytest.mark.parametrize("seed", range(20))
def test_few_pairs_are_the_first_of_the_stream(seed, count):
    """Up to a quarter of all pairs: which they are, and what is drawn after them, is on record."""
    labels = np.repeat([0, 1], [7, 4])  # 28 pairs
    drawn, expected = (np.random.default_rng(seed) for _ in range(2))
    pairs = data.pairs_of_classes(labels, count, generator=drawn)
    found: list[tuple[int, int]] = []
    while len(found) < count:
        for first, second in expected.integers(11, size=(2 * count, 2)).tolist():
            if labels[first] != labels[second] and not {(first, second), (second, first)} & {
                *found
            }:
                found.append((first, second))
    assert pairs.tolist() == [[*pair] for pair in found[:count]]
    assert drawn.random() == expected.random()


def test_more_pairs_than_a_quarter_are_a_permutation():
    drawn, expected = (np.random.default_rng(5) for _ in range(2))
    labels = np.repeat([0, 1], [7, 4])
    pairs = data.pairs_of_classes(labels, 8, generator=drawn)
    every = [(first, second) for first in range(7) for second in range(7, 11)]
    assert pairs.tolist() == [[*every[k]] for k in expected.permutation(28)[:8]]


@pytest.mark.parametrize("setting", [None, "elsewhere"])
def test_downloads_are_kept_in_the_cache(monkeypatch, tmp_path, setting):
    pytest.importorskip("torchvision")
    asked = []

    def cached(path, addresses, md5):
        asked.append(path.parent)
        raise data.DataError("no network")

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(data, "_cached", cached)
    monkeypatch.delenv("SYMLIB_DATA", raising=False)
    folder = tmp_path / ".cache" / "symlib"
    if setting:
        folder = tmp_path / setting
        monkeypatch.setenv("SYMLIB_DATA", str(folder))
    with pytest.raises(data.DataError, match="no network"):
        data.load("mnist")
    assert asked == [folder / "mnist"]


def test_images_and_labels_are_read_only():
    digits = data.load()
    for array in (digits.images, digits.labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize(("split", "prefix"), [("train", "train"), ("test", "t10k")])
def test_each_split_has_its_own_files(tmp_path, split, prefix):
    pytest.importorskip("torchvision")
    images, labels = data._remote_files("mnist", split, tmp_path)
    assert images[0] == tmp_path / f"{prefix}-images-idx3-ubyte.gz"
    assert labels[0] == tmp_path / f"{prefix}-labels-idx1-ubyte.gz"
    assert all(address.endswith(f"/{labels[0].name}") for address in labels[1])


def test_a_file_is_fetched_beside_its_place(tmp_path, monkeypatch):
    """From there it moves in one step, which it would not from another file system."""
    utils = pytest.importorskip("torchvision.datasets.utils")
    where = []

    def fetch(address, folder, name, md5):
        where.append((address, Path(folder).parent, name, md5))
        (Path(folder) / name).write_bytes(b"fetched")

    monkeypatch.setattr(utils, "download_url", fetch)
    path = tmp_path / "set" / "images"
    assert data._cached(path, ["https://mirror/of/images.gz"], "md5") == path
    assert path.read_bytes() == b"fetched"
    assert where == [("https://mirror/of/images.gz", path.parent, "images", "md5")]


def test_a_packaged_file_is_read_where_it_is_if_it_is_whole(tmp_path, monkeypatch):
    packaged, here = tmp_path / "packaged" / "set", tmp_path / "cache" / "set"
    packaged.mkdir(parents=True)
    (packaged / "images").write_bytes(b"right")
    monkeypatch.setattr(data, "_PACKAGED", packaged.parent)
    right = hashlib.md5(b"right", usedforsecurity=False).hexdigest()
    assert data._cached(here / "images", [], right) == packaged / "images"
    with pytest.raises(data.DataError, match="images could not be fetched"):
        data._cached(here / "images", [], "0" * 32)
