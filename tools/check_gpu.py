"""Fail unless both JAX and torch see a GPU: ``python -m tools.check_gpu``."""

import sys

import jax
import torch


def missing() -> list[str]:
    """The libraries that see no GPU."""
    sees = {
        "JAX": any(device.platform == "gpu" for device in jax.devices()),
        "torch": torch.cuda.is_available(),
    }
    return [library for library, seen in sees.items() if not seen]


def main() -> int:
    """Say what was found, and return the exit status."""
    if blind := missing():
        print(f"no GPU seen by {' and '.join(blind)}; check the runner's driver", file=sys.stderr)
        return 1
    print(f"JAX: {jax.devices()}, torch: {torch.cuda.get_device_name(0)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
