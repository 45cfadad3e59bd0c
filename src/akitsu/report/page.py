"""One HTML page that holds everything: it can be mailed, printed, and read without a network."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path

from akitsu.files import write_text
from akitsu.scores.table import Row


@dataclass(frozen=True)
class Text:
    """A paragraph, or several with empty lines between."""

    heading: str
    text: str


@dataclass(frozen=True)
class Scores:
    """The table of scores with their intervals."""

    heading: str
    rows: Sequence[Row]


@dataclass(frozen=True)
class Picture:
    """A PNG, taken into the page.

    Attributes:
        heading: Above it; "" for none, as under the heading of the section before.
        png: The file, or its bytes.
        alt: What is seen, for those who cannot see it.
        caption: Below it.
    """

    heading: str
    png: Path | bytes
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Facts:
    """Names and what they are, such as versions and hardware."""

    heading: str
    facts: Mapping[str, object]


@dataclass(frozen=True)
class Folded:
    """A long text to be opened by a click, such as the exact recipe."""

    heading: str
    text: str


Section = Text | Scores | Picture | Facts | Folded


def write_page(path: Path, *, title: str, sections: Sequence[Section], subtitle: str = "") -> None:
    """Write the page, whole or not at all.

    Args:
        path: Where the .html shall stand.
        title: Its heading, and the name of the browser's tab.
        sections: From top to bottom.
        subtitle: One line below the title.

    Raises:
        OutputError: If the place cannot be written.
        FileNotFoundError: If a picture is not there.
    """
    head = f"<h1>{escape(title)}</h1>\n"
    if subtitle:
        head += f'<p class="subtitle">{escape(subtitle)}</p>\n'
    body = head + "\n".join(_section(section) for section in sections)
    style = files("akitsu.report").joinpath("page.css").read_text(encoding="utf-8")
    write_text(
        path,
        f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
""",
    )


def _section(section: Section) -> str:
    heading = f"<h2>{escape(section.heading)}</h2>\n" if section.heading else ""
    match section:
        case Text():
            return heading + _paragraphs(section.text)
        case Scores():
            return heading + _scores(section.rows)
        case Picture():
            return heading + _picture(section)
        case Facts():
            return heading + _facts(section.facts)
        case Folded():
            summary = f"<summary>{escape(section.heading)}</summary>"
            return f"<details>{summary}<pre>{escape(section.text)}</pre></details>"


def _paragraphs(text: str) -> str:
    parts = [part.strip() for part in text.split("\n\n")]
    return "\n".join(f"<p>{escape(part)}</p>" for part in parts if part)


def _scores(rows: Sequence[Row]) -> str:
    lines = "\n".join(
        f'<tr><th scope="row">{escape(row.name)}</th>'
        f"<td>{escape(row.value)}</td><td>{escape(row.interval)}</td></tr>"
        for row in rows
    )
    head = '<th scope="col">score</th><th scope="col">value</th><th scope="col">95 % interval</th>'
    return (
        f'<div class="scroll"><table class="scores">\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{lines}\n</tbody></table></div>"
    )


def _picture(section: Picture) -> str:
    content = section.png if isinstance(section.png, bytes) else section.png.read_bytes()
    source = f"data:image/png;base64,{b64encode(content).decode('ascii')}"
    caption = f"<figcaption>{escape(section.caption)}</figcaption>" if section.caption else ""
    return f'<figure><img src="{source}" alt="{escape(section.alt)}">{caption}</figure>'


def _facts(facts: Mapping[str, object]) -> str:
    lines = "\n".join(
        f'<tr><th scope="row">{escape(str(name))}</th><td>{escape(str(fact))}</td></tr>'
        for name, fact in facts.items()
    )
    return f'<div class="scroll"><table class="facts"><tbody>\n{lines}\n</tbody></table></div>'
