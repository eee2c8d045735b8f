r"""What a trained network takes turned images for, and what it recognises and calls otherwise.

A class that was never seen at an angle may be recognised there and yet never be given as the
answer. Two numbers tell: the rank of the true class among the answers, and the area under the curve
(AUC) of the true class against all other images *at the same angle*, so that what is known of the
angle cancels. The AUC has a dull part, since a network is less sure of images of a class that it
does not know: ``auc_unsure`` is what the other classes' scores alone give.

Sources: Perin and Deny 2025, on partially rotated MNIST; Hanley and McNeil 1982 (the AUC as a rank
statistic).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int, Num
from scipy.stats import rankdata
from torch import Tensor, nn

from symlib.partial_orbits import TurnedImages

__all__ = ["Nearest", "answers", "auc", "averaged", "of_held_and_others", "table"]


class Nearest(nn.Module):
    """Takes an image for the class of the most similar training sample.

    Args:
        turned: all samples; of equal norm, so that the most similar is the nearest.
        samples: those to compare with.
        classes: the class of each.
        count: number of classes.
    """

    def __init__(
        self,
        turned: TurnedImages,
        samples: Int[Tensor, " samples"],
        classes: Int[np.ndarray, " samples"],
        count: int = 10,
    ):
        super().__init__()
        self.known = [turned(samples[classes == c]).flatten(1) for c in range(count)]

    def forward(self, images: Tensor) -> Tensor:
        """The largest cosine with a sample of each class, -1 for a class without samples."""
        flat = nn.functional.normalize(images.flatten(1))
        none = -torch.ones(len(flat), device=flat.device)
        best = [
            (flat @ nn.functional.normalize(known).T).amax(dim=1) if len(known) else none
            for known in self.known
        ]
        return torch.stack(best, dim=1)


def auc(
    scores: Num[np.ndarray, "images views"], positive: Bool[np.ndarray, " images"]
) -> Float[np.ndarray, " views"]:
    """Probability that an image of the class scores higher than another one; ties count a half.

    NaN where there are no images of the class, or only such.

    >>> float(auc(np.array([[0.1], [0.4], [0.3], [0.2]]), np.array([False, True, True, False]))[0])
    1.0
    """
    inside, outside = np.count_nonzero(positive), np.count_nonzero(~positive)
    if not inside or not outside:
        return np.full(scores.shape[1], np.nan)
    ranks = rankdata(scores, axis=0)[positive].sum(axis=0)
    return (ranks - inside * (inside + 1) / 2) / (inside * outside)


def _log_softmax(logits):
    return logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)


def averaged(
    logits: Float[np.ndarray, "images turns classes"],
) -> Float[np.ndarray, "images 1 classes"]:
    """Logarithms of the probabilities averaged over the turned copies of each image."""
    log_p = _log_softmax(logits)
    return np.logaddexp.reduce(log_p, axis=1, keepdims=True) - np.log(logits.shape[1])


def answers(
    logits: Float[np.ndarray, "images views classes"],
    labels: Int[np.ndarray, " images"],
    held: Sequence[int] = (),
) -> pd.DataFrame:
    """What the images of each class are taken for, in each of several views of the same images.

    Args:
        logits: of the network.
        labels: class of each image.
        held: the classes that were not seen at an angle.

    Returns:
        One row per ``view`` and ``digit``, a class with images: ``images``, how many; ``right``;
        ``as_0`` and so on, how many are taken for each class; ``rank``, the mean rank of the true
        class, 1 the first; ``top2`` and ``top3``, in how many it is among the first ones; ``auc``
        against all other images, by the log-odds of the true class; ``auc_dropped``, the same
        with the true class's own logit left out; ``auc_unsure``, by the largest probability among
        the other classes alone; and ``auc_held``, against the images of the other classes in
        ``held``, by the difference of the two logits.
    """
    taken = logits.argmax(axis=-1)
    frames = []
    for digit in np.unique(labels):
        own = labels == digit
        rest = np.delete(logits, digit, axis=-1)
        log_rest = np.logaddexp.reduce(rest, axis=-1)
        rank = 1 + (rest[own] > logits[own][..., digit, None]).sum(axis=-1)
        rivals = [other for other in held if other != digit] if digit in held else []
        against = [
            auc((logits[..., digit] - logits[..., other])[own | (labels == other)], own_)
            for other in rivals
            for own_ in [own[own | (labels == other)]]
        ]
        counts = {f"as_{c}": (taken[own] == c).sum(axis=0) for c in range(logits.shape[-1])}
        columns = {
            "view": np.arange(logits.shape[1]),
            "digit": digit,
            "images": np.count_nonzero(own),
            "right": counts[f"as_{digit}"],
            **counts,
            "rank": rank.mean(axis=0),
            "top2": (rank <= 2).sum(axis=0),
            "top3": (rank <= 3).sum(axis=0),
            "auc": auc(logits[..., digit] - log_rest, own),
            "auc_dropped": auc(-log_rest, own),
            "auc_unsure": auc(log_rest - rest.max(axis=-1), own),
            "auc_held": np.mean(against, axis=0) if against else np.nan,
        }
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def _pooled(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Counts added, and means taken, over the views and digits that are alike in ``by``."""
    counts = [name for name in rows if name.startswith(("as_", "top"))]
    how = dict.fromkeys(["images", "right", *counts], "sum")
    how |= dict.fromkeys(["rank", "auc", "auc_dropped", "auc_unsure", "auc_held"], "mean")
    return rows.groupby(by, as_index=False).agg(how)


def of_held_and_others(rows: pd.DataFrame, held: Sequence[int]) -> pd.DataFrame:
    """Rows of ``answers``, views pooled: one of each class in ``held``, one of all ``"others"``."""
    inside = rows.digit.isin(held)
    return _pooled(rows.assign(digit=rows.digit.astype(str).where(inside, "others")), ["digit"])


def table(
    logits: Float[np.ndarray, "images turns classes"],
    labels: Int[np.ndarray, " images"],
    *,
    held: Sequence[int],
    missed: Sequence[int],
) -> pd.DataFrame:
    r"""What unseen images are taken for: at each angle, and when copies of them are averaged.

    Averages are of an upright image's copies, and of their probabilities unless named otherwise.
    Under a group that holds the angle of the image they are the same for an image at any angle.

    Args:
        logits: of images under the 2N turns of twice the group's order; the even ones are C_N's.
        labels: class of each image.
        held: the classes that miss an angle.
        missed: which of the N turns they miss.

    Returns:
        The columns of ``answers``, of ``digit`` a class or ``"others"``, those not in ``held``
        together; ``angle`` in degrees, or NaN where angles are pooled; and in ``view``

        - ``angle``: each of the N angles, classes in ``held`` only;
        - ``missed``, ``kept``: the angles in ``missed``, every class; and all others;
        - ``averaged``: over the N copies, every class; ``averaged_logits``, of their logits;
        - ``seen_copies``: over the copies at angles not in ``missed``;
        - ``half_turn``: no average, the copy upside down;
        - ``finer``, ``coarser``: over the copies under 2N turns, and under N/2.
    """
    turns = logits.shape[1] // 2
    on_group, kept = logits[:, ::2], np.setdiff1d(np.arange(turns), missed)
    at_angles = answers(on_group, labels, held)
    frames = [
        at_angles[at_angles.digit.isin(held)].assign(
            angle=lambda rows: rows.view * 360 / turns, view="angle"
        )
    ]
    is_missed = at_angles.view.isin(missed)
    frames.append(_pooled(at_angles[is_missed], ["digit"]).assign(view="missed"))
    frames.append(of_held_and_others(at_angles[~is_missed], held).assign(view="kept"))
    ways = {
        "averaged": averaged(on_group),
        "averaged_logits": on_group.mean(axis=1, keepdims=True),
        "seen_copies": averaged(on_group[:, kept]) if len(kept) else None,
        "half_turn": on_group[:, [turns // 2]] if turns % 2 == 0 else None,
        "finer": averaged(logits),
        "coarser": averaged(on_group[:, ::2]) if turns % 2 == 0 and turns > 2 else None,
    }
    for way, scores in ways.items():
        if scores is not None:
            rows = answers(scores, labels, held)
            rows = rows if way == "averaged" else of_held_and_others(rows, held)
            frames.append(rows.assign(view=way))
    return pd.concat(frames, ignore_index=True).astype({"digit": str})
