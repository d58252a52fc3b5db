"""Datasets by name: the code that reads the hub reads small local datasets here."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from umt.corpus.hub import HubDataset
from umt.types import BadInput, Lang

EN, ZH = Lang("en"), Lang("zh")
PAIR = (EN, ZH)


def write_json(folder: Path, name: str, rows: list[dict[str, str | None]]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def local(folder: Path, **options: object) -> HubDataset:
    return HubDataset(PAIR, str(folder), None, "CC0", relation=None, **options)  # type: ignore[arg-type]


def test_reads_rows_line_by_line_with_a_file_pattern_per_language(tmp_path: Path) -> None:
    write_json(tmp_path / "set", "en.jsonl", [{"text": "One.\n\nTwo."}, {"text": None}, {"text": "Three."}])
    write_json(tmp_path / "set", "zh.jsonl", [{"text": "一。"}])
    hub = local(tmp_path / "set", files="{lang}.jsonl")
    assert list(hub.sentences(EN)) == ["One.", "Two.", "Three."]
    assert list(hub.sentences(ZH)) == ["一。"]
    assert list(local(tmp_path / "set", files="{lang}.jsonl", limit=1).sentences(EN)) == ["One.", "Two."]


def test_reads_parquet_and_gives_each_language_other_rows(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    pyarrow = pytest.importorskip("pyarrow")
    (tmp_path / "set").mkdir()
    table = pyarrow.table({"english": ["a", "b", "c", "d"], "other": ["甲", "乙", "丙", "丁"]})
    parquet.write_table(table, tmp_path / "set" / "train.parquet")
    hub = local(tmp_path / "set", column={"en": "english", "zh": "other"}, alternate_rows=True)
    assert list(hub.sentences(EN)) == ["a", "c"]
    assert list(hub.sentences(ZH)) == ["乙", "丁"]


def test_configurations_of_a_dataset_are_named_by_language(tmp_path: Path) -> None:
    write_json(tmp_path / "set", "a.jsonl", [{"text": "Hello."}])
    write_json(tmp_path / "set", "b.jsonl", [{"text": "你好。"}])
    (tmp_path / "set" / "README.md").write_text(
        "---\nconfigs:\n- config_name: v1.en\n  data_files: a.jsonl\n"
        "- config_name: v1.zh\n  data_files: b.jsonl\n---\n",
        encoding="utf-8",
    )
    hub = local(tmp_path / "set", config="v1.{lang}")
    assert list(hub.sentences(ZH)) == ["你好。"]
    with pytest.raises(BadInput, match=r"v2\.en"):
        list(local(tmp_path / "set", config="v2.{lang}").sentences(EN))


def test_a_missing_column_or_split_is_named(tmp_path: Path) -> None:
    write_json(tmp_path / "set", "train.jsonl", [{"body": "Hello."}])
    with pytest.raises(BadInput, match=r"no column 'text'.*body"):
        list(local(tmp_path / "set").sentences(EN))
    with pytest.raises(BadInput, match="validation"):
        list(local(tmp_path / "set", split="validation").sentences(EN))
    with pytest.raises(BadInput, match="nothing of en"):
        list(local(tmp_path / "set", column={"fr": "body"}).sentences(EN))


def test_a_column_of_one_text_a_language(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    rows = [{"pair": {"en": "One.", "zh": "一。"}}, {"pair": {"en": "Two.", "zh": None}}]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    hub = local(folder, column="pair")
    assert list(hub.sentences(EN)) == ["One.", "Two."]
    assert list(hub.sentences(ZH)) == ["一。"]
    other = HubDataset((EN, Lang("fr")), str(folder), None, "CC0", column="pair", relation=None)
    with pytest.raises(BadInput, match=r"'pair'.*no fr"):
        list(other.sentences(Lang("fr")))


@pytest.mark.parametrize("value", [["a", "b"], 7])
def test_a_column_that_holds_no_text_is_named(tmp_path: Path, value: object) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train.jsonl").write_text(json.dumps({"text": value}) + "\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"column 'text'.*holds a (list|int), no text"):
        list(local(tmp_path / "set").sentences(EN))


def test_the_digest_follows_content_and_parameters(tmp_path: Path) -> None:
    write_json(tmp_path / "set", "train.jsonl", [{"text": "Hello."}])
    before = local(tmp_path / "set").digest()
    assert local(tmp_path / "set").digest() == before
    assert local(tmp_path / "set", limit=5).digest() != before
    write_json(tmp_path / "set", "train.jsonl", [{"text": "Good bye."}])
    assert local(tmp_path / "set").digest() != before


def test_an_unreachable_hub_is_one_sentence_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import HfApi

    def fail(*_: object, **__: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr(HfApi, "dataset_info", fail)
    start = time.perf_counter()
    with pytest.raises(BadInput, match=r"hub cannot be reached.*corpus=files") as raised:
        list(
            HubDataset(
                PAIR, "wikimedia/wikipedia", "main", "CC BY-SA", config="20231101.{lang}", relation=None
            ).sentences(EN)
        )
    assert time.perf_counter() - start < 10
    assert "\n" not in str(raised.value)


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="limit"):
        HubDataset(PAIR, "name", None, "CC0", limit=0, relation=None)
