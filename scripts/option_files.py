"""What the YAML files of conf/ and the docstrings of the classes that they name say; nothing is imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent


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
