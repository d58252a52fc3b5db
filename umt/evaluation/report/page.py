"""A page that opens from disk: sections of blocks, rendered into one file that asks nothing of the network.

A section is a function that returns a `Section`; its blocks are the dataclasses below, which the templates
beside this module turn into HTML. Text is escaped there, and only pictures (`Markup`) stand as they are.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from umt.runtime.files import atomic_text


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table or tile.

    note: in small letters behind the text.  order: what a table is sorted by, where that is not the text.
    lang: of the text, where it is no English.  tone: ``good``, ``fair`` or ``bad``.
    """

    text: object
    note: str = ""
    order: float | str | None = None
    lang: str = ""
    strong: bool = False
    tone: str = ""


@dataclass(frozen=True)
class Table:
    """A table that a click on a heading sorts: ``text_columns`` columns of words, then numbers, then
    ``closing_text_columns`` of words.

    stacked: notes stand below their values, for tables of many columns.  filtered: with a field that
    leaves the rows that hold what is typed.
    """

    kind: ClassVar = "table"
    headings: Sequence[str]
    rows: Sequence[Sequence[object]]
    caption: str = ""
    text_columns: int = 1
    closing_text_columns: int = 0
    stacked: bool = False
    filtered: bool = False

    def is_number(self, column: int) -> bool:
        """Whether a column holds numbers."""
        return self.text_columns <= column < len(self.headings) - self.closing_text_columns

    def cells(self) -> list[list[Cell]]:
        """Every row as cells. Raises ValueError when a row has not as many as there are headings."""
        rows = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in self.rows]
        if any(len(row) != len(self.headings) for row in rows):
            raise ValueError(f"a row of the table {list(self.headings)} has not {len(self.headings)} cells")
        return rows


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    kind: ClassVar = "heading"
    text: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of English text."""

    kind: ClassVar = "paragraph"
    text: str


@dataclass(frozen=True)
class Figure:
    """A picture and what it shows; ``broad`` as wide as the page, and never so narrow that words blur."""

    kind: ClassVar = "figure"
    picture: Markup
    caption: str = ""
    broad: bool = False


@dataclass(frozen=True)
class SideBySide:
    """Blocks beside each other where there is room."""

    kind: ClassVar = "side_by_side"
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Tiles:
    """Figures that a reader should see first, each above its name."""

    kind: ClassVar = "tiles"
    tiles: Sequence[tuple[Cell, str]]


@dataclass(frozen=True)
class Details:
    """Plain text that opens on demand."""

    kind: ClassVar = "details"
    summary: str
    text: str


@dataclass(frozen=True)
class Renderings:
    """One sentence as several systems have it: (who, text, its language, whether it is given to them)."""

    kind: ClassVar = "renderings"
    lines: Sequence[tuple[str, str, str, bool]]


@dataclass(frozen=True)
class Legend:
    """Names of series that several pictures share, in the order of their colours."""

    kind: ClassVar = "legend"
    names: Sequence[str]


@dataclass(frozen=True)
class Widget:
    """A part of the page that a script draws from ``data``, which is JSON; ``name``: which one."""

    kind: ClassVar = "widget"
    name: str
    data: Any


Block = Table | Heading | Paragraph | Figure | SideBySide | Tiles | Details | Renderings | Legend | Widget


@dataclass(frozen=True)
class Section:
    """A heading, one or two sentences that say what is seen, and the blocks that show it."""

    title: str
    lead: str
    blocks: Sequence[Block]
    anchor: str = field(init=False)
    """The place in the page."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "anchor", re.sub(r"\W+", "-", self.title.lower()).strip("-"))

    def html(self) -> str:
        """The section alone, as it stands in a page."""
        return str(_templates().get_template("section.html.jinja").render(section=self))


def stylesheet() -> Markup:
    """The colours, light and dark, and the type of every page and picture."""
    return _resource("report.css")


def write_page(
    path: Path, title: str, lead: str, sections: Sequence[Section], scripts: Sequence[str] = ()
) -> None:
    """Write the page by rename, so that a reader never sees half of it; see `render_page`."""
    text = render_page(title, lead, sections, scripts)
    with atomic_text(path) as file:
        file.write(text)


def render_page(
    title: str, lead: str, sections: Sequence[Section], scripts: Sequence[str] = (), connect: str = ""
) -> str:
    """The page as HTML.

    scripts: files beside the templates that the page needs apart from ``report.js``.  No other script runs
    in it, whatever its texts hold: the page names the hash of its own.  connect: whom it may ask for more.
    """
    script = Markup("\n").join(_resource(name) for name in ("report.js", *scripts))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _templates().get_template("page.html.jinja").render(
        title=title, lead=lead, sections=sections, style=stylesheet(), script=script, script_digest=digest,
        connect=Markup(connect),
    )  # fmt: skip


@cache
def _templates() -> Environment:
    loader = PackageLoader(__package__)
    templates = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    templates.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    return templates


def _resource(name: str) -> Markup:
    """A file of ours, which stands in the page as it is."""
    return Markup(files(__package__).joinpath("templates", name).read_text("utf-8"))
