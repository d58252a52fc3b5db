"""Published test sets by name, without a network: what would be downloaded lies there already.

And the tables and batches of our own studies.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sacrebleu.dataset import DATASETS

from benchmarks.selection import tables
from scripts import offline_gpu
from umt.corpus.hub import HubDataset
from umt.corpus.test_sets import HubPairs, SacreBleuSet
from umt.text.token_shards import TokenShards
from umt.types import BadInput, Lang

EN, ZH = Lang("en"), Lang("zh")
PAIR = (EN, ZH)


def test_a_set_of_sacrebleu_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DATASETS["wmt20"], "_outdir", str(tmp_path))
    for field in DATASETS["wmt20"].fieldnames("zh-en"):
        text = {"src": "一。\n二。\n三。\n", "ref": "One.\nTwo.\n\n"}.get(field, "x\nx\nx\n")
        (tmp_path / f"wmt20.zh-en.{field}").write_text(text, encoding="utf-8")
    held_out = SacreBleuSet("news", PAIR, "wmt20/zh-en")
    pairs = held_out.pairs()
    assert (pairs.direction, pairs.left_out) == ((ZH, EN), 1)
    assert pairs.sides == {ZH: (("一。",), ("二。",)), EN: (("One.",), ("Two.",))}
    assert held_out.unpaired_side(EN) == ["One.", "Two."]


def test_a_set_that_nobody_knows_is_named() -> None:
    with pytest.raises(BadInput, match=r"no test set wmt99/en-zh; for en-zh it has .*wmt22"):
        SacreBleuSet("news", PAIR, "wmt99/en-zh").pairs()
    with pytest.raises(ValueError, match="wmt22/en-zh"):
        SacreBleuSet("news", PAIR, "wmt22/en-de")


def test_without_a_network_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(pair: str) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(DATASETS["wmt22"], "source", offline)
    with pytest.raises(
        BadInput, match=r"wmt22/en-zh cannot be fetched .no route to host.: copy sacreBLEU.s folder wmt22 "
    ):
        SacreBleuSet("news", PAIR, "wmt22/en-zh").pairs()


def test_a_configuration_of_the_hub_for_each_language(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {"eng_Latn": ["b ", "a"], "cmn_Hans": ["乙", "甲"]}

    def read(self: HubDataset, lang: Lang) -> Iterator[str]:
        assert (self.split, self.column) == ("devtest", "text")
        return iter(texts[str(self.config)])

    monkeypatch.setattr(HubDataset, "texts", read)
    configs = {"en": "eng_Latn", "zh": "cmn_Hans"}
    held_out = HubPairs("flores", PAIR, "somebody/flores", "main", "CC0", configs)
    assert held_out.pairs().sides == {EN: (("b",), ("a",)), ZH: (("乙",), ("甲",))}
    assert held_out.unpaired_side(EN) == ["a", "b"]
    texts["cmn_Hans"].append("丙")
    with pytest.raises(BadInput, match="2 lines of en and 3 of zh"):
        held_out.pairs()
    with pytest.raises(ValueError, match="one for zh"):
        HubPairs("flores", PAIR, "somebody/flores", "main", "CC0", {"en": "eng_Latn"})


def test_rows_of_the_hub_stay_pairs_where_a_side_is_empty(tmp_path: Path) -> None:
    rows = {"en": ["a", "", "c\nc", "d"], "zh": ["甲", "乙", "丙", " "]}
    for lang, texts in rows.items():
        lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
        (tmp_path / f"{lang}.jsonl").write_text(lines, encoding="utf-8")
    settings = "".join(f"- config_name: {lang}\n  data_files: {lang}.jsonl\n" for lang in rows)
    (tmp_path / "README.md").write_text(f"---\nconfigs:\n{settings}---\n", encoding="utf-8")
    held_out = HubPairs("ours", PAIR, str(tmp_path), None, "CC0", {"en": "en", "zh": "zh"}, split="train")
    pairs = held_out.pairs()
    assert pairs.sides == {EN: (("a",), ("c c",)), ZH: (("甲",), ("丙",))}
    assert pairs.left_out == 2
    assert held_out.unpaired_side(EN) == ["a", "c c", "d"]
    (tmp_path / "zh.jsonl").write_text('{"text": ""}\n' * 4, encoding="utf-8")
    with pytest.raises(BadInput, match="no pair without an empty side"):
        held_out.pairs()


def checkups(*output: tuple[float, float, float]) -> list[dict[str, float]]:
    """(round_trip, BLEU of both directions, collapsed) of each check-up of a run."""
    return [
        {"step": step, "round_trip": trip, "bleu en-zh": bleu + 1, "bleu zh-en": bleu - 1, "collapsed": bad}
        for step, (trip, bleu, bad) in enumerate(output, 1)
    ]


def test_what_choosing_a_translator_costs() -> None:
    rising = checkups((1, 1, 0), (2, 2, 0), (3, 3, 0), (4, 4, 0))
    deceiving = checkups((9, 1, 1), (8, 2, 0), (7, 3, 0), (6, 4, 0))
    measure = tables.OURS["round_trip"]
    ranking = tables.Ranking.of(measure, [rising, deceiving])
    assert ranking.within == pytest.approx(0)  # the mean of 1 and -1
    assert ranking.everywhere == pytest.approx(0)
    assert (ranking.lost, ranking.most, ranking.overall) == pytest.approx((1.5, 3, 3))
    assert tables.Ranking.of(measure, [rising]).within == pytest.approx(1)
    assert [output["step"] for output in tables.sound(deceiving)] == [2, 3, 4]
    assert tables.sound(deceiving[:1]) == deceiving[:1]
    short = tables.Ranking.of(measure, [rising, deceiving[:3]])
    assert short.within == pytest.approx(1)  # three check-ups are too few


def test_numbers_travel(tmp_path: Path) -> None:
    """What is packed of a text is what is unpacked, all of it or some lines."""
    sentences = [[5, 6, 7], [8], [], [9, 10], [700, 5]]
    (tmp_path / "en.bin").write_bytes(np.array([n for each in sentences for n in each], np.uint16).tobytes())
    (tmp_path / "en.offsets").write_bytes(np.cumsum([0, *map(len, sentences)], dtype=np.int64).tobytes())
    offline_gpu.put_shards(tmp_path, "en", TokenShards(tmp_path, EN), np.array([0, 1, 3, 4]))
    whole = offline_gpu.unpacked(tmp_path, "en", EN, tmp_path / "whole")
    assert [whole.ids(n).tolist() for n in range(len(whole))] == [[5, 6, 7], [8], [9, 10], [700, 5]]
    some = offline_gpu.unpacked(tmp_path, "en", EN, tmp_path / "some", np.array([1, 3], np.uint32))
    assert [some.ids(n).tolist() for n in range(len(some))] == [[8], [700, 5]]
