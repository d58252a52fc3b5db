"""Write docs/configuration.md from the comments in conf/ and the dataclasses that the options name.

    python scripts/write_configuration.py             writes the page
    python scripts/write_configuration.py --check     ends with status 1 where the page is not up to date

A value's meaning is the comment beside it in its YAML file; where there is none, the sentence of the
docstring of the class that takes it ("name: meaning."); where there is none either, the comment that another
option gives the same field of the same class. Nothing is imported: classes are read from their source.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.option_files import ROOT, Class, Option, Value, comment_of, read_class, read_option

CONF = next(folder for folder in (ROOT / "conf", ROOT / "umt" / "conf") if folder.is_dir())
PAGE = ROOT / "docs" / "configuration.md"

HEAD = """\
# Configuration

<!-- Written by `python scripts/write_configuration.py` from conf/ and the dataclasses; do not edit. -->

Every group of options, every option of a group, every value with its default, its type and what it means.
An option is chosen by `group=option`, a value by `group.value=...`; both may follow `python train.py` and
`python evaluate.py`, in any order. A list is written `[a,b]`, nothing is written `null`. Terms are explained
in [concepts.md](concepts.md), the strategies in [strategies.md](strategies.md).

    python train.py aligner=cooccurrence aligner.window=5
    python train.py experiment=bible corpus.root=DIR seed=2
    python train.py ... --cfg job        shows the whole configuration of a command

`${...}` takes the value of another option. A value that names a class holds the values of that class below
it. Shares lie between 0 and 1 unless a line says otherwise.
"""


@cache
def option_of(group: str, name: str) -> Option:
    """One option of a group; a group inside another is named ``outer/inner``."""
    return read_option(CONF / group / f"{name}.yaml")


@cache
def inherited(group: str, name: str) -> Mapping[str, Value]:
    """Every value of an option, those that it takes over included, by its dotted name below the group."""
    option = read_option(CONF / "config.yaml") if group == "" else option_of(group, name)
    known: dict[str, Value] = {}
    if group == "experiment":
        known |= inherited("", "config")
    for base in option.bases:
        where, _, chosen = (part.strip() for part in base.removeprefix("override ").partition(":"))
        if not chosen:  # another option of the same group
            known |= inherited(group, where)
            continue
        source, _, place = where.partition("@")
        source = source.removeprefix("/") if source.startswith("/") or group == "" else f"{group}/{source}"
        place = place.removeprefix("_global_.") or (
            source if group in {"", "experiment"} else where.lstrip("/")
        )
        if chosen == "null" or base.startswith("override hydra"):
            continue
        known |= {f"{place}.{inner}": value for inner, value in inherited(source, chosen).items()}
        target = target_in(source, chosen)
        known[place] = Value(place, "", "", target)
    own = {value.name: value for value in option.values}
    for key, value in own.items():
        if value.target is None and key in known:
            own[key] = replace(known[key], default=value.default, comment=value.comment or known[key].comment)
    known |= own
    return known


@cache
def target_in(group: str, name: str) -> str | None:
    """The class of an option, be it named in one that it takes over."""
    option = option_of(group, name)
    bases = (base for base in option.bases if ":" not in base)
    return option.target or next((target for base in bases if (target := target_in(group, base))), None)


def options() -> dict[str, list[Option]]:
    """Group -> its options; the groups in the order of conf/config.yaml, then the rest."""
    order = [
        re.sub(r"@.*", "", base.partition(":")[0].strip()) for base in read_option(CONF / "config.yaml").bases
    ]
    folders = sorted({path.parent.relative_to(CONF).as_posix() for path in CONF.glob("*/**/*.yaml")})
    groups = dict.fromkeys([*(name for name in order if name in folders), *folders])
    return {
        group: [option_of(group, path.stem) for path in sorted((CONF / group).glob("*.yaml"))]
        for group in groups
    }


def cell(text: str) -> str:
    """Text in a cell of a Markdown table."""
    return text.replace("|", "\\|")


def meanings_elsewhere(groups: Mapping[str, list[Option]]) -> dict[tuple[str, str], str]:
    """(class, field) -> the first comment that any option gives it."""
    known: dict[tuple[str, str], str] = {}
    for members in groups.values():
        for value in (value for option in members for value in option.values):
            if value.target and value.comment:
                known.setdefault((value.target, value.name.rpartition(".")[2]), value.comment)
    return known


def rows(group: str, option: Option, elsewhere: Mapping[tuple[str, str], str]) -> Iterator[str]:
    """The lines of the table of one option."""
    known = inherited(group, option.name)
    for value in option.values:
        if not (value.default or value.comment):  # a mapping that only holds others
            continue
        last = value.name.rpartition(".")[2]
        target = known[value.name].target
        about = read_class(target) if target else Class()
        meaning = value.comment or about.meanings.get(last) or elsewhere.get((target or "", last), "")
        meaning = meaning or known[value.name].comment
        if not meaning and (inner := known.get(value.name)) and inner.made:
            meaning = read_class(inner.made).summary.partition(". ")[0]
        if not meaning and (taken := re.fullmatch(r"`\$\{([\w.]+)\}`", value.default)):
            meaning = f"see `{taken.group(1)}`"
        above = value.name.rpartition(".")[0]
        if not meaning and above in known and known[above].comment:
            meaning = f"see `{above}`"
        kind = f"`{about.types[last]}`" if last in about.types else ""
        yield (
            "| " + " | ".join(cell(part) for part in (f"`{value.name}`", value.default, kind, meaning)) + " |"
        )


def page() -> str:
    """The whole page."""
    groups = options()
    elsewhere = meanings_elsewhere(groups)
    config = read_option(CONF / "config.yaml")
    lines = [HEAD, "## The whole", "", "| value | default | type | meaning |", "|---|---|---|---|"]
    lines += rows("", config, elsewhere)
    lines += ["", "| group | default | meaning |", "|---|---|---|"]
    for line in (CONF / "config.yaml").read_text(encoding="utf-8").splitlines():
        if entry := re.match(r"  - ([\w@/]+): *(\w+)(.*)", line):
            group, default, comment = entry.groups()
            lines.append(f"| `{group}` | `{default}` | {cell(comment_of(comment))} |")
    for group, members in groups.items():
        lines += ["", f"## {group}"]
        for option in members:
            lines += ["", f"### {group}={option.name}", ""]
            lines += block(option.head)
            if option.bases:
                taken = ", ".join(f"`{base}`" for base in option.bases)
                lines += [f"Takes over {taken}; below stands what differs.", ""]
            if option.target:
                lines += [f"Class `{option.target}`: {read_class(option.target).summary}", ""]
            if option.values:
                lines += ["| value | default | type | meaning |", "|---|---|---|---|"]
                lines += rows(group, option, elsewhere)
    return "\n".join(lines).replace("\n\n\n", "\n\n").rstrip() + "\n"


def block(head: str) -> list[str]:
    """The comment above an option: sentences as they are, commands as a block of code."""
    lines: list[str] = []
    code = False
    for line in head.splitlines():
        command = line.startswith("  ")
        if command != code and lines:
            lines.append("")
        lines.append(f"    {line.strip()}" if command else line)
        code = command
    return [*lines, ""] if lines else []


def main() -> None:
    """Write or compare."""
    text = page()
    if "--check" in sys.argv[1:]:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
            sys.exit(f"{PAGE.relative_to(ROOT)} is not up to date: python scripts/write_configuration.py")
        return
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
