"""Write docs/configuration.md from the comments in conf/ and the dataclasses that the options name.

    python scripts/write_configuration.py             writes the page
    python scripts/write_configuration.py --check     ends with status 1 where the page is not up to date

A value's meaning is the comment beside it in its YAML file; where there is none, the sentence of the
docstring of the class that takes it ("name: meaning."); where there is none either, the comment that another
option gives the same field of the same class. Nothing is imported: classes are read from their source.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
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


@dataclass(frozen=True)
class Value:
    """One value of an option: its dotted name below the group, its default as YAML, what it means."""

    name: str
    default: str
    comment: str
    target: str | None
    """The class that takes it, or None for a value of no class."""
    made: str | None = None
    """The class that it names itself."""


@dataclass(frozen=True)
class Option:
    """One YAML file of a group."""

    name: str
    head: str
    """The comments above its first value."""
    bases: tuple[str, ...]
    """What its ``defaults`` take over first, as ``group=option``."""
    values: tuple[Value, ...]
    target: str | None


@dataclass(frozen=True)
class Class:
    """What a dataclass says of its fields."""

    summary: str = ""
    types: Mapping[str, str] = field(default_factory=dict)
    meanings: Mapping[str, str] = field(default_factory=dict)


def comment_of(line: str) -> str:
    """The comment at the end of a YAML line, without its mark."""
    quoted = re.sub(r"\"[^\"]*\"|'[^']*'", lambda part: "x" * len(part.group()), line)
    mark = re.search(r"(?:^|\s)#\s?", quoted)
    return line[mark.end() :].strip() if mark else ""


def read_option(path: Path) -> Option:
    """Parse one YAML file with its comments."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    head: list[str] = []
    for line in lines:
        if line.strip() and not line.startswith("#"):
            break
        if line.startswith("#") and "@package" not in line:
            head.append(line[1:].removeprefix(" "))
    node = yaml.compose(text)
    values: list[Value] = []
    bases: list[str] = []
    target = None
    if isinstance(node, yaml.MappingNode):
        for key, inner in node.value:
            if key.value == "defaults":
                bases = [
                    line.strip()[2:].partition("#")[0].strip()
                    for line in lines[inner.start_mark.line : inner.end_mark.line]
                    if line.strip().startswith("- ") and "_self_" not in line
                ]
        target = target_of(node)
        values = list(values_of(node, "", target, lines, len(head)))
    return Option(path.stem, "\n".join(head).strip(), tuple(bases), tuple(values), target)


def target_of(node: yaml.Node) -> str | None:
    """The ``_target_`` of a mapping."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == "_target_":
                return str(value.value)
    return None


def values_of(
    node: yaml.MappingNode, prefix: str, target: str | None, lines: list[str], after: int
) -> Iterator[Value]:
    """Every value below ``node``; comments above line ``after`` belong to the whole file."""
    for key, value in node.value:
        if key.value in {"defaults", "_target_", "_convert_"} or (not prefix and key.value == "hydra"):
            continue
        line = key.start_mark.line
        above: list[str] = []
        for before in reversed(lines[after:line]):
            if not before.strip().startswith("#"):
                break
            above.insert(0, comment_of(before))
        comment = " ".join(filter(None, [*above, comment_of(lines[line])]))
        name = f"{prefix}{key.value}"
        inner = target_of(value)
        if isinstance(value, yaml.MappingNode) and value.flow_style is False:
            yield Value(name, f"`{inner.rpartition('.')[2]}`" if inner else "", comment, target, inner)
            yield from values_of(value, f"{name}.", inner, lines, line + 1)
        else:
            yield Value(name, f"`{source_of(value, lines)}`", comment, target)


def source_of(node: yaml.Node, lines: list[str]) -> str:
    """A value as it stands in the file, on one line."""
    start, end = node.start_mark, node.end_mark
    if start.line == end.line:
        return str(lines[start.line][start.column : end.column].strip())
    if isinstance(node, yaml.SequenceNode):
        items = (re.sub(r"umt\.[\w.]+\.", "", source_of(item, lines)) for item in node.value)
        return "[" + ", ".join(items) + "]"
    block = [lines[start.line][start.column :], *lines[start.line + 1 : end.line]]
    return " ".join(line.partition(" #")[0].strip() for line in block)


@cache
def module_of(name: str) -> ast.Module | None:
    """The syntax tree of a module of umt."""
    path = ROOT / Path(*name.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.exists():
            return ast.parse(file.read_text(encoding="utf-8"))
    return None


@cache
def read_class(target: str) -> Class:
    """Types and meanings of the fields of ``module.Class``, those of its base classes included."""
    module_name, _, name = target.rpartition(".")
    module = module_of(module_name)
    if module is None:
        return Class()
    imported = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in module.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    for node in module.body:
        if not (isinstance(node, ast.ClassDef) and node.name == name):
            continue
        types: dict[str, str] = {}
        meanings: dict[str, str] = {}
        for base in node.bases:
            if isinstance(base, ast.Name):
                above = read_class(imported.get(base.id, f"{module_name}.{base.id}"))
                types |= above.types
                meanings |= above.meanings
        types |= {
            item.target.id: ast.unparse(item.annotation)
            for item in node.body
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
        }
        docstring = ast.get_docstring(node) or ""
        for item, following in zip(node.body, node.body[1:], strict=False):
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                text = following.value if isinstance(following, ast.Expr) else None
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    meanings[item.target.id] = " ".join(text.value.split())
        meanings |= dict(meanings_of(docstring, types))
        for other in re.findall(r"`(umt\.[\w.]+\.[A-Z]\w+)`", docstring):  # "the others are those of"
            if other != target:
                meanings = {**{key: read_class(other).meanings.get(key, "") for key in types}, **meanings}
        return Class(" ".join(docstring.split("\n\n")[0].split()), types, meanings)
    return Class()


def meanings_of(docstring: str, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Field and meaning of each "name: meaning." or "one, other: meaning." of a docstring."""
    if not names:
        return
    alternatives = "|".join(map(re.escape, names))
    head = rf"(?:^|\n\s*|(?<=[.;:)]) )((?:{alternatives})(?:(?:, | and )(?:{alternatives}))*):\s"
    parts = re.split(head, docstring)
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        for name in re.split(", | and ", heading):
            yield name, " ".join(text.split("\n\n")[0].split()).rstrip(".;")


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
