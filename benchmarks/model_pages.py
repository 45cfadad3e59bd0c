"""Write docs/models/*.md from the registry and from what `akitsu check --all` found.

    akitsu check --all
    python benchmarks/model_pages.py

One page a claim, one for each network of ours that no claim speaks of, and an index of all. It
also keeps the part of mkdocs.yml that lists them. A test asks that all of it is what this program
makes of docs/results/claims/*.json and of the docstrings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from akitsu.models.registry import ModelEntry, entries
from akitsu.report.claims import rows, source

ROOT = Path(__file__).parents[1]
CLAIMS, PAGES, NAVIGATION = ROOT / "docs/results/claims", ROOT / "docs/models", ROOT / "mkdocs.yml"
# From the key to the next one at its level.
PART = re.compile(r"^  - Models:\n(?:   .*\n)+", re.MULTILINE)
TASKS = {"classification": "what is it", "detection": "where is it", "segmentation": "what shape"}

HEAD = """# Models

Every network that a recipe can name as `model.name`, and where it comes from. `akitsu models NAME`
prints its page, `akitsu check NAME` runs what its paper claims; see
[What papers claim](../guides/claims.md). These pages are written by `benchmarks/model_pages.py`
from the docstrings and from `docs/results/claims/`.
"""


def main() -> None:
    written = pages(documents(CLAIMS), entries())
    PAGES.mkdir(exist_ok=True)
    for path in PAGES.glob("*.md"):
        if path.name not in written:
            path.unlink()
    for name, text in written.items():
        (PAGES / name).write_text(text, encoding="utf-8")
    text = NAVIGATION.read_text(encoding="utf-8")
    NAVIGATION.write_text(with_navigation(text, written), encoding="utf-8")


def documents(folder: Path) -> list[dict[str, Any]]:
    """What was found, in the order of the papers' years."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    return sorted(found, key=lambda each: (each["year"], each["claim"]))


def pages(found: Sequence[dict[str, Any]], models: Mapping[str, ModelEntry]) -> dict[str, str]:
    """Every page by the name of its file, the index first, then as the index lists them."""
    written = {f"{each['claim']}.md": claim_page(each, models) for each in found}
    spoken_of = {name for each in found for name in each["models"]}
    for name, entry in models.items():
        if not entry.library and name not in spoken_of and f"{name}.md" not in written:
            written[f"{name}.md"] = "\n".join([f"# {name}\n", *network(entry)])
    return {"index.md": index(found, models), **written}


def index(found: Sequence[dict[str, Any]], models: Mapping[str, ModelEntry]) -> str:
    """All claims, our networks, and those of libraries."""
    page_of = {name: each["claim"] for each in found for name in each["models"]}
    ours = [entry for entry in models.values() if not entry.library]
    theirs = [entry for entry in models.values() if entry.library]
    lines = [HEAD, "## Claims\n"]
    lines += table(
        ("claim", "paper", "what it promises", "holds"),
        (
            (
                f"[{each['claim']}]({each['claim']}.md)",
                source(each),
                first_sentence(each["statement"]),
                "yes" if each["holds"] else "**no**",
            )
            for each in found
        ),
    )
    lines += ["", "## Networks written here\n"]
    lines += table(
        ("network", "question", "paper", "what it is"),
        (
            (
                f"[`{entry.name}`]({page_of.get(entry.name, entry.name)}.md)",
                TASKS[entry.task],
                source(vars(entry)),
                what_it_is(entry),
            )
            for entry in ours
        ),
    )
    if theirs:
        lines += ["", "## Networks of other libraries\n"]
        lines += ["Registered as they are, not rewritten.\n"]
        lines += table(
            ("network", "question", "library", "paper"),
            (
                (f"`{entry.name}`", TASKS[entry.task], entry.library, source(vars(entry)))
                for entry in theirs
            ),
        )
    return "\n".join([*lines, ""])


def claim_page(document: dict[str, Any], models: Mapping[str, ModelEntry]) -> str:
    """A paper: what it claims, the evidence, and its networks."""
    name = document["claim"]
    holds = "" if document["holds"] else "**This claim did not hold when it was last run.**\n"
    limits = f"Not shown here: {document['limits']}\n" if document["limits"] else ""
    environment = document["environment"]
    lines = [
        f"# {document['title']}\n",
        f"{source(document)}; claim `{name}`.\n",
        "## The claim\n",
        f"{document['statement']}\n",
        f"What it rests on, and what `--without-idea` takes away: {document['idea']}.\n",
        "## The evidence\n",
        *([holds] if holds else []),
        *table(("what", "value", "95 % interval", "demanded", "holds"), evidence(document)),
        "",
        f"![What was measured for {name}](../results/claims/{name}.png)\n",
        *([limits] if limits else []),
        "```bash",
        f"akitsu check {name}",
        "```\n",
        f"It took {document['seconds']:.0f} s; threads: {environment['threads']}, "
        f"torch {environment['versions']['torch']}, {environment['processor']}.\n",
    ]
    theirs = [models[model] for model in document["models"] if models[model].library]
    for library in sorted({entry.library for entry in theirs}):
        named = ", ".join(f"`{entry.name}`" for entry in theirs if entry.library == library)
        lines.append(f"Networks of {library}: {named}.\n")
    for model in document["models"]:
        if not models[model].library:
            lines += [f"## `{model}`\n", *network(models[model])]
    return "\n".join(lines)


def evidence(document: dict[str, Any]) -> Iterable[tuple[str, ...]]:
    for row in rows(document["findings"]):
        yield row.what, row.value, row.interval, row.demand, "yes" if row.holds else "**no**"


def network(entry: ModelEntry) -> list[str]:
    """What the registry knows about one network."""
    lines = [f"`{entry.name}`, for {entry.task}; {source(vars(entry))}.\n", markdown(entry.page)]
    options = entry.options()
    if options:
        lines.append("| option | by default |\n|---|---|")
        lines += [f"| `{key}` | `{value!r}` |" for key, value in options.items()]
        lines.append("")
    return lines


def markdown(docstring: str) -> str:
    """A docstring of Google's style, with its sections as lists."""
    parts = re.split(r"^(Args|Returns|Raises):\n", docstring, flags=re.MULTILINE)
    text = f"{parts[0].strip()}\n"
    for heading, body in zip(parts[1::2], parts[2::2], strict=True):
        items = re.sub(r"\n\s{8,}", " ", body.rstrip())
        lines = [f"- {line.strip()}" for line in items.splitlines() if line.strip()]
        text += f"\n{heading}:\n\n" + "\n".join(lines) + "\n"
    return text


def what_it_is(entry: ModelEntry) -> str:
    return first_sentence(entry.page).partition(":")[0].rstrip(".")


def first_sentence(text: str) -> str:
    paragraph = " ".join(text.partition("\n\n")[0].split())
    return re.split(r"(?<=[.!?]) (?=[A-Z])", paragraph)[0]


def with_navigation(text: str, written: Iterable[str]) -> str:
    """mkdocs.yml with the pages that were written under `Models`."""
    lines = ["  - Models:\n", "      - All: models/index.md\n"]
    lines += [
        f"      - {name.removesuffix('.md')}: models/{name}\n"
        for name in written
        if name != "index.md"
    ]
    return PART.sub("".join(lines), text, count=1)


def table(head: Sequence[str], body: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table of Markdown."""
    cells = [[cell.replace("|", "\\|") for cell in line] for line in (head, *body)]
    lines = [f"| {' | '.join(line)} |" for line in cells]
    return [lines[0], "|" + "---|" * len(head), *lines[1:]]


if __name__ == "__main__":
    main()
