"""Every command of train.py and evaluate.py that the documents show composes with today's options."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

import umt

ROOT = Path(__file__).resolve().parents[2]
CONF = next(folder for folder in (ROOT / "conf", ROOT / "umt" / "conf") if folder.is_dir())
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *(
        path
        for path in sorted((ROOT / "docs").glob("*.md"))
        if path.stem not in {"configuration", "negative-results", "results"}
    ),
]
PLACEHOLDERS = {"GROUP=OPTION", "...", "DIR"}
COMMAND = re.compile(r"(?:python|torchrun[^\n`]*?) (?:train|evaluate)\.py([^\n`#]*)")


def commands() -> Iterator[tuple[str, str]]:
    """(page, overrides) of each command; explanations after two spaces are cut off."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in COMMAND.finditer(text):
            words = re.split(r"\s{2,}|, then|,? and |;|\)", match.group(1).rstrip(".,:"))[0].strip()
            example = page.stem == "own-strategy" and "degree_profile" in words
            if not (set(words.split()) & PLACEHOLDERS or "--help" in words or example):
                yield page.name, words


def overrides(words: str) -> list[str]:
    """What Hydra's command line would hand to compose; of a sweep the first value of each."""
    parts = [part for part in shlex.split(words) if not part.startswith("hydra")]
    if "-m" in parts:
        parts.remove("-m")
        parts = [re.sub(r"=([^,\[{]+),.*", r"=\1", part) for part in parts]
    return parts


def test_documents_show_commands() -> None:
    assert len(list(commands())) > 15


@pytest.mark.parametrize(("page", "words"), sorted(set(commands())))
def test_command_of_a_document_composes(page: str, words: str) -> None:
    with initialize_config_dir(str(CONF), version_base=None):
        compose("config", overrides=overrides(words))


def test_options_named_in_the_documents_exist() -> None:
    """`group=option` in running text names a file of conf/."""
    groups = {path.name for path in CONF.iterdir() if path.is_dir()}
    wrong = []
    for page in PAGES:
        for group, option in re.findall(r"`(\w+)=(\w+)`", page.read_text(encoding="utf-8")):
            if group in groups and option != "OPTION" and not (CONF / group / f"{option}.yaml").exists():
                wrong.append(f"{page.name}: {group}={option}")
    assert not wrong


def test_modules_named_in_the_documents_exist() -> None:
    wrong = []
    for page in PAGES:
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        names = re.findall(r"\bumt/[\w/]+\.py\b", text)
        names += [name.replace(".", "/") for name in re.findall(r"\bumt(?:\.[a-z_]+)+\b", text)]
        for name in dict.fromkeys(names):
            path = ROOT / name
            if name.removeprefix("umt/") in umt.__all__:
                continue
            if not (path.exists() or path.with_suffix(".py").exists()):
                wrong.append(f"{page.name}: {name}")
    assert not wrong
