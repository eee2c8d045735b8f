"""``python -m benchmarks.costs``: what one entry of each kernel costs, and a Gram of 20,000 images.

How cost grows with depth, size of the images and their number. The large Gram is streamed to disk;
memory is what the process holds besides the file.
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import jax
import numpy as np
from tqdm import tqdm

from benchmarks.scaling import seconds
from symlib import convolutions, data, kernels, orbits, streaming


def main() -> None:
    """Print a table of costs, then stream the large Gram."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.costs", description=__doc__)
    parser.add_argument("--images", type=int, default=20_000, help="of the streamed Gram")
    parser.add_argument("--folder", help="with room for it on disk (default: the temporary one)")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    for name, kernel, images in _settings():
        taken = seconds(lambda kernel=kernel, images=images: kernel(images))
        print(f"{name:58} {1e6 * taken / len(images) ** 2:10.3f} µs per entry", flush=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        _stream(options.images, Path(folder))


def _settings() -> Iterator[tuple[str, Callable, np.ndarray]]:
    digits = orbits.normalize(data.load("mnist-5000").images)
    flat = digits.reshape(len(digits), -1)
    for depth in (1, 3, 5):
        yield f"dense NTK, depth {depth}", partial(kernels.ntk, hidden_layers=depth), flat[:2048]
    for number in (256, 4096):
        yield (
            f"dense NTK, depth 1, {number} images",
            partial(kernels.ntk, hidden_layers=1),
            flat[:number],
        )
    for readout in convolutions.READOUTS:
        pool = partial(convolutions.conv_ntk, readout=readout)
        for number in (16, 64, 256):
            yield f"convolutional NTK, {readout}, {number} digits", pool, digits[:number, ..., None]
        for size in (7, 14, 28):
            turned = orbits.normalize(orbits.rotations(_shrunk(digits[:2], size), 8))
            images = turned.reshape(16, size, size, 1)
            yield f"convolutional NTK, {readout}, 16 rotated, {size} × {size}", pool, images
        for depth in (1, 2, 3):
            images = _shrunk(digits[:8], 14)[..., None]
            deep = partial(pool, hidden_layers=depth)
            yield f"convolutional NTK, {readout}, depth {depth}, 14 × 14", deep, images


def _shrunk(images: np.ndarray, size: int) -> np.ndarray:
    return images.reshape(-1, size, 28 // size, size, 28 // size).mean((2, 4))


def _stream(number: int, folder: Path) -> None:
    images = data.load("mnist-5000").images[: -(-number // 4)]
    points = orbits.normalize(orbits.rotations(images, 4)).reshape(-1, 784)[:number]
    path = folder / "gram.npy"
    out = np.lib.format.open_memmap(path, mode="w+", dtype=float, shape=(number, number))
    before, peak, finished = _own_memory(), [0], threading.Event()

    def watch() -> None:
        while not finished.wait(0.05):
            peak[0] = max(peak[0], _own_memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    try:
        streaming.streamed_gram(
            partial(kernels.ntk, hidden_layers=5),
            points,
            out=out,
            progress=lambda blocks, description: tqdm(blocks, desc=description, leave=False),
        )
        out.flush()
    finally:
        finished.set()
        watcher.join()
    print(
        f"dense NTK, depth 5, Gram of {number} images streamed: "
        f"{time.perf_counter() - start:.0f} s, {path.stat().st_size / 1e9:.1f} GB on disk, "
        f"{(peak[0] - before) / 1e9:.2f} GB of memory above the images"
    )


def _own_memory() -> int:
    """Bytes of memory that belong to this process alone and to no file (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


if __name__ == "__main__":
    main()
