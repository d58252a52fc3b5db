"""Words without candidates are read as words that have some."""

from __future__ import annotations

from umt.smt.oov import OovResolver


def test_unknown_words_are_cut_or_taken_for_another_form() -> None:
    unknown = OovResolver(("对", "该", "race", "说", "国王", "国", "王"))
    assert unknown.resolve(["对该", "国王说", "们"]) == ["对", "该", "国王", "说", "们"]
    assert unknown.resolve(["raced", "Raced", "ra", "3.5", "race"]) == ["race", "Raced", "ra", "3.5", "race"]
    assert unknown.resolve(["Raced", "Racer"]) == ["race", "Racer"]
    assert unknown.resolve(["Rab"]) == ["Rab"]
