"""Today's test sets, each read from a small local copy of its real layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from sacrebleu.dataset import DATASETS

from umt.corpus import HeldOut, ParallelSet
from umt.corpus.files import ParallelFiles
from umt.corpus.test_set_rows import ParallelTsv
from umt.corpus.test_sets import named_sets
from umt.pipeline import CONF
from umt.types import BadInput, Lang

EN, ZH = Lang("en"), Lang("zh")
PAIR = (EN, ZH)
XML = """<dataset id="wmttest2024.en-zh"><collection id="general"><doc id="one" origlang="en" domain="news">
<src lang="en"><p><seg id="1">A  dog.</seg><seg id="2">A cat.</seg></p></src>
<ref lang="zh" translator="refA"><p><seg id="1">一只狗。</seg><seg id="2">一只猫。</seg></p></ref>
<hyp system="other" lang="zh"><p><seg id="1">狗</seg><seg id="2">猫</seg></p></hyp>
</doc><doc id="two" origlang="en" testsuite="yes" domain="suite">
<src lang="en"><p><seg id="1">Not this.</seg></p></src>
</doc></collection></dataset>"""


def chosen(name: str, **values: Any) -> HeldOut:
    """The set of conf/test_set, read from elsewhere."""
    with initialize_config_dir(str(CONF), version_base=None):
        config = compose("config", overrides=[f"+test_set@evaluation.sets.it={name}"])
    held_out: HeldOut = instantiate(config.evaluation.sets.it, name="it", **values)
    return held_out


def rows(path: Path, *records: dict[str, Any]) -> None:
    path.write_text(
        "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8"
    )


def test_wmt24_as_sacrebleu_unpacks_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = DATASETS["wmt24"]
    monkeypatch.setattr(known, "_outdir", str(tmp_path))
    monkeypatch.setattr(known, "_rawdir", str(tmp_path / "raw"))
    (tmp_path / "raw" / "xml").mkdir(parents=True)
    (tmp_path / "raw" / "xml" / "wmttest2024.en-zh.all.xml").write_text(XML, encoding="utf-8")
    monkeypatch.setattr(known, "maybe_download", lambda: None)
    [held_out] = named_sets("wmt24", "wmt24", PAIR)
    assert held_out.name == "wmt24-en-zh", "the direction that it has, of the two"
    pairs = held_out.pairs()
    assert pairs.direction == (EN, ZH)
    assert pairs.sides == {EN: (("A dog.",), ("A cat.",)), ZH: (("一只狗。",), ("一只猫。",))}


def test_sets_of_sacrebleu_in_both_directions() -> None:
    both = named_sets("news", "wmt23", PAIR)
    assert [held_out.name for held_out in both] == ["news-en-zh", "news-zh-en"]
    assert [held_out.name for held_out in named_sets("news", "wmt23/zh-en", PAIR)] == ["news"]
    for value, sentence in (
        ("nosuch", "names no test set"),
        ("wmt13", "has neither en-zh nor zh-en"),
        (["one"], "give two files"),
    ):
        with pytest.raises(BadInput, match=sentence):
            named_sets("news", value, PAIR)


def test_several_references(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = DATASETS["wmt20/tworefs"]
    monkeypatch.setattr(known, "_outdir", str(tmp_path))
    texts = {"src": "一。\n二。\n", "ref:0": "One.\n\n", "ref:1": "1.\n2.\n"}
    for field in known.fieldnames("zh-en"):
        file = known._get_txt_file_path("zh-en", field)
        Path(file).write_text(texts.get(field, texts["ref:1"]), encoding="utf-8")
    [held_out] = named_sets("two", "wmt20/tworefs/zh-en", PAIR)
    english = held_out.pairs().sides[EN]
    assert english[0][-1] == "1."
    assert len(english[0]) == 2
    assert english[1] == ("2.",)


def test_wmt24pp_without_bad_sources(tmp_path: Path) -> None:
    row = {"lp": "en-zh_CN", "domain": "news", "document_id": "d", "original_target": "x", "segment_id": 1}
    rows(
        tmp_path / "en-zh_CN.jsonl",
        row | {"source": "canary", "target": "canary", "is_bad_source": True, "domain": "canary"},
        row | {"source": "A dog.", "target": "一只狗。", "is_bad_source": False},
        row | {"source": "No side.", "target": "", "is_bad_source": False},
    )
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- config_name: en-zh_CN\n  data_files:\n"
        "  - split: train\n    path: en-zh_CN.jsonl\n---\n",
        encoding="utf-8",
    )
    pairs = chosen("wmt24pp", dataset=str(tmp_path)).pairs()
    assert pairs == ParallelSet("it", {EN: (("A dog.",),), ZH: (("一只狗。",),)}, (EN, ZH), left_out=1)


def test_wmt25_by_paragraphs(tmp_path: Path) -> None:
    def document(source: str, reference: str | None, target: str = "zh_CN") -> dict[str, Any]:
        refs = {"refA": {"ref": reference}} if reference else {}
        return {"doc_id": "d", "src_lang": "en", "tgt_lang": target, "domain": "news", "src_text": source,
                "refs": refs, "prompt_instruction": "Translate into Chinese.", "video": None}  # fmt: skip

    rows(
        tmp_path / "wmt25-genmt.jsonl",
        document("One.\nStill one.\n\nTwo.", "一。还是一。\n\n二。"),
        document("Three.\n\nFour.", "三和四。"),
        document("Nobody translated it.", None),
        document("Eins.", "x", "de_DE"),
    )
    held_out = chosen("wmt25", dataset=str(tmp_path))
    pairs = held_out.pairs()
    assert pairs.sides[EN] == (("One. Still one.",), ("Two.",), ("Three. Four.",))
    assert pairs.sides[ZH] == (("一。还是一。",), ("二。",), ("三和四。",))
    assert (pairs.direction, pairs.left_out) == ((EN, ZH), 1)
    assert held_out.unpaired_side(EN) == ["Nobody translated it.", "One. Still one.", "Three. Four.", "Two."]
    before = held_out.digest()
    rows(tmp_path / "wmt25-genmt.jsonl", document("One.", "一。"))
    assert held_out.digest() != before


def test_flores_plus_by_a_configuration_a_language(tmp_path: Path) -> None:
    readme = "---\nconfigs:\n"
    for config, text in (("eng_Latn", "A dog."), ("cmn_Hans", "一只狗。")):
        rows(tmp_path / f"{config}.jsonl", {"id": 1, "iso_639_3": config[:3], "text": text, "topic": "x"})
        readme += f"- config_name: {config}\n  data_files:\n  - split: devtest\n    path: {config}.jsonl\n"
    (tmp_path / "README.md").write_text(f"{readme}---\n", encoding="utf-8")
    pairs = chosen("flores", dataset=str(tmp_path)).pairs()
    assert pairs.sides == {EN: (("A dog.",),), ZH: (("一只狗。",),)}
    assert pairs.direction is None


def test_two_files_and_ntrex(tmp_path: Path) -> None:
    (tmp_path / "newstest2019-src.eng.txt").write_text("A dog.\n", encoding="utf-8")
    (tmp_path / "newstest2019-ref.zho-CN.txt").write_text("一只狗。\n", encoding="utf-8")
    files = [str(path) for path in sorted(tmp_path.iterdir(), reverse=True)]
    [named] = named_sets("ntrex", files, PAIR)
    assert named == ParallelFiles("ntrex", PAIR, Path(files[0]), Path(files[1]))
    assert chosen("ntrex", source=files[0], target=files[1]).pairs().sides == named.pairs().sides


def test_a_tsv_with_more_references(tmp_path: Path) -> None:
    path = tmp_path / "news.tsv"
    path.write_text("A dog.\t一只狗。\t狗。\nA cat.\t一只猫。\nEmpty.\t\n", encoding="utf-8")
    [held_out] = named_sets("news", str(path), PAIR)
    assert held_out.pairs().sides[ZH] == (("一只狗。", "狗。"), ("一只猫。",))
    assert (held_out.pairs().left_out, held_out.pairs().direction) == (1, None)
    assert held_out.unpaired_side(ZH) == ["一只狗。", "一只猫。", "狗。"]
    path.write_text("no tab\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"line 1 of .*news\.tsv has no tab"):
        ParallelTsv("news", PAIR, path).pairs()
