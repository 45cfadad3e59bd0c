"""The verb `demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "akitsu demo"


def demo(
    out: Annotated[Path, typer.Option(help="The folder for everything that it makes.")] = Path(
        "demo"
    ),
    force: Annotated[bool, typer.Option("--force", help="Replace what is in the folder.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """The whole way on data that akitsu draws itself: what, where, shape; offline, in minutes."""
    import json as json_format

    from akitsu.errors import require

    require("torch", extra="train", purpose="the demo's training")
    from rich.console import Console
    from rich.table import Table

    from akitsu.files import whole_folder
    from akitsu.recipes.demo import tour
    from akitsu.scores.table import title

    console = Console(stderr=True)

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    with whole_folder(out, force=force) as folder:
        made = tour(folder, say=say)
    if json:
        scores = {
            chapter.folder.name: {
                "metric": chapter.metric,
                **chapter.score.to_json(),
                "seconds": round(chapter.seconds, 1),
            }
            for chapter in made.chapters
        }
        document = {"scores": scores, "watched": made.watched, "seconds": round(made.seconds, 1)}
        typer.echo(json_format.dumps(document))
        return
    table = Table("question", "score on held-out pictures", "value", "95 % interval", "seconds")
    for chapter in made.chapters:
        value, _, interval = str(chapter.score).partition(" (")
        table.add_row(
            chapter.question,
            title(chapter.metric),
            value,
            interval.rstrip(")"),
            f"{chapter.seconds:.0f}",
        )
    printer = Console()
    printer.print(table)
    lines = [
        f"The film: {made.watched['frames']} frames at {made.watched['median_latency_ms']:.1f} ms "
        f"each, {made.watched['objects']} digits found; see {out / 'seen.mp4'}",
        *(f"Picture: {out / chapter.picture.name}" for chapter in made.chapters),
        f"Kaggle-style submission: {out / made.submission.name}",
        f"All of it on one page: {out / made.page.name}",
        f"Whole demo: {made.seconds:.0f} s",
    ]
    printer.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
