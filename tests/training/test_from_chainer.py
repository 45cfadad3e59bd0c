"""The guide for those who come from Chainer: everything that Chainer trains with has its row."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs/guides/from-chainer.md"
COLUMNS = 4

# The public names of Chainer 7.8.1, its last release, by module.
CHAINER = {
    "chainer.training": """
        Trainer Updater StandardUpdater ParallelUpdater Extension make_extension PRIORITY_WRITER
        PRIORITY_EDITOR PRIORITY_READER get_trigger IntervalTrigger
        """,
    "chainer.training.updaters": "StandardUpdater ParallelUpdater MultiprocessParallelUpdater",
    "chainer.training.triggers": """
        BestValueTrigger EarlyStoppingTrigger IntervalTrigger ManualScheduleTrigger
        MaxValueTrigger MinValueTrigger OnceTrigger TimeTrigger
        """,
    "chainer.training.extensions": """
        DumpGraph Evaluator ExponentialShift FailOnNonNumber InverseShift LinearShift LogReport
        MicroAverage MultistepShift ParameterStatistics PlotReport PolynomialShift PrintReport
        ProgressBar StepShift VariableStatisticsPlot WarmupShift dump_graph observe_lr
        observe_value snapshot snapshot_object unchain_variables
        """,
    "chainer.training.extensions.snapshot_writers": """
        Writer SimpleWriter StandardWriter ThreadWriter ProcessWriter QueueWriter
        ThreadQueueWriter ProcessQueueWriter
        """,
    "chainer.optimizer_hooks": """
        GradientClipping GradientHardClipping GradientLARS GradientNoise Lasso WeightDecay
        """,
    "chainer.reporter": "Reporter get_current_reporter report report_scope Summary DictSummary",
    "chainer.serializers": """
        save_npz load_npz save_hdf5 load_hdf5 DictionarySerializer NpzDeserializer
        HDF5Serializer HDF5Deserializer
        """,
    "chainer": "AbstractSerializer Serializer Deserializer",
}
NAMES = [f"{module}.{name}" for module, names in CHAINER.items() for name in names.split()]


def rows() -> list[list[str]]:
    lines = GUIDE.read_text(encoding="utf-8").splitlines()
    tables = [line for line in lines if line.startswith("| `chainer.")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in tables]


def found(dotted: str) -> Any:
    """What a dotted name stands for: the longest part of it that is a module, then attributes."""
    parts = dotted.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            thing: Any = import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for name in parts[cut:]:
            thing = getattr(thing, name)
        return thing
    raise ModuleNotFoundError(dotted)


def names_of_tests(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def program() -> str:
    (block,) = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text("utf-8"), re.M | re.S)
    return str(block)


def test_every_name_of_chainer_has_one_row():
    named = [row[0].strip("`") for row in rows()]

    assert [name for name in NAMES if named.count(name) != 1] == []


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0].strip("`"))
def test_a_row_names_what_there_is_and_a_test_of_it(row):
    assert len(row) == COLUMNS
    _, akitsu, differs, test = row
    file, _, function = test.strip("`").partition("::")

    assert found(akitsu.strip("`")) is not None
    assert differs
    assert not function or function in names_of_tests(ROOT / "tests" / file)
    assert any(name.startswith("test_") for name in names_of_tests(ROOT / "tests" / file))


def test_a_name_that_there_is_not_would_be_found_out():
    with pytest.raises(AttributeError):
        found("akitsu.training.trainer.Trainer.extent")


def test_the_program_of_the_guide_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    exec(compile(program(), str(GUIDE), "exec"), {})

    log = (tmp_path / "result/log.jsonl").read_text("utf-8").splitlines()
    assert len(log) == 5
    assert (tmp_path / "result/digits.safetensors").is_file()
    assert "validation/main/accuracy" in capsys.readouterr().err
