from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from akitsu.runtime.external_data import uses_external_data


def outside(name="w"):
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[1])
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../secret"
    return tensor


def inside(name="w"):
    return numpy_helper.from_array(np.zeros(1, np.float32), name)


def body(tensor):
    return helper.make_graph([], "body", [], [], initializer=[tensor])


def sparse(tensor):
    return helper.make_sparse_tensor(tensor, numpy_helper.from_array(np.array([0]), "i"), [4])


# Everywhere that onnx.proto3 lets a tensor stand.
PLACES = {
    "an initializer": lambda t: body(t),
    "a constant": lambda t: helper.make_graph(
        [helper.make_node("Constant", [], ["c"], value=t)], "g", [], []
    ),
    "a list of tensors": lambda t: helper.make_graph(
        [helper.make_node("Many", [], ["c"], values=[t])], "g", [], []
    ),
    "a branch": lambda t: helper.make_graph(
        [helper.make_node("If", ["x"], ["y"], then_branch=body(t))], "g", [], []
    ),
    "one of many branches": lambda t: helper.make_graph(
        [helper.make_node("Switch", ["x"], ["y"], branches=[body(t), body(inside())])], "g", [], []
    ),
    "a sparse constant": lambda t: helper.make_graph(
        [helper.make_node("Constant", [], ["c"], sparse_value=sparse(t))], "g", [], []
    ),
    "a list of sparse tensors": lambda t: helper.make_graph(
        [helper.make_node("Many", [], ["c"], values=[sparse(t)])], "g", [], []
    ),
    "a sparse initializer": lambda t: helper.make_graph(
        [], "g", [], [], sparse_initializer=[sparse(t)]
    ),
}


def model_with(graph):
    return helper.make_model(graph)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_tensor_outside_is_found_wherever_it_stands(place):
    assert uses_external_data(model_with(place(outside())).SerializeToString())


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_tensor_inside_is_not_taken_for_one(place):
    assert not uses_external_data(model_with(place(inside("location"))).SerializeToString())


def test_it_is_found_in_a_function_and_in_training_information():
    node = helper.make_node("Constant", [], ["c"], value=outside())
    with_function = model_with(body(inside()))
    with_function.functions.append(helper.make_function("d", "f", [], ["c"], [node], []))
    with_training = model_with(body(inside()))
    with_training.training_info.add().algorithm.CopyFrom(body(outside()))

    assert uses_external_data(with_function.SerializeToString())
    assert uses_external_data(with_training.SerializeToString())


@pytest.mark.parametrize("field", ["external_data", "data_location"])
def test_either_sign_of_it_is_enough(field):
    """Readers differ in which of the two they go by."""
    tensor = outside()
    tensor.ClearField(field)

    assert uses_external_data(model_with(body(tensor)).SerializeToString())


@pytest.mark.parametrize(
    "content", [b"\x3a\x05ab", b"\x08", b"\x0b", b"\xff" * 11, b"\x0d\x00", b"<html>"]
)
def test_broken_bytes_are_a_value_error(content):
    with pytest.raises(ValueError, match=r"cut off|wire type|more than 64 bits"):
        uses_external_data(content)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_answered_or_refused(content):
    try:
        found = uses_external_data(content)
    except ValueError:
        return
    assert found in (True, False)


def test_field_numbers_are_those_of_onnx():
    """The walk would pass over a field whose number it has wrong."""
    numbers = {
        (onnx.ModelProto, "graph"): 7,
        (onnx.ModelProto, "training_info"): 20,
        (onnx.ModelProto, "functions"): 25,
        (onnx.GraphProto, "node"): 1,
        (onnx.GraphProto, "initializer"): 5,
        (onnx.GraphProto, "sparse_initializer"): 15,
        (onnx.TensorProto, "external_data"): 13,
        (onnx.TensorProto, "data_location"): 14,
    }

    for (message, field), number in numbers.items():
        assert message.DESCRIPTOR.fields_by_name[field].number == number
