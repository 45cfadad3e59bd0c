"""The verb `check`."""

from __future__ import annotations

import json as json_format
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from akitsu.claims.claim import Claim

EXAMPLE = "akitsu check digit-cnn"
# Where the documentation is made from: in a checkout of akitsu `--all` fills it.
PUBLISHED, OWN = Path("docs/results/claims"), Path("claims")


def check(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Claims; without one, a list.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Check every claim.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Folder for NAME.json and NAME.png; by default claims, and for --all in a "
            "checkout of akitsu docs/results/claims."
        ),
    ] = None,
    without_idea: Annotated[
        bool, typer.Option("--without-idea", help="Take the paper's idea away, and see it fail.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace what is in the --output folder.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Run what a paper claims, in seconds, and print the evidence: figures and a picture.

    The exit code is 0 if every claim holds, and 1 if one does not: that is no mistake of yours.
    """
    from akitsu.errors import RecipeError, require

    require("torch", extra="train", purpose="checking a claim")
    from akitsu.claims.claim import claims, find

    if names and all_:
        raise RecipeError("--all checks every claim", do="name claims, or write --all alone")
    if not names and not all_:
        _list(list(claims().values()), as_json=json)
        return
    chosen = [find(name) for name in dict.fromkeys(names)] if names else list(claims().values())
    folder = output or (PUBLISHED if all_ and not without_idea and PUBLISHED.is_dir() else OWN)
    places = {each.name: folder / _stem(each, without_idea) for each in chosen}
    if output is not None and not force:
        _require_free(list(places.values()))
    documents = []
    for number, each in enumerate(chosen, 1):
        count = f" ({number} of {len(chosen)})" if len(chosen) > 1 else ""
        with _working(f"checking {each.name}{count}"):
            documents.append(_checked(each, places[each.name], idea=not without_idea))
        if not json:
            _show(documents[-1], places[each.name])
    holds = all(document["holds"] for document in documents)
    if json:
        whole = {"holds": holds, "claims": documents}
        typer.echo(json_format.dumps(whole, ensure_ascii=False))
    elif len(documents) > 1:
        failed = [document["claim"] for document in documents if not document["holds"]]
        told = f"; not {', '.join(failed)}" if failed else ""
        typer.echo(f"{len(documents) - len(failed)} of {len(documents)} claims hold{told}.")
    raise typer.Exit(0 if holds else 1)


def _stem(claim: Claim, without_idea: bool) -> str:
    return f"{claim.name}-without-idea" if without_idea else claim.name


def _require_free(places: Sequence[Path]) -> None:
    """Refuse before the work, not after it."""
    from akitsu.files import require_absent

    for place in places:
        require_absent(_with(place, ".json"), _with(place, ".png"))


def _with(place: Path, suffix: str) -> Path:
    return place.with_name(place.name + suffix)


def _checked(claim: Claim, place: Path, *, idea: bool) -> dict[str, Any]:
    """Run one claim and write what came out beside `place`."""
    from time import perf_counter

    import torch

    from akitsu.files import write_json
    from akitsu.recipes.directory import environment
    from akitsu.report.claims import draw_claim
    from akitsu.runtime.threads import available_threads

    torch.set_num_threads(available_threads())
    torch.manual_seed(0)  # the same alone and after others
    started_s = perf_counter()
    evidence = claim.check(idea=idea)
    seconds = perf_counter() - started_s
    draw_claim(_with(place, ".png"), evidence.draw, without="" if idea else claim.idea)
    document = {
        "claim": claim.name,
        **_about(claim),
        "statement": claim.statement,
        "idea": claim.idea,
        "without_idea": not idea,
        "limits": evidence.limits,
        "findings": [finding.to_json() for finding in evidence.findings],
        "holds": evidence.holds,
        "seconds": round(seconds, 1),
        "environment": environment(),
    }
    write_json(_with(place, ".json"), document)
    return document


def _about(claim: Claim) -> dict[str, Any]:
    return {
        "title": claim.title,
        "paper": claim.paper,
        "year": claim.year,
        "models": list(claim.models),
    }


@contextmanager
def _working(text: str) -> Iterator[None]:
    """Say on stderr what is being done: moving on a terminal, one line in a pipe."""
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal:
        with console.status(text):
            yield
        return
    typer.echo(text, err=True)
    yield


def _list(claims: Sequence[Claim], *, as_json: bool) -> None:
    if as_json:
        documents = [{"claim": each.name, **_about(each)} for each in claims]
        typer.echo(json_format.dumps({"claims": documents}, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("claim", "paper", "year", "title")
    for each in claims:
        table.add_row(each.name, escape(each.paper), str(each.year), escape(each.title))
    Console().print(table)


def _show(document: dict[str, Any], place: Path) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from akitsu.report.claims import HEADINGS, rows, source

    typer.echo(f"{document['title']} ({source(document)})\n")
    typer.echo(f"{document['statement']}\n")
    if document["without_idea"]:
        typer.echo(f"Taken away: {document['idea']}.\n")
    table = Table(*HEADINGS)
    for row in rows(document["findings"]):
        style = None if row.holds else "bold red"
        holds = "yes" if row.holds else "NO"
        value = f"{row.value}\n{row.interval}".strip()
        table.add_row(*map(escape, (row.what, value, row.demand)), holds, style=style)
    Console().print(table)
    if document["limits"]:
        typer.echo(f"Not shown: {document['limits']}")
    verdict = "holds" if document["holds"] else "does NOT hold"
    typer.echo(f"{document['claim']} {verdict} ({document['seconds']:.1f} s).")
    typer.echo(f"evidence: {_with(place, '.png')}\n")
