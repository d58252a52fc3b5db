"""A page that opens from disk: sections of HTML in one file that asks nothing of the network.

A new section is a function that returns a `Section`; its tables come from `table`, its pictures from
`umt.report_figures`. Whatever is not `Markup` is text and is escaped.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from umt.runtime.files import atomic_text


class Markup(str):
    """HTML as it stands."""


@dataclass(frozen=True)
class Section:
    """A heading, one or two sentences that say what is seen, and the HTML that shows it."""

    title: str
    lead: str
    body: Markup

    @property
    def anchor(self) -> str:
        """The place in the page."""
        return re.sub(r"\W+", "-", self.title.lower()).strip("-")


def stylesheet() -> str:
    """The colours, light and dark, and the type of every page and picture."""
    return files("umt").joinpath("report.css").read_text("utf-8")


def text(content: object) -> Markup:
    """Anything as HTML: `Markup` as it is, everything else escaped."""
    return content if isinstance(content, Markup) else Markup(html.escape(str(content)))


def joined(parts: Iterable[object]) -> Markup:
    """One after the other."""
    return Markup("".join(text(part) for part in parts))


def element(name: str, content: object, kind: str = "") -> Markup:
    """``<name class="kind">content</name>``."""
    attribute = f' class="{kind}"' if kind else ""
    return Markup(f"<{name}{attribute}>{text(content)}</{name}>")


def table(
    headings: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "", words: int = 1
) -> Markup:
    """A table whose first ``words`` columns hold words and the others numbers."""
    kinds = ["" if column < words else "number" for column in range(len(headings))]
    head = joined(element("th", each, kind) for each, kind in zip(headings, kinds, strict=True))
    lines = [
        element("tr", joined(element("td", each, kind) for each, kind in zip(row, kinds, strict=True)))
        for row in rows
    ]
    title = element("caption", caption) if caption else ""
    body = joined([title, element("thead", element("tr", head)), element("tbody", joined(lines))])
    return element("div", element("table", body), "wide")


def figure(picture: Markup, caption: str, kind: str = "") -> Markup:
    """A picture and what it shows; ``broad`` as wide as the page."""
    return element("figure", joined([picture, element("figcaption", caption)]), kind)


def beside(parts: Iterable[Markup]) -> Markup:
    """Figures beside each other where there is room."""
    return element("div", joined(parts), "row")


def tiles(pairs: Iterable[tuple[object, str]]) -> Markup:
    """Figures that a reader should see first, each above its name."""
    return element(
        "div",
        joined(
            element("div", joined([element("b", big), element("span", small)]), "tile")
            for big, small in pairs
        ),
        "tiles",
    )


def write_page(path: Path, title: str, lead: str, sections: Sequence[Section]) -> None:
    """Write the page by rename, so that a reader never sees half of it."""
    links = joined(Markup(f'<a href="#{each.anchor}">{text(each.title)}</a>') for each in sections)
    body = [element("h1", title), element("p", lead, "lead"), element("nav", links)]
    for each in sections:
        body.append(Markup(f'<section id="{each.anchor}">'))
        body += [
            element("h2", each.title),
            element("p", each.lead, "lead"),
            each.body,
            Markup("</section>\n"),
        ]
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title>\n<style>\n{stylesheet()}</style>"
    )
    main = element("body", element("main", joined(body)))
    page = f'<!doctype html>\n<html lang="en">\n<head>{head}</head>\n{main}\n</html>\n'
    with atomic_text(path) as file:
        file.write(page)
