"""What the training loop asks of an objective, and what an objective gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Generator, Tensor

from umt.lm.joint_lm import JointLM


@dataclass(frozen=True)
class Loss:
    """What one objective asks of one step.

    nats: a scalar, the sum over ``tokens`` predictions, with its gradient; bytes: of text that these stand
    for.
    weight: of the mean of ``nats`` in the sum over all objectives.
    """

    nll_sum: Tensor
    tokens: int
    bytes: int
    weight: float = 1.0


class Objective(Protocol):
    """Draws its own batch, of its own size, and knows where in the data it stands."""

    def loss(
        self, model: JointLM, step: int, generator: Generator, dtype: torch.dtype = torch.float32
    ) -> Loss | None:
        """The loss of one batch; None when there is nothing to do at this step.

        dtype: of products by weights, see `JointLM`.
        """
        ...

    def state(self) -> dict[str, Any]:
        """Where it stands, as JSON."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Stand there again."""
        ...
