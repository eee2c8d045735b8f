"""The networks of the rotated-MNIST experiments, in torch.

Each takes grey images, shape (batch, 1, 28, 28), and returns logits, shape (batch, classes). Sizes
are the paper's. Perin and Deny 2025, on MLPs, CNNs and ViTs trained on partially rotated MNIST.
"""

import torch
from torch import nn

__all__ = ["NETWORKS", "Dropout", "ViT", "build", "cnn", "mlp"]


class Dropout(nn.Module):
    """Dropout. That of torch draws slowly on a CPU: longer than the layers around it compute."""

    def __init__(self, share: float):
        super().__init__()
        self.share = share

    def forward(self, units: torch.Tensor) -> torch.Tensor:
        """The units, each zeroed with the probability ``share`` while training."""
        if not self.training:
            return units
        return units * (torch.rand_like(units) >= self.share) / (1 - self.share)


def mlp(classes: int = 10) -> nn.Module:
    """Two hidden layers of 512 and 128 units, with dropout."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 512),
        nn.ReLU(),
        Dropout(0.5),
        nn.Linear(512, 128),
        nn.ReLU(),
        Dropout(0.5),
        nn.Linear(128, classes),
    )


def cnn(classes: int = 10) -> nn.Module:
    """Convolutions 5 × 5 × 24 and 3 × 3 × 32, each max-pooled by two, then 256 units.

    ReLU follows the pooling: the same function and the same gradients as before it, on a quarter
    of the units.
    """
    return nn.Sequential(
        nn.Conv2d(1, 24, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(24, 32, 3),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 5 * 5, 256),
        nn.ReLU(),
        nn.Linear(256, classes),
    )


class ViT(nn.Module):
    """A vision transformer: patches of 4 × 4, two blocks of width 256 with four heads.

    Source of the architecture: Dosovitskiy et al. 2021.
    """

    def __init__(self, classes: int = 10, width: int = 256, depth: int = 2, heads: int = 4):
        super().__init__()
        self.patches = nn.Conv2d(1, width, 4, stride=4)
        self.summary = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(0.02 * torch.randn(1, 50, width))
        block = nn.TransformerEncoderLayer(
            width,
            heads,
            dim_feedforward=256,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.blocks = nn.TransformerEncoder(block, depth, enable_nested_tensor=False)
        self.readout = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits of images, read out at the summary token."""
        tokens = self.patches(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.summary.expand(len(tokens), -1, -1), tokens], dim=1)
        return self.readout(self.blocks(tokens + self.positions)[:, 0])


NETWORKS = {"mlp": mlp, "cnn": cnn, "vit": ViT}


def build(name: str, *, seed: int, classes: int = 10) -> nn.Module:
    """A network with weights that ``seed`` alone decides.

    Raises:
        ValueError: if there is no network of that name.
    """
    if name not in NETWORKS:
        raise ValueError(f"name must be one of {sorted(NETWORKS)}, got {name!r}")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return NETWORKS[name](classes)
