"""What no import contract says: held-out pairs stay closed, modules stay small, libraries have reasons."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted([*(ROOT / "umt").rglob("*.py"), ROOT / "train.py", ROOT / "evaluate.py"])

PAIRS_ALLOWED = {"umt.corpus", "umt.evaluation", "umt.pipeline.scoring"}
"""Where `ParallelSet` may be named: the corpora that hold pairs out, and the code that scores."""

PAIRS_OPENED = {"umt.pipeline.scoring"}
"""Where held-out pairs may be opened with ``.pairs()``."""


BANNED = {"told", "said", "found", "given", "kept"}
"""Words that name nothing: a noun of the field says what a variable holds."""


def banned_names(tree: ast.Module) -> Iterator[str]:
    """Banned names that ``tree`` assigns, takes as parameters or defines; "each" where it is more than the
    variable of a comprehension of one line."""
    short = {
        id(name)
        for node in ast.walk(tree)
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp))
        and node.lineno == node.end_lineno
        for generator in node.generators
        for name in ast.walk(generator.target)
    }
    for node in ast.walk(tree):
        name = ""
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            name = node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            name = node.attr
        elif isinstance(node, ast.arg):
            name = node.arg
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            name = node.name
        if name in BANNED or (name == "each" and id(node) not in short):
            yield name


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def within(module: str, places: set[str]) -> bool:
    return any(module == place or module.startswith(place + ".") for place in places)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_kernels_have_one_door(path: Path) -> None:
    module, door = name_of(path), "umt.lm.kernels"
    if within(module, {door}):
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [node.module] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for imported in names:
            assert not (imported or "").startswith(door + "."), f"{module} imports {imported}"


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
def test_no_relative_imports(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not isinstance(node, ast.ImportFrom) or node.level == 0, f"{path}: relative import"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_stay_small_and_say_what_they_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300, "a module over 300 lines is two modules"
    assert path.stem not in {"utils", "helpers", "common", "misc"}
    assert ast.get_docstring(ast.parse(text)), "says nothing about itself"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_functions_stay_short(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, f"{node.name}: over 60 lines is two functions"


def test_variables_have_names_of_the_field() -> None:
    counts: Counter[str] = Counter()
    for path in MODULES:
        names = list(banned_names(ast.parse(path.read_text(encoding="utf-8"))))
        counts[".".join(name_of(path).split(".")[:2])] += len(names)
    assert {place: count for place, count in counts.items() if count} == {}


@pytest.mark.parametrize("folder", ["benchmarks", "scripts", "tests"])
def test_variables_beside_the_package_have_names_of_the_field(folder: str) -> None:
    for path in sorted((ROOT / folder).rglob("*.py")):
        names = set(banned_names(ast.parse(path.read_text(encoding="utf-8"))))
        assert not names & BANNED, path


def test_every_library_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    asked = [*project["dependencies"], *(library for extra in extras for library in extra)]
    reasons = (ROOT / "docs" / "decisions" / "051-libraries.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w-]+)`", "".join(re.findall(r"^\|[^|]*\|", reasons, re.MULTILINE))))
    assert named == {re.split(r"[>=<]", each)[0] for each in asked}


def test_no_call_of_transformers_may_run_code_of_a_folder() -> None:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                called = ast.unparse(node.func)
                if called.startswith("Auto") and node.func.attr in ("from_pretrained", "from_config"):
                    options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                    assert options.get("trust_remote_code") == "False", f"{path}: {called}"
