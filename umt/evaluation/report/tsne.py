"""t-SNE: vectors of many dimensions on a plane."""

from __future__ import annotations

import torch
from torch import Tensor


def tsne(vectors: Tensor, perplexity: float = 15.0, steps: int = 400) -> Tensor:
    """t-SNE (van der Maaten and Hinton, 2008), exact: near vectors stay near, the rest is free.

    vectors: (n, dim), their cosines matter. Returns (n, 2), the same for the same vectors: it starts from the
    two main directions. For a few thousand vectors at most: every step takes n x n distances.
    Raises ValueError for fewer than three vectors.
    """
    if vectors.dim() != 2 or len(vectors) < 3:
        raise ValueError(f"at least three vectors are needed, got shape {tuple(vectors.shape)}")
    x = torch.nn.functional.normalize(vectors.double(), dim=1)
    near = _neighbourhoods(2 - 2 * x @ x.T, min(perplexity, (len(x) - 1) / 3))
    near = ((near + near.T) / (2 * len(x))).clamp_min(1e-12)  # (n, n) joint probabilities
    centred = x - x.mean(0)
    u, values, _ = torch.linalg.svd(centred, full_matrices=False)
    places: Tensor = u[:, :2] * values[:2]
    places = 1e-4 * places / places.std().clamp_min(1e-12)
    speed, gain = torch.zeros_like(places), torch.ones_like(places)
    rate = max(50.0, len(x) / 12)
    for step in range(steps):
        early = step < steps // 4
        closeness = 1 / (1 + torch.cdist(places, places).square())
        closeness.fill_diagonal_(0)
        drawn = closeness / closeness.sum()
        force = (near * (12 if early else 1) - drawn) * closeness  # (n, n)
        gradient = 4 * (force.sum(1, keepdim=True) * places - force @ places)
        gain = torch.where(gradient.sign() == speed.sign(), gain * 0.8, gain + 0.2).clamp_min(0.01)
        speed = (0.5 if early else 0.8) * speed - rate * gain * gradient
        places = places + speed
    middle: Tensor = places.mean(0)
    return (places - middle).float()


def _neighbourhoods(distances: Tensor, perplexity: float) -> Tensor:
    """(n, n) rows of probabilities that fall with distance, each as spread as ``perplexity`` equal ones."""
    target_entropy = torch.tensor(perplexity).log()
    low, high = distances.new_zeros(len(distances), 1), distances.new_full((len(distances), 1), 1e6)
    outside = distances.clone().fill_diagonal_(torch.inf)
    for _ in range(60):
        sharpness = (low + high) / 2
        rows = (-sharpness * outside).softmax(1)
        entropy = -(rows * rows.clamp_min(1e-300).log()).sum(1, keepdim=True)
        low = torch.where(entropy > target_entropy, sharpness, low)
        high = torch.where(entropy > target_entropy, high, sharpness)
    return rows
