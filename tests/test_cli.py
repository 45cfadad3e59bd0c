"""The command itself: quick to answer, and every verb has an example."""

from __future__ import annotations

import pkgutil
import signal
import subprocess
import sys

import pytest

from akitsu import __version__, verbs
from akitsu.cli import FIRST_SPEAKS_WITHIN_S, make_app, run

HEAVY = ("torch", "onnxruntime", "cv2", "pydantic", "matplotlib", "polars", "sklearn", "lightning")
VERBS = sorted(command.name for command in make_app().registered_commands)


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom akitsu.cli import run\n"
        "assert run(['--help']) == 0\n"
        f"print('loaded:', sorted(set(sys.modules) & set({HEAVY!r})))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.rstrip().endswith("loaded: []")
    assert all(verb in done.stdout for verb in VERBS)


def test_the_module_runs_as_the_command_does():
    done = subprocess.run(
        [sys.executable, "-m", "akitsu", "--version"], capture_output=True, text=True, check=True
    )

    assert done.stdout == f"akitsu {__version__}\n"


def test_the_version_is_told_in_one_line(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"akitsu {__version__}\n"


def test_an_unknown_verb_is_a_mistake(capsys):
    assert run(["trian"]) == 2
    assert "trian" in capsys.readouterr().err


def test_an_unknown_option_is_a_mistake(capsys):
    assert run(["train", "digits", "--speed", "9"]) == 2
    assert "--speed" in capsys.readouterr().err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_an_example(verb, capsys):
    assert run([verb, "--help"]) == 0

    shown = capsys.readouterr().out
    assert f"akitsu {verb}" in shown.partition("Example:")[2]


def test_every_file_of_verbs_is_a_verb_or_helps_one():
    files = {module.name.rstrip("_") for module in pkgutil.iter_modules(verbs.__path__)}

    helpers = {
        *(
            "bench_detection",
            "bulk_output",
            "class_maps",
            "dissection",
            "feature_rows",
            "person_finder",
        ),
        *("person_pictures", "shown", "shown_seeds"),
    }
    assert files - set(VERBS) == helpers


def test_a_mistake_is_a_sentence_and_with_debug_a_traceback_too(tmp_path, capsys):
    line = ["doctor", str(tmp_path / "nothing")]

    assert run(line) == 2
    plain = capsys.readouterr().err
    assert run(["--debug", *line]) == 2
    traced = capsys.readouterr().err

    assert "Traceback" not in plain
    assert len(plain.splitlines()) == 1
    assert "Traceback" in traced
    assert traced.endswith(plain)


def test_a_fault_of_ours_asks_for_a_report(monkeypatch, capsys):
    def broken(*_, **__):
        raise KeyError("oops")

    monkeypatch.setattr("akitsu.recipes.recipe.built_in", broken)

    assert run(["recipes"]) == 1

    shown = capsys.readouterr().err
    assert "KeyError" in shown
    assert "please report it" in shown


def test_ctrl_c_is_told_and_no_traceback(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("akitsu.recipes.recipe.built_in", interrupted)

    assert run(["recipes"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, 1),
        ({"RANK": "3"}, 1),  # of something else: nobody counts processes here
        ({"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2"}, 1),
        ({"RANK": "1", "LOCAL_RANK": "0", "WORLD_SIZE": "2"}, 0),
        ({"LOCAL_RANK": "1", "WORLD_SIZE": "2"}, 0),
    ],
)
@pytest.mark.parametrize("command", [["train", "digit"], ["train", "--no-such-option"]])
def test_of_several_processes_with_one_command_line_the_first_says_what_is_wrong_with_it(
    variables, said, command, monkeypatch, capsys
):
    """The others end after it, for torchrun ends all of them as soon as one has ended."""
    waited_s = []
    monkeypatch.setattr("akitsu.cli.time.sleep", waited_s.append)
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert run(command) == 2

    assert bool(capsys.readouterr().err) == bool(said)
    assert waited_s == ([] if said else [FIRST_SPEAKS_WITHIN_S])


def test_ctrl_c_while_python_tidies_up_shows_no_traceback():
    """PyTorch takes a second to go; who presses twice presses into that."""
    code = (
        "import atexit, signal\nfrom akitsu.cli import main\n"
        "atexit.register(signal.raise_signal, signal.SIGINT)\nmain(['--version'])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")
