from __future__ import annotations

import pytest
import torch

from akitsu.training.reporter import Summary, observing, report, scope


def test_scopes_nest_and_end_with_their_block():
    observation = {}

    with observing(observation):
        with scope("validation"), scope("main"):
            report({"accuracy": 0.5})
        report({"seconds": 2.0})

    assert observation == {"validation/main/accuracy": 0.5, "seconds": 2.0}


def test_a_report_that_nobody_collects_is_no_error():
    with scope("main"):
        report({"loss": 1.0})

    observation = {}
    with observing(observation):
        pass
    assert observation == {}


def test_a_tensor_stays_a_tensor_without_its_graph():
    observation = {}
    loss = torch.tensor(2.0, requires_grad=True) * 3

    with observing(observation):
        report({"loss": loss})

    assert isinstance(observation["loss"], torch.Tensor)
    assert not observation["loss"].requires_grad


def test_a_mean_is_over_the_iterations_in_which_the_key_occurred():
    summary = Summary()
    summary.add({"loss": torch.tensor(1.0), "accuracy": 0.5})
    summary.add({"loss": torch.tensor(4.0)})
    summary.add({"loss": torch.tensor(1.0)})

    assert summary.means() == {"loss": 2.0, "accuracy": 0.5}


def test_a_million_small_losses_are_summed_without_loss_of_digits():
    """In float32 the sum of 0.1 goes wrong in the third digit after 2^24 of them."""
    summary = Summary()
    summary.add({"loss": torch.tensor(float(2**24))})
    for _ in range(8):
        summary.add({"loss": torch.tensor(1.0)})

    assert summary.means()["loss"] == (2**24 + 8) / 9


def test_a_half_precision_value_is_no_hindrance():
    summary = Summary()
    summary.add({"loss": torch.tensor(0.5, dtype=torch.bfloat16)})

    assert summary.means() == {"loss": 0.5}


def test_a_saved_summary_goes_on_where_it_was():
    unbroken, resumed = Summary(), Summary()
    unbroken.add({"loss": torch.tensor(0.1), "accuracy": 0.5})
    resumed.load_state_dict(unbroken.state_dict())
    unbroken.add({"loss": torch.tensor(0.7)})
    expected = {"loss": pytest.approx(0.4), "accuracy": 0.5}

    assert unbroken.means() == expected
    assert Summary().means() == {}


def test_a_loaded_summary_adds_nothing_to_the_one_it_came_from():
    first, second = Summary(), Summary()
    first.add({"loss": torch.tensor(1.0)})
    second.load_state_dict(first.state_dict())

    second.add({"loss": torch.tensor(3.0)})

    assert (first.means(), second.means()) == ({"loss": 1.0}, {"loss": 2.0})
