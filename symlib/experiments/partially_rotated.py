"""Networks trained on digits that are seen under every rotation, but for one digit upright.

Of one class the upright images are held out; the network sees them under the other N - 1 turns,
and those of the other classes under all N. Stored is what it takes each class for, and everything
that tells whether it recognises what it calls otherwise. Perin and Deny 2025, on partially rotated
MNIST.
"""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Int
from pydantic import Field, PositiveFloat, StringConstraints

from symlib.data import Sample
from symlib.experiment import Experiment
from symlib.settings import AnyCounts, Seed, Several, Training, settings

if TYPE_CHECKING:
    from symlib.partial_orbits import Split, TurnedImages

__all__ = ["EACH", "SLICES", "Held", "Observed", "PartiallyRotated"]

SLICES = {"mlp": 2048, "cnn": 256, "vit": 64, "logistic": 2048}  # of a batch, for a CPU's cache
RATES = {"mlp": 50_000, "cnn": 15_000, "vit": 700, "logistic": 80_000}  # samples a second

Network = Literal["mlp", "cnn", "vit", "logistic", "nearest"]
Inputs = Literal["centred", "published"]
Arc = Annotated[float, Field(ge=0, le=180)]
Held = Annotated[str, StringConstraints(pattern="^[0-9]+$")]
EACH = tuple("0123456789")


class Observed(NamedTuple):
    """Turned images, and which of their samples a network sees.

    Attributes:
        turned: under the N turns, which ``split`` numbers.
        twice: the same images under 2N turns.
        labels: class of each image.
        known: how many images it is trained on, the first ones.
        missed: the turns that the held-out classes miss.
        split: of the samples.
    """

    turned: "TurnedImages"
    twice: "TurnedImages"
    labels: Int[np.ndarray, " images"]
    known: int
    missed: list[int]
    split: "Split"


@settings
class PartiallyRotated(Experiment):
    """The paper's by default but for the images no network sees."""

    networks: Several[Network] = ("mlp", "cnn", "vit")  # to train
    held: Several[Held] = EACH  # what misses upright, in turn: 5, or 23 both
    counts: AnyCounts = (2, 4, 8, 16, 32, 64)  # rotations N of each image
    seeds: Several[Seed] = (0, 1, 2)  # of images, weights, order, dropout
    arc: Arc | None = 0.0  # degrees about upright missed too, 180 all; None misses not even upright
    others: Annotated[int, Field(ge=0, le=9)] = 9  # classes seen beside those held, the next ones
    inputs: Inputs = "centred"  # of unit variance; or of unit norm and not centred, as published
    initial_scale: PositiveFloat = 1.0  # the first weights, times this
    sample: Sample = Sample()
    training: Training = Training()

    @classmethod
    def quick(cls) -> "PartiallyRotated":
        return cls(
            networks=("mlp",),
            held=("5",),
            counts=(2, 4, 8, 16, 32),
            seeds=(0,),
            sample=Sample(1000, 200, "mnist-5000"),
        )

    def cells(self) -> list[str]:
        self.sample.require_enough()
        cells = itertools.product(
            self.networks, self.counts, self.seeds, self.held
        )  # dear ones last
        return [f"{name}-{held}-{count}-{seed}" for name, count, seed, held in cells]

    def rows(self, cell: str) -> pd.DataFrame:
        """What a network takes images for that was trained without some digits upright.

        Of images never seen, ``seen`` 0, the rows of ``recognition.table``; with ``seen`` 1, of
        images that it was trained on, those at the angles ``missed``, and samples left out at the
        angles ``kept``; in the view ``train`` at most 4,000 training samples. Images of a class
        that misses every angle stand there, too, though none was seen. With network, held digits,
        N and seed.
        """
        return self.resume(cell, None)

    def resume(self, cell: str, checkpoint: Path | None) -> pd.DataFrame:
        """As ``rows``, from where the training at ``checkpoint`` stopped."""
        name, held, count, seed = self.parts_of(cell)
        observed = self.observe(held, count, seed)
        if name == "nearest":
            network = self._nearest(observed)
        else:
            steps = self.training.steps_of(len(observed.split.train))
            rarely = replace(self.training, steps=steps, epochs=min(steps, 8), evaluated=1)
            network, _ = self.train(name, observed, rarely, seed, checkpoint)
        rows = self.recognised(network, observed, held).round(5)
        digits = "".join(map(str, held))
        return rows.assign(network=name, held=digits, count=count, seed=seed)

    def cost(self, cell: str) -> float:
        name, held, count, _ = cell.split("-")
        shown = min(10, len(held) + self.others) / 10 * int(count)
        images, fresh = self.sample.images * shown, self.sample.fresh * shown
        if name == "nearest":
            return 2e-8 * images * (2 * fresh + images / 10)
        return (self.training.samples(round(0.9 * images)) + 2 * fresh / 3) / RATES[name]

    @staticmethod
    def parts_of(cell: str) -> tuple[str, list[int], int, int]:
        """Network, held-out digits, number of rotations and seed of a cell."""
        name, held, count, seed = cell.split("-")
        return name, sorted({*map(int, held)}), int(count), int(seed)

    def observe(self, held: list[int], count: int, seed: int) -> Observed:
        """The images, turned, and which of their samples the network sees."""
        from symlib import partial_orbits, training

        generator = np.random.default_rng([seed, 0])
        drawn = self.sample.draw(generator)
        others = [d % 10 for d in range(held[0], held[0] + 10) if d % 10 not in held]
        shown = np.isin(drawn.labels, held + others[: self.others])
        fresh = int(shown[self.sample.images :].sum())
        images, labels = drawn.images[shown], drawn.labels[shown]
        away = np.arange(count) * 360 / count
        within = np.minimum(away, 360 - away) <= (-1 if self.arc is None else self.arc)
        missed = np.flatnonzero(within).tolist()
        split = partial_orbits.split(
            labels, count, held_class=held, held_turns=missed, fresh=fresh, generator=generator
        )
        device, centred = training.default_device(), self.inputs == "centred"
        turned, twice = (
            partial_orbits.TurnedImages(images, n, device, centred=centred)
            for n in (count, 2 * count)
        )
        return Observed(turned, twice, labels, len(labels) - fresh, missed, split)

    def train(
        self, name: str, observed: Observed, how: Training, seed: int, checkpoint: Path | None
    ) -> tuple[Any, pd.DataFrame]:
        """A network trained on what it observes, and how it went."""
        from symlib import nets, training

        network = nets.build(name, seed=seed, scale=self.initial_scale)
        if observed.turned.coefficients.device.type == "cpu":
            how = replace(how, slice=SLICES[name])
        curve = training.train(
            network,
            observed.turned,
            observed.labels,
            observed.split,
            how,
            seed=seed,
            checkpoint=checkpoint,
        )
        return network, curve

    def _nearest(self, observed):
        from symlib import recognition

        samples = observed.split.train
        classes = observed.labels[samples.numpy() // observed.turned.count]
        return recognition.Nearest(observed.turned, samples, classes)

    def recognised(self, network: Any, observed: Observed, held: list[int]) -> pd.DataFrame:
        """What a network takes the images for; the rows of a cell but for its name."""
        import torch

        from symlib import recognition, training

        def logits(turned, samples):
            return training.logits(network, turned, samples, slice=256).cpu().numpy().astype(float)

        def of_samples(samples):
            labels = observed.labels[samples.numpy() // observed.turned.count]
            rows = recognition.answers(logits(observed.turned, samples)[:, None], labels, held)
            return recognition.of_held_and_others(rows, held)

        turns = observed.twice.count
        fresh = turns * torch.arange(observed.known, len(observed.labels))
        at_turns = [logits(observed.twice, fresh + turn) for turn in range(turns)]
        unseen = recognition.table(
            np.stack(at_turns, axis=1),
            observed.labels[observed.known :],
            held=held,
            missed=observed.missed,
        )
        tested = observed.split.in_distribution
        at_missed = np.isin(tested.numpy() % observed.turned.count, observed.missed)
        sets = {
            "missed": torch.cat([observed.split.held_out, tested[at_missed]]),
            "kept": tested[~at_missed],
            "train": observed.split.train[:: -(-len(observed.split.train) // 4000)],
        }
        seen = [
            of_samples(samples).assign(view=view) for view, samples in sets.items() if len(samples)
        ]
        return pd.concat([unseen.assign(seen=0), *(rows.assign(seen=1) for rows in seen)])
