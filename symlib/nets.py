"""The networks of the rotated-MNIST experiments, in torch.

Each takes grey images, shape (batch, 1, 28, 28), and returns logits, shape (batch, classes). Sizes
are the paper's. Perin and Deny 2025, on MLPs, CNNs and ViTs trained on partially rotated MNIST.
"""

import torch
from torch import nn

__all__ = ["NETWORKS", "Block", "Dropout", "ViT", "build", "cnn", "logistic", "mlp"]


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


def _sines(side: int, width: int) -> torch.Tensor:
    """Sines and cosines of the two coordinates of each patch, of falling frequency."""
    frequencies = 10_000.0 ** -torch.linspace(0, 1, width // 4)
    phases = torch.arange(side)[:, None] * frequencies
    waves = torch.cat([phases.sin(), phases.cos()], dim=1)  # [coordinate, width / 2]
    across, down = waves.expand(side, -1, -1), waves[:, None].expand(-1, side, -1)
    return torch.cat([across, down], dim=2).flatten(0, 1)


class Block(nn.Module):
    """A transformer's block: self-attention of several heads, then two layers for each token."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads, self.norm = heads, nn.LayerNorm(width)
        self.read = nn.Linear(width, 3 * width, bias=False)
        self.write = nn.Linear(width, width, bias=False)
        self.hidden = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 256), nn.GELU(), nn.Linear(256, width)
        )

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """The tokens, shape (batch, tokens, width), each with what it gathers from all."""
        parts = self.read(self.norm(tokens)).unflatten(2, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        gathered = nn.functional.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.write(gathered.transpose(1, 2).flatten(2))
        return tokens + self.hidden(tokens)


class ViT(nn.Module):
    """A vision transformer: patches of 4 × 4, two blocks of width 256 with four heads.

    As the published one it has fixed positions, no summary token, and averages over the patches.

    Sources of the architecture: Dosovitskiy et al. 2021; Beyer, Zhai and Kolesnikov 2022.
    """

    positions: torch.Tensor

    def __init__(self, classes: int = 10, width: int = 256, depth: int = 2, heads: int = 4):
        super().__init__()
        self.patches = nn.Unfold(4, stride=4)
        self.embed = nn.Sequential(nn.LayerNorm(16), nn.Linear(16, width), nn.LayerNorm(width))
        self.register_buffer("positions", _sines(7, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm, self.readout = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits of images."""
        tokens = self.embed(self.patches(images).transpose(1, 2)) + self.positions
        return self.readout(self.norm(self.blocks(tokens)).mean(dim=1))


def logistic(classes: int = 10) -> nn.Module:
    """Logistic regression on the pixels."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, classes))


NETWORKS = {"mlp": mlp, "cnn": cnn, "vit": ViT, "logistic": logistic}


def build(name: str, *, seed: int, classes: int = 10, scale: float = 1.0) -> nn.Module:
    """A network with weights that ``seed`` alone decides, all of them times ``scale``.

    Raises:
        ValueError: if there is no network of that name.
    """
    if name not in NETWORKS:
        raise ValueError(f"name must be one of {sorted(NETWORKS)}, got {name!r}")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = NETWORKS[name](classes)
    with torch.no_grad():
        for weights in network.parameters():
            weights.mul_(scale)
    return network
