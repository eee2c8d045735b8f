"""What the settings of experiments are made of: values that are checked when they are made.

A setting is a field of a frozen dataclass; its type says what it may be, and the comment behind it
is its help on the command line.
"""

import dataclasses
import functools
import math
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar, dataclass_transform

import pydantic
from pydantic import AfterValidator, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat

__all__ = [
    "AnyCounts",
    "BiasStd",
    "Counts",
    "Dataset",
    "Digits",
    "Positive",
    "Ridge",
    "Seed",
    "Several",
    "Training",
    "Turns",
    "WeightStd",
    "nested",
    "settings",
]

T = TypeVar("T")


def _plainly(refusal, names: list[str]) -> str:
    """One refusal of pydantic, as ours read."""
    reason = re.sub(r"^(Value error, |\w+ should)", "", refusal["msg"]).strip()
    if refusal["type"] == "value_error":  # of a check of our own
        return reason
    first, *rest = refusal["loc"]
    place = ".".join(map(str, [names[first] if isinstance(first, int) else first, *rest]))
    return f"{place} must {reason.removeprefix('must ')}, got {refusal['input']!r}"


@dataclass_transform(frozen_default=True)
def settings(kind: type[T]) -> type[T]:
    """A frozen dataclass of this class, whose fields are checked by their types.

    Raises:
        ValueError: of the class, when it is made with values that do not fit, all in one message.
    """
    strict = pydantic.ConfigDict(extra="forbid", allow_inf_nan=False)
    checked: Any = pydantic.dataclasses.dataclass(frozen=True, config=strict)(kind)
    make: Callable = checked.__init__
    names = [field.name for field in dataclasses.fields(checked)]

    @functools.wraps(make)
    def make_or_refuse(self, *values, **named):
        try:
            make(self, *values, **named)
        except pydantic.ValidationError as error:
            refusals = [_plainly(refusal, names) for refusal in error.errors()]
            raise ValueError("; ".join(refusals)) from None

    checked.__init__ = make_or_refuse
    return checked


def nested(counts: tuple[int, ...]) -> tuple[int, ...]:
    """The same numbers of rotations, if the orbits of the largest hold all others.

    Raises:
        ValueError: if it is not a multiple of four and of every other.
    """
    largest = max(counts)
    if largest % 4 or any(largest % count for count in counts):
        raise ValueError(
            f"counts must all divide the largest, itself a multiple of 4, got {counts}; "
            "quarter turns are what makes the orbits exact"
        )
    return counts


Positive = Annotated[int, Field(gt=0, le=10**9)]  # no more than a run could count to
WeightStd = Annotated[float, Field(gt=0, le=1e50)]  # whose square does not overflow
BiasStd = Annotated[float, Field(ge=0, le=1e50)]
Several = Annotated[tuple[T, ...], Field(min_length=1)]
Turns = Annotated[int, Field(ge=2, le=10**6)]  # with one turn there is nothing to leave out
AnyCounts = Several[Turns]
Counts = Annotated[AnyCounts, AfterValidator(nested)]
Digits = Several[Annotated[int, Field(ge=0, le=9)]]
Seed = NonNegativeInt
Ridge = NonNegativeFloat
Dataset = Literal["mnist-5000", "mnist", "fashion-mnist"]


@settings
class Training:
    """How to train a network, the paper's way by default."""

    epochs: Positive = 22  # also how often accuracy is measured
    steps: Positive | None = None  # train for so many steps instead, whatever their epochs
    batch: Positive = 2048  # samples a step
    learning_rate: PositiveFloat = 1e-3  # of Adam
    betas: tuple[float, float] = (0.7, 0.9)  # of Adam
    weight_decay: NonNegativeFloat = 0.0  # decoupled, a step takes off this times the rate
    warm_up: NonNegativeInt = 0  # steps in which the rate rises to its value, in proportion
    anneal: bool = False  # let the rate fall to zero at the end, along a cosine
    evaluated: Positive = 4000  # samples of each set, at most, that accuracy is measured on
    slice: Positive = 2048  # of a batch, passed through the network at once

    @pydantic.model_validator(mode="after")
    def _measures_no_more_often_than_it_steps(self):
        if self.steps is not None and self.steps < self.epochs:
            raise ValueError(
                f"steps must be at least epochs, {self.epochs}, how often accuracy is measured, "
                f"got {self.steps}"
            )
        return self

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of one step of so many."""
        rising = min(1.0, (step + 1) / (self.warm_up + 1))
        falling = (1 + math.cos(math.pi * step / steps)) / 2 if self.anneal else 1.0
        return self.learning_rate * rising * falling

    def steps_of(self, train: int) -> int:
        """How many steps it takes with so many samples to train on."""
        return self.steps or self.epochs * -(-train // self.batch)

    def samples(self, train: int) -> int:
        """How many samples pass, of this many to train on; a test counts a third of a step."""
        steps = self.epochs * train if self.steps is None else self.steps * self.batch
        tested = min(self.evaluated, train) + 2 * min(self.evaluated, train // 10)
        return steps + self.epochs * tested // 3
