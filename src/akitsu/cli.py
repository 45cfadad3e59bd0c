"""The command `akitsu`: it gathers the verbs, and turns errors into a sentence and an exit code."""

from __future__ import annotations

import importlib
import os
import pkgutil
import signal
import sys
import time
import traceback
from typing import Any

import typer

from akitsu import verbs
from akitsu.errors import AkitsuError

DONE, FAULT, MISTAKE, INTERRUPTED = 0, 1, 2, 130
# A wrong command line. Newer typers carry a click of their own, whose errors are not those of an
# installed click; BadParameter, which both export, leads to the right family.
CommandLineError: Any = typer.BadParameter.__mro__[2]
FIRST_SPEAKS_WITHIN_S = 20.0
"""Processes that started together meet the same mistake within so long, on a busy machine too."""


def make_app() -> typer.Typer:
    """All verbs of `akitsu.verbs`, each a function named like its file.

    A verb that is a word of Python has an underscore behind its name there, as `import_`.
    """
    app = typer.Typer(
        name="akitsu",
        help="From labelled pictures to the robot: what is it, where is it, what shape is it.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for module_info in pkgutil.iter_modules(verbs.__path__):
        module = importlib.import_module(f"{verbs.__name__}.{module_info.name}")
        verb = getattr(module, module_info.name, None)
        if verb is None:
            continue
        example = getattr(module, "EXAMPLE", "")
        app.command(
            name=module_info.name.rstrip("_"),
            help=_help(verb.__doc__ or "", example),
            short_help=(verb.__doc__ or "").strip().partition("\n")[0],
        )(verb)
    return app


def _help(text: str, example: str) -> str:
    return f"{text}\n\nExample: `{example}`" if example else text


def _print_version(wanted: bool) -> None:
    if wanted:
        from akitsu import __version__

        typer.echo(f"akitsu {__version__}")
        raise typer.Exit


def _options(
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of a mistake too."),
    version: bool = typer.Option(
        False,
        "--version",
        help="Print the version and stop.",
        is_eager=True,  # it stands alone: no verb is asked for
        callback=_print_version,
    ),
) -> None:
    del debug  # run() looks for it: a mistake can be made before this function is called
    del version


def main(arguments: list[str] | None = None) -> None:
    """Run one command line; the exit code is 0, 1 (a fault), 2 (a mistake) or 130 (Ctrl-C)."""
    given = sys.argv[1:] if arguments is None else arguments
    code = run(given)
    # All is said and written. A second Ctrl-C ends what Python still tidies up, and shows no
    # traceback of it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """The same, with the exit code given back."""
    command = typer.main.get_command(make_app())
    debug = "--debug" in arguments[:1]
    try:
        code: Any = command.main(arguments, prog_name="akitsu", standalone_mode=False)
    except AkitsuError as error:
        if debug:
            traceback.print_exc()
        _say(str(error))
        _let_the_first_speak()
        return MISTAKE
    except CommandLineError as error:
        if not _is_an_echo():
            error.show()
        _let_the_first_speak()
        return MISTAKE
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception:
        traceback.print_exc()
        _say("this is a fault of akitsu, not of yours: please report it with the lines above")
        return FAULT
    if code == INTERRUPTED:  # typer may have caught the Ctrl-C and made this number of it
        _say("interrupted")
    return code if isinstance(code, int) else DONE


def _say(text: str) -> None:
    if not _is_an_echo():
        typer.echo(text, err=True)


def _let_the_first_speak() -> None:
    """torchrun kills every process when one ends: none may end before the one that speaks.

    As soon as that one has ended this one is killed, too; elsewhere it ends by itself.
    """
    if _is_an_echo():
        time.sleep(FIRST_SPEAKS_WITHIN_S)


def _is_an_echo() -> bool:
    """Whether the first of several processes with this command line says the same.

    Once they train together, `akitsu.training.processes.one_voice` knows which of them speaks.
    """
    number = os.environ.get("RANK") or os.environ.get("LOCAL_RANK") or "0"
    if "WORLD_SIZE" not in os.environ or number == "0":
        return False
    torch = sys.modules.get("torch")
    return torch is None or not torch.distributed.is_initialized()
