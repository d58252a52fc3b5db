"""Piecewise-linear schedules over the steps of training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Schedule:
    """A piecewise-linear function of the share of training done: ``points`` of (share, value)."""

    points: tuple[tuple[float, float], ...] = ((0.0, 1.0),)

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", tuple((float(at), float(value)) for at, value in self.points))
        places = [at for at, _ in self.points]
        if not places or places != sorted(places) or not all(0 <= value <= 1 for _, value in self.points):
            raise ValueError(f"points must rise from 0 to 1 with values in [0, 1], got {self.points}")

    def at(self, share: float) -> float:
        """The value when ``share`` of all steps is done."""
        return float(np.interp(share, [at for at, _ in self.points], [value for _, value in self.points]))
