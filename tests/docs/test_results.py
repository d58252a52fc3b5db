"""Results: kept runs, the tables written from them, and the numbers of the README that rest on them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import check_claims, keep_result, write_readme, write_results
from scripts.pairs_curve import curve
from scripts.stored_results import (
    RUNS,
    Stored,
    decimals,
    earlier_results,
    entries,
    rounds_to,
    section,
    slug,
    stored_runs,
)

SIGNATURE = "nrefs:1|bs:1000|seed:12345|case:mixed|eff:no|tok:zh|smooth:exp|version:2.6.0"
CORPUS = {"_target_": "umt.corpus.synthetic.source.SyntheticWorld", "size": 8000, "seed": 1}


def score(system: str, direction: str, name: str, value: float, test: str = "test") -> dict[str, Any]:
    place = {"system": system, "set": test, "direction": direction, "seconds": 0.0, "name": name}
    return {**place, "value": value, "low": value - 1, "high": value + 1, "signature": SIGNATURE}


def finished_run(folder: Path, seed: int, bleu: float) -> Path:
    """What evaluate.py leaves of a run, with scores of our choice."""
    folder.mkdir(parents=True)
    manifest = {
        "config": {"corpus": CORPUS, "seed": seed},
        "made": "2026-11-30T10:00:00+00:00",
        "umt": "0.1.0",
    }
    rows = [
        score("translator", "en-zh", "bleu", bleu),
        score("translator", "zh-en", "bleu", bleu - 10),
        score("translator", "en-zh", "bleu, first reference", bleu - 5),
        score("translator", "zh-en", "bleu, first reference", bleu - 15),
        score("unsupervised", "en-zh", "p@1", 0.966, "dictionary"),
        score("unsupervised", "en-zh", "p@1", 0.9, "dictionary noun"),
    ]
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "scores.json").write_text(json.dumps(rows), encoding="utf-8")
    (folder / "config.yaml").write_text(f"seed: {seed}\n", encoding="utf-8")
    return folder


def store_run(
    tmp_path: Path, name: str, seed: int, bleu: float, commit: str = "abc1234", options: str = ""
) -> Stored:
    run = finished_run(tmp_path / "store" / name, seed, bleu)
    facts = {"command": f"python train.py seed={seed}{options}", "commit": commit, "machine": "2 cores"}
    facts |= {"relation": None, "references": None}
    return Stored(keep_result.keep(run, name, tmp_path / "runs", **facts))


def test_keep_result_copies_scores_and_describes_the_run(tmp_path: Path) -> None:
    run = store_run(tmp_path, "world", 3, 80.0)
    assert run.about["date"] == "2026-11-30"
    assert run.about["seed"] == 3
    assert run.about["data"] == "world (size=8000, seed=1)"
    assert run.about["relation"].startswith("two samples of one generated source")
    assert run.about["references"] == "1"
    assert "dictionary noun" not in {row.set for row in run.rows}
    assert len(run.rows) == 5
    assert (run.path / "config.yaml").read_text(encoding="utf-8") == "seed: 3\n"


@pytest.mark.parametrize(
    ("corpus", "words"),
    [
        ({**CORPUS, "domain_shift": 0.5}, "the same statistics, but for domain_shift=0.5"),
        ({"_target_": "umt.corpus.files.Files", "root": "/data/bible"}, "one book in two translations"),
    ],
)
def test_relation_of_follows_corpus_and_dials(corpus: dict[str, Any], words: str) -> None:
    assert words in str(keep_result.relation_of({"corpus": corpus}))


def test_relation_of_is_unknown_for_other_texts() -> None:
    corpus = {"_target_": "umt.corpus.hub.HubDataset", "dataset": "somebody/some-news"}
    assert keep_result.corpus_of({"corpus": corpus}) == "some-news"
    assert keep_result.relation_of({"corpus": corpus}) is None


def test_a_system_that_learned_from_pairs_is_named_so(tmp_path: Path) -> None:
    run = store_run(tmp_path, "world", 1, 80.0)
    rows = json.loads((run.path / "scores.json").read_text(encoding="utf-8"))
    (run.path / "scores.json").write_text(json.dumps([row | {"parallel_pairs": 5000} for row in rows]))
    assert {row.system for row in Stored(run.path).rows} == {
        "translator, 5,000 pairs",
        "unsupervised, 5,000 pairs",
    }


def learned_from(run: Stored, pairs: int, back_translation: bool) -> None:
    """Make the run one that learned from so many true pairs, and from both texts or not."""
    rows = json.loads((run.path / "scores.json").read_text(encoding="utf-8"))
    (run.path / "scores.json").write_text(json.dumps([row | {"parallel_pairs": pairs} for row in rows]))
    schedules = {"back_translation": {"points": [[0, 1]]} if back_translation else None}
    config = {"translator": {"schedules": schedules}}
    (run.path / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


def test_pairs_beside_texts_are_another_system_than_pairs_alone(tmp_path: Path) -> None:
    run = store_run(tmp_path, "world", 1, 80.0)
    learned_from(run, 5000, True)
    assert "translator, 5,000 pairs and both texts" in {row.system for row in Stored(run.path).rows}


def test_curve_has_a_point_for_each_number_of_pairs_and_a_level_line_without(tmp_path: Path) -> None:
    for name, pairs, texts in (("few", 1000, False), ("many", 28002, False), ("both", 5000, True)):
        learned_from(store_run(tmp_path, name, 1, 80.0, options=f" {name}"), pairs, texts)
        if name == "few":
            assert curve(entries(stored_runs(tmp_path / "runs"))) is None
    store_run(tmp_path, "none", 1, 70.0)
    picture = str(curve(entries(stored_runs(tmp_path / "runs"))))
    for point in ("1: 80", "28.002: 80", "5: 80", "1: 70", "28.002: 70"):
        assert f"<title>{point}</title>" in picture


def test_keep_result_refuses_a_run_without_scores(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run", 1, 80.0)
    (run / "scores.json").unlink()
    with pytest.raises(SystemExit, match=r"holds no scores\.json"):
        keep_result.keep(run, "world", tmp_path / "runs", command="", relation=None)


def test_results_page_has_mean_and_range_of_seeds(tmp_path: Path) -> None:
    for seed, bleu in ((1, 80.0), (2, 82.0), (3, 87.0)):
        store_run(tmp_path, f"world-seed{seed}", seed, bleu)
    page = write_results.page(tmp_path / "runs", {})
    assert "83.0 (80.0 to 87.0, 3 seeds)" in page
    assert "| 78.0 / 68.0 |" in page  # one reference
    assert "0.966 (0.966 to 0.966, 3 seeds)" in page


def test_results_page_takes_the_newest_commit_of_a_command_and_the_best_command(tmp_path: Path) -> None:
    newer = store_run(tmp_path, "newer", 1, 70.0, commit="bbb")
    about = {**newer.about, "date": "2026-12-02"}
    (newer.path / "about.json").write_text(json.dumps(about), encoding="utf-8")
    store_run(tmp_path, "older", 1, 90.0, commit="aaa")
    store_run(tmp_path, "other", 1, 60.0, options=" aligner=ensemble")
    page = write_results.page(tmp_path / "runs", {})
    assert "| 70.0 [69.0, 71.0] | 60.0 [59.0, 61.0] |" in page
    assert "90.0" not in page
    assert "`newer`" in page


def test_results_page_prefers_several_seeds_to_one_lucky_run(tmp_path: Path) -> None:
    for seed in (1, 2):
        store_run(tmp_path, f"world-seed-{seed}", seed, 70.0)
    store_run(tmp_path, "lucky", 1, 75.0, options=" aligner=ensemble")
    page = write_results.page(tmp_path / "runs", {})
    assert "70.0 (70.0 to 70.0, 2 seeds)" in page
    assert "| 75.0 " not in page


def test_results_page_is_up_to_date_and_short() -> None:
    text = write_results.PAGE.read_text(encoding="utf-8")
    assert text == write_results.page(), "run python scripts/write_results.py"
    assert len(text.splitlines()) <= 200


def test_stored_runs_say_where_they_come_from() -> None:
    for run in stored_runs(RUNS):
        assert run.about["command"].startswith(("python train.py", "umt-train", "torchrun"))
        assert run.rows


def test_earlier_results_name_headings_of_the_lab_book() -> None:
    for about in earlier_results().values():
        page, _, anchor = about["entry"].partition("#")
        assert list(decimals(section(check_claims.DOCS / page, anchor)))


def problems(text: str, tmp_path: Path, earlier: Mapping[str, Any] | None = None) -> list[str]:
    run = store_run(tmp_path, "world", 1, 87.66)
    return list(check_claims.problems(text, {"world": run}, earlier or {}, tmp_path))


LINK = "[1](docs/studies/evidence.md#world)"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (f"| world | 87.7 [86.7, 88.7] | {LINK} |", 0),
        (f"| world | 87.8 | {LINK} |", 1),
        ("| world | 87.7 |", 1),
        (f"A paragraph says 87.7\nand rests on {LINK}.", 0),
        ("- 77.66 [no such](docs/studies/evidence.md#bible)", 1),
        ("`umt 0.9.9` and [a link](docs/x-1.2.md) hold no claim; nor does 3 or 1,000.", 0),
        ("    a block of code with 1.5", 0),
        ("```\n1.5\n```", 0),
    ],
)
def test_check_claims_compares_numbers_with_results(text: str, wrong: int, tmp_path: Path) -> None:
    assert len(problems(text, tmp_path)) == wrong


def test_check_claims_reads_the_lab_book_for_earlier_results(tmp_path: Path) -> None:
    (tmp_path / "day.md").write_text("# Day\n\n## 1.1 A run\n\n17.5 / 11.6\n\n## 1.2 Another\n\n99.9\n")
    earlier = {"old": {"entry": "day.md#11-a-run"}}
    link = "[1](docs/studies/evidence.md#old)"
    assert not problems(f"| 17.5 | 11.6 | {link} |", tmp_path, earlier)
    assert "99.9" not in section(tmp_path / "day.md", "11-a-run")
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "day.md").write_text((tmp_path / "day.md").read_text(encoding="utf-8"))
    assert problems(f"| 99.9 | {link} |", tmp_path / "again", earlier)


def test_readme_numbers_are_measured() -> None:
    text = check_claims.README.read_text(encoding="utf-8")
    runs = {run.name: run for run in stored_runs(RUNS)}
    earlier = earlier_results()
    assert not list(check_claims.problems(text, runs, earlier))
    evidence = check_claims.PAGE.read_text(encoding="utf-8")
    assert evidence == check_claims.page(text, runs, earlier), "run python scripts/check_claims.py --write"


@pytest.mark.parametrize(
    ("value", "number", "same"),
    [(87.66, "87.7", True), (87.64, "87.7", False), (0.9658, "0.966", True), (-9.0, "-9.0", True)],
)
def test_rounds_to_compares_at_the_decimals_of_the_text(value: float, number: str, same: bool) -> None:
    assert rounds_to(value, number) is same


def test_slug_is_the_anchor_of_github() -> None:
    assert (
        slug("2.5 Dual learning (`translator=cycle`): no gain") == "25-dual-learning-translatorcycle-no-gain"
    )


def test_a_changed_number_of_the_readme_is_noticed() -> None:
    """Nearly always: a lone number may be another one of the same evidence by chance."""
    text = check_claims.README.read_text(encoding="utf-8")
    runs, earlier = {run.name: run for run in stored_runs(RUNS)}, earlier_results()
    noticed = []
    for claim in check_claims.claims(text):
        before, rest = text.split("\n")[: claim.line - 1], "\n".join(text.split("\n")[claim.line - 1 :])
        for number in claim.numbers:
            wrong = f"{float(number) + 1.7:.{len(number.partition('.')[2])}f}"
            changed = "\n".join([*before, rest.replace(number, wrong, 1)])
            noticed.append(any(check_claims.problems(changed, runs, earlier)))
    assert len(noticed) > 50
    assert sum(noticed) >= 0.95 * len(noticed)


def test_links_to_evidence_say_commit_date_and_seed(tmp_path: Path) -> None:
    run = store_run(tmp_path, "world", 1, 80.0)
    earlier = {"old": {"commit": "before 7718e86", "date": "2026-11-26", "seed": "1, 2"}}
    links = "[1](docs/studies/evidence.md#world) [](docs/studies/evidence.md#old)"
    written = check_claims.labelled(links, {"world": run}, earlier)
    assert "[abc1234, 2026-11-30, seed 1](docs/studies/evidence.md#world)" in written
    assert "[† before 7718e86, 2026-11-26, seeds 1, 2](docs/studies/evidence.md#old)" in written


def test_a_family_of_runs_is_one_piece_of_evidence(tmp_path: Path) -> None:
    runs = {
        f"world-seed-{seed}": store_run(tmp_path, f"world-seed-{seed}", seed, 79.0 + seed) for seed in (1, 2)
    }
    text = check_claims.labelled("| 80.5 (80.0 to 81.0) | [](docs/studies/evidence.md#world) |", runs, {})
    assert "[abc1234, 2026-11-30, seeds 1, 2](docs/studies/evidence.md#world)" in text
    assert not list(check_claims.problems(text, runs, {}))
    assert list(check_claims.problems(text.replace("80.5", "81.5"), runs, {}))
    evidence = check_claims.page(text, runs, {})
    assert evidence.count("## ") == 1
    assert evidence.count("python train.py seed=") == 2


def test_tables_of_the_readme_are_those_of_the_stored_scores() -> None:
    text = write_readme.README.read_text(encoding="utf-8")
    tables = yaml.safe_load(write_readme.ROWS.read_text(encoding="utf-8"))
    runs = {run.name: run for run in stored_runs(RUNS)}
    assert text == write_readme.with_tables(text, tables, runs), "run python scripts/write_readme.py"
    with pytest.raises(KeyError, match="no-such-run"):
        write_readme.with_tables(
            text, {"unsupervised": {"columns": [], "rows": [{"runs": ["no-such-run"]}]}}, runs
        )
    with pytest.raises(ValueError, match="lacks the mark"):
        write_readme.with_tables("", tables, runs)
