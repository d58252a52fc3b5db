"""The pictures of the report: curves, dots, distributions, intervals, and a map of words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from umt.evaluation.report.svg import (
    BOTTOM,
    TOP,
    Frame,
    Points,
    dot,
    drawing,
    padded_range,
    shade,
    stroke,
    text_mark,
    text_width,
)

Floats = npt.NDArray[np.floating]


def line_chart(
    series: Mapping[str, Points],
    x_name: str,
    y_name: str,
    width: int = 560,
    height: int = 260,
    colours: Mapping[str, int] | None = None,
) -> Markup:
    """A curve a series, its points marked where they are few.

    colours: the number of the colour of each series, where several pictures share a legend; otherwise each
    picture has its own.
    """
    every = [point for points in series.values() for point in points]
    x_range, y_range = (padded_range(point[axis] for point in every) for axis in (0, 1))
    frame = Frame(x_range, y_range, x_name, y_name, width, height)
    parts = frame.axes()
    for number, (name, points) in enumerate(series.items()):
        colour, label = (colours[name], f"{name}, ") if colours else (number, "")
        parts.append(frame.curve(points, colour, tooltip=name if colours else ""))
        if len(points) <= 40:
            parts += [frame.dot(x, y, colour, f"{label}{x:g}: {y:.4g}") for x, y in points]
    legend = frame.legend(list(series)) if len(series) > 1 and not colours else []
    return drawing(width, height, [*parts, *legend], f"{y_name} against {x_name}")


def scatter(
    series: Mapping[str, Sequence[tuple[float, float, str]]], x_name: str, y_name: str, height: int = 360
) -> Markup:
    """A dot for each (x, y, what it is), a colour for each series."""
    every = [point for points in series.values() for point in points]
    x_range, y_range = (padded_range(float(point[axis]) for point in every) for axis in (0, 1))
    frame = Frame(x_range, y_range, x_name, y_name, height=height)
    dots = [
        frame.dot(x, y, number, what)
        for number, points in enumerate(series.values())
        for x, y, what in points
    ]
    parts = [*frame.axes(), *dots, *frame.legend(list(series))]
    return drawing(frame.width, height, parts, f"{y_name} against {x_name}")


def histograms(series: Mapping[str, Floats], x_name: str, bins: int = 50) -> Markup:
    """The distribution of the values of each series, each of area 1."""
    ends = [float(end) for values in series.values() for end in (values.min(), values.max())]
    low, high = padded_range(ends)
    edges = np.linspace(low, high, bins + 1)
    heights = {name: np.histogram(values, edges, density=True)[0] for name, values in series.items()}
    top = 1.05 * max(float(each.max()) for each in heights.values())
    frame = Frame((low, high), (0, top), x_name, "density")
    parts = frame.axes()
    for number, values in enumerate(heights.values()):
        steps = [(edge, each) for ends, each in zip(pairwise(edges), values, strict=True) for edge in ends]
        outline = [(low, 0.0), *steps, (high, 0.0)]
        parts += [frame.curve(outline, number, area) for area in (True, False)]
    parts += frame.legend(list(series))
    return drawing(frame.width, frame.height, parts, f"distribution of {x_name}")


def intervals(
    rows: Sequence[str], series: Mapping[str, Sequence[tuple[float, float, float] | None]], x_name: str
) -> Markup:
    """A line a row; there each series has a dot (value) with a whisker (low, high), or nothing."""
    pitch = 12 + 9 * len(series)
    height = TOP + BOTTOM + pitch * len(rows)
    drawn = [each for values in series.values() for each in values if each]
    low, top = min([0.0, *(each[1] for each in drawn)]), max([0.0, *(each[2] for each in drawn)])
    low, top = (low, top) if low < top else padded_range([0.0])
    left = round(24 + max(text_width(row, 12) for row in rows))
    frame = Frame((low, top), (0, 1), x_name, "", 760, height, left)
    parts = frame.axes(across=False, upright=True)
    for number, row in enumerate(rows):
        middle = TOP + pitch * (number + 0.5)
        parts.append(text_mark(left - 10, middle + 4, row, "row", "end"))
        for colour, values in enumerate(series.values()):
            if interval := values[number]:
                value, low, high = interval
                y = middle + (colour - (len(series) - 1) / 2) * 9
                parts.append(stroke((frame.x(low), y), (frame.x(high), y), f"whisker {shade(colour)}"))
                parts.append(dot(frame.x(value), y, colour, f"{row}: {value:z.3f} [{low:z.3f}, {high:z.3f}]"))
    return drawing(frame.width, height, [*parts, *frame.legend(list(series))], x_name)


@dataclass(frozen=True)
class Place:
    """A word on the map: where it lies, its colour and language, and the places it is tied to."""

    word: str
    x: float
    y: float
    colour: int
    tooltip: str = ""
    ties: tuple[int, ...] = ()
    lang: str = ""


def word_map(places: Sequence[Place], label: str, width: int = 1040, height: int = 800) -> Markup:
    """Every word where it lies; words that would cover each other are moved apart."""
    size = 12
    boxes = np.array([[text_width(each.word, size) + 4, size + 3] for each in places])
    spots = np.array([[each.x, each.y] for each in places])
    low, high = np.quantile(spots, 0.01, axis=0), np.quantile(spots, 0.99, axis=0)
    paper = np.array([width, height])
    spots = 40 + (spots - low) / np.maximum(high - low, 1e-9) * (paper - 80)
    for _ in range(3):  # apart, and back onto the paper
        spots = np.clip(remove_overlaps(spots, boxes), boxes / 2, paper - boxes / 2)
    ties = [(spots[number], spots[other]) for number, place in enumerate(places) for other in place.ties]
    parts = [stroke((a[0], a[1]), (b[0], b[1]), "link") for a, b in ties]
    for place, (x, y) in zip(places, spots.tolist(), strict=True):
        kind = f"label {shade(place.colour)}"
        parts.append(text_mark(x, y + size / 3, place.word, kind, tooltip=place.tooltip, lang=place.lang))
    return drawing(width, height, parts, label)


def remove_overlaps(spots: Floats, boxes: Floats, rounds: int = 300) -> Floats:
    """Centres of boxes, both (n, 2), moved as little as it takes that they hardly overlap."""
    spots = spots.copy()
    for number in range(rounds):
        if number % 30 == 0:  # only these pairs can meet soon
            near = (np.abs(spots[:, None] - spots[None]) < (boxes[:, None] + boxes[None]) / 2 + 20).all(2)
            one, other = np.nonzero(np.triu(near, 1))
            reach = (boxes[one] + boxes[other]) / 2  # distances at which two boxes touch
        gap = spots[one] - spots[other]
        overlap = reach - np.abs(gap)
        meets = (overlap > 0).all(1)
        if not meets.any():
            break
        side = overlap.argmin(1)  # out along the axis that is left sooner
        narrow = np.stack([meets & (side == axis) for axis in (0, 1)], 1)
        push = 0.3 * np.where(narrow, np.copysign(overlap, gap), 0)
        np.add.at(spots, one, push)
        np.subtract.at(spots, other, push)
    return spots
