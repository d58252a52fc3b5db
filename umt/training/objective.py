"""The interface of a training objective."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Generator, Tensor

from umt.lm.joint_lm import JointLM


@dataclass(frozen=True)
class Loss:
    """The loss of one objective on one batch.

    nll_sum: a scalar with its gradient, in nats, the sum over ``tokens`` predictions; bytes: of the text
    predicted. weight: of the mean ``nll_sum / tokens`` in the sum over all objectives.
    """

    nll_sum: Tensor
    tokens: int
    bytes: int
    weight: float = 1.0


class Objective(Protocol):
    """Draws its own batches and keeps its own position in the data."""

    def loss(
        self, model: JointLM, step: int, generator: Generator, dtype: torch.dtype = torch.float32
    ) -> Loss | None:
        """The loss of one batch; None when there is nothing to do at this step.

        dtype: of products by weights, see `JointLM`.
        """
        ...

    def state(self) -> dict[str, Any]:
        """Its position in the data, as JSON."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`."""
        ...
