"""Words without candidates are read as words that have some."""

from __future__ import annotations

from umt.smt.oov import Unknown


def test_unknown_words_are_cut_or_taken_for_another_form() -> None:
    unknown = Unknown(("对", "该", "race", "说", "国王", "国", "王"))
    assert unknown.read(["对该", "国王说", "们"]) == ["对", "该", "国王", "说", "们"]
    assert unknown.read(["raced", "Raced", "ra", "3.5", "race"]) == ["race", "Raced", "ra", "3.5", "race"]
    assert unknown.read(["Raced", "Racer"]) == ["race", "Racer"]
    assert unknown.read(["Rab"]) == ["Rab"]
