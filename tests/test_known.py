"""True pairs come by a type of their own, only when asked for, and never from a test set."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from umt import stages
from umt.corpus import ParallelSet
from umt.corpus.known import PairsFile, WorldExamples
from umt.corpus.world.source import World
from umt.types import BadInput, Lang

ROOT = Path(__file__).parent.parent
PAIR = (Lang("en"), Lang("zh"))


def test_a_file_of_pairs(tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    file.write_text("A cat.\t猫。\nA dog.\t狗。\nNo tab here\n", encoding="utf-8")
    assert list(PairsFile(file, PAIR, 2).examples()) == [("A cat.", "猫。"), ("A dog.", "狗。")]
    with pytest.raises(BadInput, match="line 3"):
        list(PairsFile(file, PAIR, 3).examples())
    assert PairsFile(file, PAIR, 2).digest() != PairsFile(file, PAIR, 3).digest()


def test_a_world_tells_pairs_that_no_test_set_holds() -> None:
    world = World(size=1000, processes=1)
    pairs = list(WorldExamples(world, 300).examples())
    assert len(pairs) == 300
    held = {sentence for each in world.held_out() for sentence in each.side(Lang("en"))}
    # the shortest sentences may be said anywhere
    assert sum(english in held and len(english.split()) > 5 for english, _ in pairs) == 0


def asked(*overrides: str) -> tuple[object, ...]:
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        config = compose("config", overrides=list(overrides))
    return stages.known(config, stages.corpus(config))


def test_only_a_supervised_translator_is_given_pairs(tmp_path: Path) -> None:
    assert asked() == ()
    assert asked("translator=adversarial") == ()
    assert asked("translator=none") == ()
    assert len(asked("translator=supervised")) == len(asked("translator=semi")) == 1
    files = [f"corpus.source={tmp_path}", f"corpus.target={tmp_path}", "corpus=files"]
    with pytest.raises(BadInput, match=r"corpus\.pairs"):
        asked("translator=supervised", *files)
    pairs = tmp_path / "p"
    pairs.write_text("", encoding="utf-8")
    with pytest.raises(BadInput, match="is empty"):
        asked("translator=supervised", *files, f"corpus.pairs={pairs}")
    pairs.write_text("A cat.\t猫。\n", encoding="utf-8")
    assert len(asked("translator=supervised", *files, f"corpus.pairs={pairs}")) == 1


def test_no_stage_of_training_opens_or_names_a_test_set() -> None:
    """Only `evaluate` and the code that scores open pairs; what feeds training does not name their type."""
    assert not issubclass(PairsFile, ParallelSet)
    for name in ("stages", "translator", "bitexts", "translation_objectives", "checkups", "corpus/known"):
        tree = ast.parse((ROOT / "umt" / f"{name}.py").read_text(encoding="utf-8"))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        calls = {node.func.attr for node in ast.walk(tree)
                 if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}  # fmt: skip
        assert "ParallelSet" not in names
        assert "pairs" not in calls
