"""A few sentences of two languages, and the size of a network for them."""

from __future__ import annotations

from umt.lm.joint_lm import Architecture
from umt.types import Lang

EN, ZH = Lang("en"), Lang("zh")
TINY = Architecture(width=32, layers=1, heads=2, hidden=48, context=64)
LINES = {
    EN: ["a cat sat on the mat", "the dog sees a cat", "no dog sat"] * 30,
    ZH: ["猫坐在垫子上", "狗看见猫", "没有狗坐"] * 30,
}


def quiet(what: str, done: int, total: int | None) -> None:
    """Nobody watches."""
