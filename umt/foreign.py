"""Networks from elsewhere: whether they are what training takes them for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from umt.types import BadInput

if TYPE_CHECKING:
    from umt.joint_lm import JointLM


@torch.no_grad()
def trust(model: JointLM, name: str | Path) -> None:
    """Raises BadInput unless logits are the last hidden states by the head, of what stands before alone."""
    model.eval()
    ids = torch.arange(1, 7)[None] % len(model.head)
    other = ids.clone()
    other[0, -1] = 0
    try:
        own, hidden, changed = model.network(ids).logits, model.hidden(ids), model.hidden(other)
    except Exception as error:
        raise BadInput(f"{name} is no network that can be trained here: {error}") from None
    if not torch.allclose(hidden[:, :-1], changed[:, :-1], rtol=1e-4, atol=1e-4):
        raise BadInput(f"{name} looks at what comes after: it is no causal language model")
    if not torch.allclose(own, model.logits(hidden), rtol=1e-3, atol=1e-3):
        raise BadInput(f"{name} makes its logits in a way of its own, which is not supported")
