from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from akitsu.errors import TrainingError
from akitsu.training.extensions.dump_graph import DumpGraph
from akitsu.training.extensions.snapshot import Snapshot
from akitsu.training.snapshot import resume


def parsed(path):
    """Labels by node, and arrows as pairs of labels."""
    text = path.read_text(encoding="utf-8")
    labels = dict(re.findall(r'(n\d+) \[label="((?:[^"\\]|\\.)*)"', text))
    arrows = [(labels[a], labels[b]) for a, b in re.findall(r"(n\d+) -> (n\d+)", text)]
    assert text.startswith("digraph")
    assert text.count("{") == text.count("}") == 1
    return labels, arrows


def test_the_graph_shows_operations_and_parameters_in_the_order_of_the_forward_pass(
    trainer, tmp_path
):
    ours = trainer(stop=(2, "iteration"))
    ours.extend(DumpGraph())

    ours.run()

    labels, arrows = parsed(tmp_path / "graph.dot")
    named = [name for name, _ in ours.updater.model.named_parameters()]
    assert [any(label.startswith(name) for label in labels.values()) for name in named] == (
        [True] * len(named)
    )
    assert ("4.bias\\n2", "Addmm\\n4 x 2") in arrows
    assert ("NativeBatchNorm\\n4 x 8", "Relu\\n4 x 8") in arrows
    assert ("LogSoftmax\\n4 x 2", "NllLoss\\nscalar") in arrows


def test_the_table_lists_layers_with_shapes_and_parameters(trainer, tmp_path):
    ours = trainer(stop=(1, "iteration"))
    ours.updater.model[0].requires_grad_(requires_grad=False)
    ours.extend(DumpGraph())

    ours.run()

    lines = (tmp_path / "graph.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split() for line in lines[2:8]] == [
        ["0", "Linear", "4", "x", "8", "56"],
        ["1", "BatchNorm1d", "4", "x", "8", "16"],
        ["2", "ReLU", "4", "x", "8", "0"],
        ["3", "Dropout", "4", "x", "8", "0"],
        ["4", "Linear", "4", "x", "2", "18"],
        ["(network)", "Sequential", "4", "x", "2", "0"],
    ]
    # 90 parameters and 16 running statistics of 4 bytes, one counter of 8.
    assert lines[-1] == "90 parameters, 34 of them learn; 0.00 MB with all buffers"


def test_weights_that_two_layers_share_are_one_node_with_two_arrows(trainer, tmp_path):
    torch.manual_seed(0)
    layer = nn.Linear(6, 6)
    ours = trainer(model=nn.Sequential(layer, layer), stop=(1, "iteration"))
    ours.extend(DumpGraph())

    ours.run()

    labels, arrows = parsed(tmp_path / "graph.dot")
    assert list(labels.values()).count("0.bias\\n6") == 1
    assert [a for a, _ in arrows].count("0.bias\\n6") == 2


def test_training_goes_on_as_if_nothing_had_been_written(trainer):
    def count(trainer):
        hooks.append(sum(len(each._forward_hooks) for each in trainer.updater.model.modules()))

    hooks: list[int] = []
    plain, watched = trainer(stop=(1, "epoch")), trainer(stop=(1, "epoch"))
    watched.extend(DumpGraph())
    watched.extend(count, trigger=(1, "iteration"))

    plain.run()
    watched.run()

    torch.testing.assert_close(
        watched.updater.model.state_dict(), plain.updater.model.state_dict(), rtol=0, atol=0
    )
    assert hooks == [0] * 5


def test_a_resumed_run_does_not_write_it_again(trainer, tmp_path):
    for stop in (2, 4):
        ours = trainer(stop=(stop, "iteration"))
        ours.extend(DumpGraph())
        ours.extend(Snapshot())
        resume(ours, tmp_path / "snapshots")
        ours.run()
        if stop == 2:
            (tmp_path / "graph.dot").unlink()

    assert not (tmp_path / "graph.dot").exists()


def test_of_a_batch_in_parts_one_is_shown(trainer, tmp_path):
    ours = trainer(stop=(1, "iteration"), accumulate=2)
    ours.extend(DumpGraph())

    ours.run()

    text = (tmp_path / "graph.txt").read_text(encoding="utf-8")
    assert text.count("BatchNorm1d  2 x 8") == 1
    assert "Addmm\\n2 x 2" in parsed(tmp_path / "graph.dot")[0].values()


def test_a_quote_in_a_name_does_not_end_it(trainer, tmp_path):
    model = nn.Sequential()
    model.add_module('a"b', nn.Linear(6, 2))
    ours = trainer(model=model, stop=(1, "iteration"))
    ours.extend(DumpGraph())

    ours.run()

    labels, _ = parsed(tmp_path / "graph.dot")
    assert 'a\\"b.bias\\n2' in labels.values()


def test_a_loss_that_there_is_not_is_named_with_the_nearest(trainer):
    ours = trainer()
    ours.extend(DumpGraph("los"))

    with pytest.raises(TrainingError, match=r"^DumpGraph: there is no loss 'los'; write loss\.$"):
        ours.run()
