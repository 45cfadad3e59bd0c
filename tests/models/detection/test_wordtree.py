"""A tree of classes: probabilities on paper, gradients, and files of trees."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from akitsu.errors import RecipeError
from akitsu.models.detection.wordtree import WordTree

#  0 animal, 1 thing; 2 dog, 3 cat (animals); 4 terrier, 5 collie (dogs); 6 cup (a thing)
PARENTS = [-1, -1, 0, 0, 2, 2, 1]
LEAVES = [3, 4, 5, 6]
TERRIER, DOG, CUP = 4, 2, 6


@st.composite
def trees(draw):
    n = draw(st.integers(1, 30))
    return [draw(st.integers(-1, place - 1)) for place in range(n)]


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 3


def by_loops(parents, logits):
    """P of every class of one picture, straight from the definition."""
    found = []
    for place, parent in enumerate(parents):
        siblings = [other for other, its in enumerate(parents) if its == parent]
        share = logits[siblings].softmax(0)[siblings.index(place)].item()
        found.append(share * (found[parent] if parent >= 0 else 1))
    return found


@given(trees(), st.integers(0, 1000))
def test_each_probability_is_the_product_of_the_shares_among_siblings(parents, seed):
    logits = noise(len(parents), seed=seed)

    joint = WordTree(parents).joint(logits[None, None])

    assert joint.shape == (1, 1, len(parents))
    assert joint.flatten().tolist() == pytest.approx(by_loops(parents, logits), abs=1e-5)
    leaves = sorted(set(range(len(parents))) - set(parents))
    assert joint[0, 0, leaves].sum().item() == pytest.approx(1, abs=1e-5)


def test_one_flat_group_is_the_softmax_and_its_cross_entropy():
    logits, labels = noise(4, 6), torch.tensor([0, 5, 2, 2])
    flat = WordTree([-1] * 6)

    torch.testing.assert_close(flat.joint(logits), logits.softmax(-1))
    wanted = F.cross_entropy(logits, labels, reduction="sum")
    torch.testing.assert_close(flat.loss(logits, labels), wanted)


def test_a_label_teaches_what_it_is_a_kind_of_and_nothing_below_it():
    logits = noise(1, 7).requires_grad_()

    WordTree(PARENTS).loss(logits, torch.tensor([DOG])).backward()

    assert logits.grad[0].nonzero()[:, 0].tolist() == [0, 1, 2, 3]


def test_large_numbers_stay_numbers():
    logits = torch.tensor([[1e4, -1e4, 0, 1e4, -1e4, 1e4, 0.0]], requires_grad=True)
    tree = WordTree(PARENTS)

    tree.loss(logits, torch.tensor([TERRIER])).backward()

    assert tree.joint(logits).isfinite().all()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize(
    ("shares", "ends"),
    [
        ({0: 0.9, 2: 0.9, 4: 0.9}, TERRIER),
        ({0: 0.9, 2: 0.9, 4: 0.55}, DOG),  # either of two breeds: 0.45
        ({0: 0.9, 2: 0.5, 4: 0.99}, 0),
        ({0: 0.4, 2: 0.99, 4: 0.99}, CUP),
    ],
)
def test_the_walk_goes_down_as_long_as_a_class_is_likelier_than_not(shares, ends):
    """Each is the share among two siblings; those of the cup, an only child, are 1."""
    logits = torch.zeros(7)
    for place, share in shares.items():
        logits[place] = torch.tensor(share).logit()

    walked = WordTree(PARENTS).walked(logits)

    assert walked.nonzero()[:, 0].tolist() == [ends]
    torch.testing.assert_close(walked[ends], WordTree(PARENTS).joint(logits)[ends])


def test_a_walk_without_any_likely_root_ends_nowhere():
    assert not WordTree([-1, -1, -1]).walked(torch.zeros(3)).any()


def test_a_file_gives_names_and_tree(tmp_path):
    path = tmp_path / "9k.tree"
    path.write_text("physical object -1\nwhole 0\n  dog 1\ncat 1\n")

    names, tree = WordTree.read(path)

    assert names == ["physical object", "whole", "dog", "cat"]
    assert tree.parents.tolist() == [-1, 0, 1, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"dog -1\nterrier\n", r"9k.tree:2: 'terrier' is no class of a tree; write a name"),
        (b"dog -1\nterrier one\n", r"9k.tree:2: 'terrier one' is no class"),
        (b"dog -1\nterrier 1\n", r"9k.tree: class 1 is a kind of class 1, .* before it; write"),
        (b"dog -2\n", r"9k.tree: class 0 is a kind of class -2"),
        (b"", r"a tree without a class; name its classes"),
        (b"\xff\xfe", r"9k.tree: this tree cannot be read; name a text file"),
    ],
)
def test_a_hostile_file_is_named_and_explained(tmp_path, text, message):
    path = tmp_path / "9k.tree"
    path.write_bytes(text)

    with pytest.raises(RecipeError, match=message):
        WordTree.read(path)


def test_a_file_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(RecipeError, match=r"none.tree: this tree cannot be read"):
        WordTree.read(tmp_path / "none.tree")
