"""Published test sets by name, without a network: what would be downloaded lies there already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sacrebleu.dataset import DATASETS

from umt.corpus.benchmarks import HubPairs, SacreBleuSet
from umt.corpus.hub import Hub
from umt.types import BadInput, Lang

EN, ZH = Lang("en"), Lang("zh")
PAIR = (EN, ZH)


def test_a_set_of_sacrebleu_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DATASETS["wmt20"], "_outdir", str(tmp_path))
    for field in DATASETS["wmt20"].fieldnames("zh-en"):
        text = {"src": "一。\n二。\n", "ref": "One.\nTwo.\n"}.get(field, "x\nx\n")
        (tmp_path / f"wmt20.zh-en.{field}").write_text(text, encoding="utf-8")
    held_out = SacreBleuSet("news", PAIR, "wmt20/zh-en")
    pairs = held_out.pairs()
    assert pairs.direction == (ZH, EN)
    assert pairs.sides == {ZH: (("一。",), ("二。",)), EN: (("One.",), ("Two.",))}
    assert held_out.side(EN) == ["One.", "Two."]


def test_a_set_that_nobody_knows_is_named() -> None:
    with pytest.raises(BadInput, match=r"no test set wmt99/en-zh; for en-zh it has .*wmt22"):
        SacreBleuSet("news", PAIR, "wmt99/en-zh").pairs()
    with pytest.raises(ValueError, match="wmt22/en-zh"):
        SacreBleuSet("news", PAIR, "wmt22/en-de")


def test_without_a_network_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(pair: str) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(DATASETS["wmt22"], "source", offline)
    with pytest.raises(BadInput, match=r"wmt22/en-zh cannot be fetched .no route to host.: give your own"):
        SacreBleuSet("news", PAIR, "wmt22/en-zh").pairs()


def test_a_configuration_of_the_hub_for_each_language(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {"eng_Latn": ["b ", "a"], "cmn_Hans": ["乙", "甲"]}

    def sentences(self: Hub, lang: Lang) -> Iterator[str]:
        assert (self.split, self.column) == ("devtest", "text")
        return iter(texts[str(self.config)])

    monkeypatch.setattr(Hub, "sentences", sentences)
    configs = {"en": "eng_Latn", "zh": "cmn_Hans"}
    held_out = HubPairs("flores", PAIR, "somebody/flores", "main", "CC0", configs)
    assert held_out.pairs().sides == {EN: (("b",), ("a",)), ZH: (("乙",), ("甲",))}
    assert held_out.side(EN) == ["a", "b"]
    texts["cmn_Hans"].append("丙")
    with pytest.raises(BadInput, match="2 lines of en and 3 of zh"):
        held_out.pairs()
    with pytest.raises(ValueError, match="one for zh"):
        HubPairs("flores", PAIR, "somebody/flores", "main", "CC0", {"en": "eng_Latn"})
