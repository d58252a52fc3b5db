"""A translator of two sentences with random weights, and texts that it knows."""

from __future__ import annotations

from umt.types import Lang

EN, ZH = Lang("en"), Lang("zh")
ENGLISH = "The old man reads a long book. She sees the sea, and the sea sees her."
CHINESE = "老人读一本很长的书。她看见海，海也看见她。"
MADE = {"made": "2026", "fingerprint": "", "seed": 1, "inputs": {}}
