"""Linear maps between two vector spaces: orthogonal Procrustes and maps of both sides into one space."""

from __future__ import annotations

import scipy.linalg
import torch
from torch import Tensor


def procrustes(x: Tensor, y: Tensor) -> Tensor:
    """Orthogonal W minimising ||x W - y||_F (Schönemann, 1966).

    x, y: (pairs, dim); row i of x translates to row i of y. Returns (dim, dim).
    Raises ValueError when the shapes differ or there is no pair.
    """
    _check(x, y)
    u, _, vt = svd((x.T @ y).double())
    rotation: Tensor = (u @ vt).to(x)
    return rotation


def symmetric_maps(
    x: Tensor, y: Tensor, reweight: float = 0.5, ridge: float = 0.0, weights: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Maps of both sides into a shared space: whiten, rotate, re-weight, and undo the whitening.

    The last step of VecMap (Artetxe, Labaka and Agirre, 2018, "Generalizing and improving bilingual word
    embedding mappings"): each direction counts as its cross-correlation to the power of ``reweight``.

    x, y: (pairs, dim); weights: (pairs,), all 1 when not given; ridge: added to both covariances, as a
    share of their mean eigenvalue (few pairs need it). Returns two (dim, dim) matrices A, B such that
    x A and y B lie close. Raises ValueError when the shapes differ or there is no pair.
    """
    _check(x, y)
    x, y = x.double(), y.double()
    weighted = x if weights is None else x * weights.double()[:, None]
    paired = y if weights is None else y * weights.double()[:, None]
    white_x, colour_x = _whitening(weighted.T @ x, ridge)
    white_y, colour_y = _whitening(paired.T @ y, ridge)
    u, correlations, vt = svd(white_x @ (weighted.T @ y) @ white_y)
    strength = correlations.clamp_min(0) ** reweight
    left = white_x @ u * strength @ (u.T @ colour_x @ u)
    right = white_y @ vt.T * strength @ (vt @ colour_y @ vt.T)
    return left.float(), right.float()


def map_to_shared_space(
    x: Tensor, y: Tensor, pairs: Tensor, reweight: float, ridge: float
) -> tuple[Tensor, Tensor]:
    """All rows of both sides as unit vectors in the space that `symmetric_maps` finds for (n, 2) pairs."""
    left, right = symmetric_maps(x[pairs[:, 0]], y[pairs[:, 1]], reweight, ridge)
    return torch.nn.functional.normalize(x @ left, dim=1), torch.nn.functional.normalize(y @ right, dim=1)


def svd(matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Singular value decomposition ``u @ diag(s) @ vt``: (n, n) u, (n,) s, (n, n) vt.

    LAPACK's faster way sometimes does not converge on matrices of low rank, such as those of fewer pairs than
    dimensions; these are decomposed by its slower one.
    """
    try:
        u, values, vt = torch.linalg.svd(matrix)
    except RuntimeError:  # LinAlgError
        parts = scipy.linalg.svd(matrix.cpu().numpy(), lapack_driver="gesvd")
        u, values, vt = (torch.from_numpy(part).to(matrix) for part in parts)
    return u, values, vt


def _whitening(covariance: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    """The inverse square root of a covariance, and its square root."""
    values, vectors = torch.linalg.eigh(covariance)
    values = values + ridge * values.mean()
    values = values.clamp_min(values.max() * 1e-7)
    return vectors * values.rsqrt() @ vectors.T, vectors * values.sqrt() @ vectors.T


def _check(x: Tensor, y: Tensor) -> None:
    if x.shape != y.shape or x.dim() != 2 or not len(x):
        raise ValueError(f"pairs need two (pairs, dim) tensors, got {tuple(x.shape)} and {tuple(y.shape)}")
