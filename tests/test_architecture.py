"""The house guards itself: imports point downwards, Hydra stays in the glue, training never sees pairs."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted([*(ROOT / "umt").rglob("*.py"), ROOT / "train.py", ROOT / "evaluate.py"])

FLOORS = {
    "umt.align": 1,
    "umt.ngram": 1,
    "umt.hypotheses": 1,
    "umt.decoding": 1,
    "umt.phrases": 1,
    "umt.phrase_extraction": 1,
    "umt.vocabulary": 1,
    "umt.unknown": 1,
    "umt.kneser_ney": 1,
    "umt.lexical_translator": 1,
    "umt.wordpairs": 1,
    "umt.lexical": 1,
    "umt.kernels": 2,
    "umt.joint_lm": 2,
    "umt.lm_words": 2,
    "umt.searching": 2,
    "umt.generation": 2,
    "umt.judge": 2,
    "umt.neural_translator": 2,
    "umt.mining": 1,
    "umt.prompted": 2,
    "umt.fewshot": 3,
    "umt.abreast": 2,
    "umt.precision": 2,
    "umt.objectives": 3,
    "umt.pretraining": 3,
    "umt.token_vectors": 1,
    "umt.optimisation": 3,
    "umt.loop": 3,
    "umt.training_state": 3,
    "umt.sharded": 3,
    "umt.foreign": 2,
    "umt.context_counts": 1,
    "umt.logistic_mixing": 1,
    "umt.mixing": 1,
    "umt.company": 1,
    "umt.compressors": 1,
    "umt.lockstep": 2,
    "umt.codelength": 3,
    "umt.prequential": 3,
    "umt.bits": 3,
    "umt.archive": 4,
    "umt.evaluation": 3,
    "umt.bitexts": 2,
    "umt.guards": 3,
    "umt.selection": 3,
    "umt.checkups": 3,
    "umt.translation_objectives": 3,
    "umt.back_translation": 3,
    "umt.adversary": 3,
    "umt.rendering": 3,
    "umt.cycle": 3,
    "umt.translator": 3,
    "umt.neural_stages": 4,
    "umt.saved": 3,
    "umt.translate": 4,
    "umt.stages": 4,
    "umt.checks": 4,
    "umt.console": 4,
    "umt.sweep": 4,
    "umt.cli": 4,
    "train": 5,
    "evaluate": 6,
}
"""Everything else is floor 0: data and pure functions."""

HYDRA_ALLOWED = {
    "train",
    "evaluate",
    "umt.checks",
    "umt.stages",
    "umt.neural_stages",
    "umt.store",
}

PAIRS_ALLOWED = {"umt.corpus", "evaluate"}
"""Where `ParallelSet` may be named: the corpora that hold pairs out, and the code that scores."""

PAIRS_OPENED = {"evaluate"}
"""Where held-out pairs may be opened with ``.pairs()``."""


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def floor(module: str) -> int:
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        if ".".join(parts[:length]) in FLOORS:
            return FLOORS[".".join(parts[:length])]
    return 0


def within(module: str, places: set[str]) -> bool:
    return any(module == place or module.startswith(place + ".") for place in places)


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_downwards(path: Path) -> None:
    module = name_of(path)
    for imported in imports(path):
        if imported.split(".")[0] in {"umt", "train", "evaluate"}:
            assert floor(imported) <= floor(module), f"{module} imports {imported} from a higher floor"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_hydra_stays_in_the_glue(path: Path) -> None:
    used = {each.split(".")[0] for each in imports(path)} & {"hydra", "omegaconf"}
    assert not used or name_of(path) in HYDRA_ALLOWED


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_training_never_sees_pairs(path: Path) -> None:
    module = name_of(path)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "pairs":
            opens = not node.args and not node.keywords
            assert not opens or within(module, PAIRS_OPENED), f"{module} calls {ast.unparse(node)}"
        if isinstance(node, ast.Name) and node.id == "ParallelSet":
            assert within(module, PAIRS_ALLOWED), f"{module} names ParallelSet"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_stay_small_and_say_what_they_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300, "a module over 300 lines is two modules"
    assert path.stem not in {"utils", "helpers", "common", "misc"}
    assert ast.get_docstring(ast.parse(text)), "says nothing about itself"


def test_every_library_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    reasons = (ROOT / "docs" / "decisions" / "051-libraries.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w-]+)`", "".join(re.findall(r"^\|[^|]*\|", reasons, re.MULTILINE))))
    assert named == {re.split(r"[>=<]", each)[0] for each in asked}
