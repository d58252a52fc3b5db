"""Types of settings follow from annotations, ranges and orders from `require`; messages name the field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from umt.runtime.validate import require, typed
from umt.types import Lang


@dataclass(frozen=True)
class Settings:
    size: int = 3
    rate: float = 0.5
    keep: float = 1.0
    limit: int | None = None
    mode: Literal["fast", "exact"] = "fast"
    words: bool = False
    windows: tuple[int, ...] = (5, 10)
    betas: tuple[float, float] = (0.9, 0.98)
    languages: tuple[Lang, ...] = ()
    path: str | None = None
    low: float = 1
    high: float = 2
    column: str | dict[str, str] = "text"

    def __post_init__(self) -> None:
        require(
            self,
            positive="size windows limit",
            at_least_zero="low",
            share="rate",
            at_least={"high": 2},
            within={"keep": "(0, 1]"},
            choice={"languages": ("en", "zh")},
            ascending="low high",
        )


WRONG = [
    ({"size": 0}, "size must be positive, got 0"),
    ({"size": "abc"}, "size must be a whole number, got 'abc'"),
    ({"size": 1.5}, "size must be a whole number, got 1.5"),
    ({"size": True}, "size must be a whole number, got True"),
    ({"size": None}, "size must be a whole number, got None"),
    ({"rate": "abc"}, "rate must be a finite number, got 'abc'"),
    ({"rate": float("nan")}, "rate must be a finite number, got nan"),
    ({"high": float("inf")}, "high must be a finite number, got inf"),
    ({"rate": True}, "rate must be a finite number, got True"),
    ({"rate": 1.01}, "rate must lie in [0, 1], got 1.01"),
    ({"keep": 0}, "keep must lie in (0, 1], got 0"),
    ({"limit": -5}, "limit must be positive, got -5"),
    ({"mode": "slow"}, "mode must be one of fast, exact, got 'slow'"),
    ({"words": "yes"}, "words must be true or false, got 'yes'"),
    ({"words": 1}, "words must be true or false, got 1"),
    ({"windows": 7}, "windows must be a list, got 7"),
    ({"windows": "57"}, "windows must be a list, got '57'"),
    ({"windows": [5, -1]}, "windows must be positive, got [5, -1]"),
    ({"windows": [5, "x"]}, "windows must be a whole number, got 'x'"),
    ({"windows": []}, "windows must be positive, got []"),
    ({"betas": [0.9]}, "betas must be a list of 2, got [0.9]"),
    ({"languages": ["en", "fr"]}, "languages must be one of en, zh, got 'fr'"),
    ({"languages": [False]}, "languages must be text, got False"),
    ({"path": 3}, "path must be text, got 3"),
    ({"low": -1}, "low must not be negative, got -1"),
    ({"high": 1}, "high must be at least 2, got 1"),
    ({"low": 3}, "low must be at most high, got low=3 and high=2"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG, ids=[message for _, message in WRONG])
def test_a_wrong_value_is_named_with_its_field(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="^" + message.replace("[", r"\[").replace("(", r"\(") + "$"):
        Settings(**wrong)


def test_bounds_belong_to_closed_ends_only() -> None:
    Settings(rate=0, keep=1, low=0, high=2)
    Settings(rate=1, keep=1e-9, low=2)


def test_lists_of_a_configuration_become_tuples() -> None:
    node = OmegaConf.create({"_target_": f"{__name__}.Settings", "windows": [3], "languages": ["zh"]})
    made = instantiate(node)
    assert made == Settings(windows=(3,), languages=(Lang("zh"),))
    assert type(made.windows) is tuple
    assert hash(made) == hash(Settings(windows=(3,), languages=(Lang("zh"),)))


def test_numbers_of_numpy_are_numbers() -> None:
    Settings(size=np.int64(3), rate=np.float32(0.5), limit=np.uint8(1))  # type: ignore[arg-type]


def test_a_single_value_can_be_checked_by_an_annotation() -> None:
    assert typed("seed", 1, int) == 1
    assert typed("seed", None, int | None) is None
    assert typed("column", {"en": "text"}, str | dict[str, str]) == {"en": "text"}
    with pytest.raises(ValueError, match="seed must be a whole number, got 'one'"):
        typed("seed", "one", int)
