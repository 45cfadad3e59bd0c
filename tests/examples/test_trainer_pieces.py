"""The pieces that docs/guides/trainer.md shows: each runs, and each is short."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from akitsu.training.batches import ShuffledBatches
from akitsu.training.extensions.log_report import LogReport
from akitsu.training.trainer import Trainer
from akitsu.training.updater import Updater

FOLDER = Path(__file__).parents[2] / "examples/trainer"
GUIDE = Path(__file__).parents[2] / "docs/guides/trainer.md"
PIECES = re.compile(r"# --8<-- \[start:(\w+)\]\n(.*?)# --8<-- \[end:\1\]", re.DOTALL)


def piece(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def trainer(tmp_path):
    torch.manual_seed(0)
    model, inputs = nn.Linear(3, 2), torch.randn(20, 3)

    def make() -> Trainer:
        updater = Updater(
            ShuffledBatches(20, 4, seed=0, fetch=lambda plan: inputs[plan.indices]),
            model,
            torch.optim.SGD(model.parameters(), lr=0.1),
            loss=lambda network, batch: {"loss": F.mse_loss(network(batch), batch[:, :2])},
        )
        return Trainer(updater, stop=(20, "iteration"), out=tmp_path)

    return make


def test_the_extension_reports_and_remembers_the_longest_gradient(trainer):
    kind = piece("own_extension").LongestStep
    ours, resumed, extension = trainer(), trainer(), kind()
    ours.extend(extension)
    ours.extend(LogReport(), trigger=(5, "iteration"))

    ours.run()
    resumed.extend(kind())
    resumed.load_state_dict(ours.state_dict())

    log = ours.extension("LogReport").rows
    assert 0 < log[0]["longest_gradient"] <= log[-1]["longest_gradient"] <= extension.longest
    assert resumed.extension("LongestStep").longest == extension.longest


def test_the_trigger_fires_at_powers_of_two(trainer):
    ours, fired = trainer(), []
    ours.extend(
        lambda trainer: fired.append(trainer.updater.iteration),
        name="note",
        trigger=piece("own_trigger").at_powers_of_two,
    )

    ours.run()

    assert fired == [1, 2, 4, 8, 16]


def test_the_adversarial_updater_learns_to_draw_what_it_was_shown(tmp_path):
    generator = piece("own_updater").trained(1500, tmp_path)

    with torch.inference_mode():
        drawn = generator(torch.randn(4096, 4, generator=torch.Generator().manual_seed(1)))

    assert float(drawn.mean()) == pytest.approx(3.0, abs=0.3)
    assert 0.2 < float(drawn.std()) < 0.8


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.py")), ids=lambda file: file.stem)
def test_each_piece_of_ones_own_is_under_twenty_lines_and_on_the_page(file):
    pieces = dict(PIECES.findall(file.read_text(encoding="utf-8")))
    name = file.stem.removeprefix("own_")

    assert len(pieces[name].splitlines()) < 20
    for each in pieces:
        assert f'--8<-- "examples/trainer/{file.name}:{each}"' in GUIDE.read_text(encoding="utf-8")
