"""True pairs come by a type of their own, only when asked for, and never from a test set."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from umt.corpus import ParallelSet
from umt.corpus.files import ParallelFiles
from umt.corpus.known_pairs import TsvPairs
from umt.corpus.preparation.held_out_filter import leak_index
from umt.corpus.synthetic.source import SyntheticPairs, SyntheticWorld
from umt.pipeline import inputs
from umt.pipeline.neural_stages import parallel_pair_warnings
from umt.types import BadInput, Lang

ROOT = Path(__file__).parents[2]
PAIR = (Lang("en"), Lang("zh"))


def test_a_file_of_pairs(tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    file.write_text("A cat.\t猫。\nA dog.\t狗。\nNo tab here\n", encoding="utf-8")
    assert list(TsvPairs(file, PAIR, 2).examples()) == [("A cat.", "猫。"), ("A dog.", "狗。")]
    with pytest.raises(BadInput, match="line 3"):
        list(TsvPairs(file, PAIR, 3).examples())
    assert TsvPairs(file, PAIR, 2).digest() != TsvPairs(file, PAIR, 1).digest()


def test_an_empty_side_or_line_is_left_out_and_counted(tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    file.write_text("A cat.\t猫。\n\nA dog.\t\n \t狗。\nA fox.\t狐狸。\n", encoding="utf-8")
    pairs = TsvPairs(file, PAIR, 9)
    assert list(pairs.examples()) == [("A cat.", "猫。"), ("A fox.", "狐狸。")]
    assert (pairs.incomplete, pairs.left_out) == (3, 0)


def test_a_third_column_is_named(tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    file.write_text("A cat.\t猫。\nA dog.\t狗。\t0.93\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"line 2 .*3 columns.*cut -f 1,2"):
        list(TsvPairs(file, PAIR, 9).examples())


def test_pairs_the_wrong_way_round(tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    file.write_text("A cat sleeps.\t猫在睡觉。\n" * 9, encoding="utf-8")
    with pytest.raises(BadInput, match=r"a line must be zh, a tab, en, but .* should be zh is not.*swapped"):
        list(TsvPairs(file, PAIR[::-1], 9).examples())
    german = (
        "Das ist der Hund, und die Katze ist auch nicht da.\tThat is the dog, and the cat is not there.\n"
    )
    file.write_text(german * 9, encoding="utf-8")
    with pytest.raises(BadInput, match=r"should be en is not.*swapped"):
        list(TsvPairs(file, (Lang("en"), Lang("de")), 9).examples())
    assert len(list(TsvPairs(file, (Lang("de"), Lang("en")), 9).examples())) == 9


def test_pairs_of_a_held_out_set_are_left_out_and_counted(tmp_path: Path) -> None:
    message = [
        "A cat sleeps.\t猫在睡觉。",
        "The dog barks.\t狗叫了。",
        "A bird sings.\t鸟在唱歌。",
        "It rains.\t下雨了。",
    ]
    file = tmp_path / "pairs.tsv"
    file.write_text("\n".join(message), encoding="utf-8")
    (tmp_path / "test.en").write_text("a cat sleeps!\nHello.\n", encoding="utf-8")
    (tmp_path / "test.zh").write_text("一只猫睡了\n鳥在唱歌。\n", encoding="utf-8")
    test = ParallelFiles("test", PAIR, tmp_path / "test.en", tmp_path / "test.zh")
    en, zh = PAIR
    leaks = {en: leak_index(en, zh, [test], 60), zh: leak_index(zh, en, [test], 60)}
    pairs = TsvPairs(file, PAIR, 2, leaks)
    assert [source for source, _ in pairs.examples()] == ["The dog barks.", "It rains."]
    assert pairs.left_out == 2
    assert pairs.digest() != TsvPairs(file, PAIR, 2).digest()
    clean = {lang: leak_index(lang, other, [], 60) for lang, other in (PAIR, PAIR[::-1])}
    assert TsvPairs(file, PAIR, 2, clean).digest() == TsvPairs(file, PAIR, 2).digest()
    files = ["corpus=files", f"corpus.source={file}", f"corpus.target={file}", f"corpus.pairs={file}"]
    sets = f"source: '{tmp_path / 'test.en'}', target: '{tmp_path / 'test.zh'}', languages: [en, zh]"
    files += [f"+evaluation.sets.mine={{_target_: umt.corpus.files.ParallelFiles, {sets}}}"]
    pairs = asked("translator=supervised", *files)
    assert isinstance(pairs, TsvPairs)
    assert (len(list(pairs.examples())), pairs.left_out) == (2, 2)
    assert "2 true pairs stand in a held-out set and were left out" in parallel_pair_warnings(
        2, 2, pairs.left_out
    )
    with pytest.raises(BadInput, match="audit=strict: 2 of the true pairs"):
        asked("translator=supervised", "audit=strict", *files)


def test_a_world_tells_pairs_that_no_test_set_holds() -> None:
    world = SyntheticWorld(size=1000, processes=1)
    pairs = list(SyntheticPairs(world, 300).examples())
    assert len(pairs) == 300
    held = {sentence for each in world.held_out() for sentence in each.unpaired_side(Lang("en"))}
    # the shortest sentences may be said anywhere
    assert sum(english in held and len(english.split()) > 5 for english, _ in pairs) == 0


def asked(*overrides: str) -> object:
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        config = compose("config", overrides=list(overrides))
    source = inputs.corpus(config)
    return inputs.parallel_pairs(config, source, inputs.held_out(config, source))


def test_only_a_supervised_translator_is_given_pairs(tmp_path: Path) -> None:
    assert asked() is asked("translator=adversarial") is asked("translator=none") is None
    assert asked("~translator.parallel_pairs") is None, "nor is one that has no such option"
    assert asked("translator=supervised") is not None
    assert asked("translator=semi") is not None
    files = [f"corpus.source={tmp_path}", f"corpus.target={tmp_path}", "corpus=files"]
    with pytest.raises(BadInput, match=r"corpus\.pairs"):
        asked("translator=supervised", *files)
    pairs = tmp_path / "p"
    pairs.write_text("", encoding="utf-8")
    with pytest.raises(BadInput, match="is empty"):
        asked("translator=supervised", *files, f"corpus.pairs={pairs}")
    pairs.write_text("A cat.\t猫。\n", encoding="utf-8")
    assert asked("translator=supervised", *files, f"corpus.pairs={pairs}") is not None


def test_no_stage_of_training_opens_or_names_a_test_set() -> None:
    """Only `evaluate` and the code that scores open pairs; what feeds training does not name their type."""
    assert not issubclass(TsvPairs, ParallelSet)
    for name in (
        "pipeline/inputs",
        "pipeline/stages",
        "translation/training",
        "translation/bitext",
        "translation/objectives",
        "translation/quality/validation",
        "corpus/known_pairs",
    ):
        tree = ast.parse((ROOT / "umt" / f"{name}.py").read_text(encoding="utf-8"))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        calls = {node.func.attr for node in ast.walk(tree)
                 if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}  # fmt: skip
        assert "ParallelSet" not in names
        assert "pairs" not in calls
