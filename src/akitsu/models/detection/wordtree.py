"""Classes that are kinds of one another: a softmax among siblings, products on the way to a root.

"YOLO9000: Better, Faster, Stronger" (arXiv:1612.08242), section 4. A picture that is labelled "dog"
teaches nothing about breeds, and one labelled "terrier" teaches "dog", too: data sets whose classes
differ in detail can be learned together.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from akitsu.errors import RecipeError

LEAST = 0.5
"""The author's program walks down the tree as long as a class is more likely than not."""


class WordTree(nn.Module):
    """What the outputs of a network mean whose K classes form a tree.

    Args:
        parents: Of each class the index of the one that it is a kind of, -1 for none; a parent
            stands before its children.

    Raises:
        RecipeError: If there is no class, or one stands before its parent.
    """

    parents: Tensor
    group: Tensor
    depth: Tensor

    def __init__(self, parents: Sequence[int]) -> None:
        super().__init__()
        for place, parent in enumerate(parents):
            if not -1 <= parent < place:
                what = f"class {place} is a kind of class {parent}, which does not stand before it"
                do = "write parents before their children, and -1 for a class that has none"
                raise RecipeError(what, where="model.tree", do=do)
        if not parents:
            raise RecipeError("a tree without a class", where="model.tree", do="name its classes")
        depth = [0] * len(parents)
        for place, parent in enumerate(parents):
            depth[place] = depth[parent] + 1 if parent >= 0 else 0
        self.register_buffer("parents", torch.tensor(parents), persistent=False)
        # Siblings have a parent in common; the group of those without one is the first.
        groups = {parent: number for number, parent in enumerate(sorted(set(parents)))}
        group = torch.tensor([groups[parent] for parent in parents])
        self.register_buffer("group", group, persistent=False)
        self.register_buffer("depth", torch.tensor(depth), persistent=False)
        self.groups, self.rounds = len(groups), max(depth).bit_length()

    @classmethod
    def read(cls, path: Path | str) -> tuple[list[str], Self]:
        """The names and the tree of a file with a line for each class: its name, its parent's line.

        Lines count from 0; -1 has no parent.

        Raises:
            RecipeError: If the file cannot be read, or one of its lines is of another kind.
        """
        try:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            do = "name a text file with a class and its parent's line in each line"
            raise RecipeError("this tree cannot be read", where=path, do=do) from error
        names, parents = [], []
        for number, line in enumerate(lines, 1):
            name, _, parent = line.strip().rpartition(" ")
            if not name or not parent.removeprefix("-").isdecimal():
                do = "write a name, a space, and the line (from 0) of its parent or -1"
                raise RecipeError(
                    f"{line!r} is no class of a tree", where=f"{path}:{number}", do=do
                )
            names.append(name.strip())
            parents.append(int(parent))
        try:
            return names, cls(parents)
        except RecipeError as error:
            raise RecipeError(error.what, where=path, do=error.do) from error

    def conditional(self, logits: Tensor) -> Tensor:
        """(..., K) to (..., K): the logarithm of P(class | its parent), a softmax over siblings."""
        group = self.group.expand_as(logits)
        shape = (*logits.shape[:-1], self.groups)
        top = logits.detach().new_full(shape, -torch.inf)
        top = top.scatter_reduce(-1, group, logits.detach(), "amax")
        logits = logits - top.gather(-1, group)
        total = logits.new_zeros(shape).scatter_add(-1, group, logits.exp())
        return logits - total.log().gather(-1, group)

    def log_joint(self, logits: Tensor) -> Tensor:
        """(..., K) to (..., K): the logarithm of P(class), the product of all up to the root."""
        return self._gathered(self.conditional(logits))

    def joint(self, logits: Tensor) -> Tensor:
        """(..., K) to (..., K): P(class); over the leaves they sum to 1."""
        return self.log_joint(logits).exp()

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The negative log-likelihood of labels (M,) under (M, K), the sum of all.

        What lies below a label is not moved: the label says nothing about it.
        """
        return -self.log_joint(logits).gather(-1, labels[:, None]).sum()

    def walked(self, logits: Tensor, *, least: float = LEAST) -> Tensor:
        """(..., K) to (..., K): P of the class at which a walk down the tree ends, else 0.

        The walk takes the likeliest child as long as that is more likely than `least`.
        """
        joint = self.joint(logits)
        group = self.group.expand_as(joint)
        top = joint.new_zeros((*joint.shape[:-1], self.groups))
        top = top.scatter_reduce(-1, group, joint, "amax").gather(-1, group)
        refused = ((joint < top) | (joint <= least)).float()
        reached = self._gathered(refused) == 0
        deepest = torch.where(reached, self.depth + 1, 0)
        last = reached & (deepest == deepest.amax(-1, keepdim=True))
        return joint * last

    def _gathered(self, values: Tensor) -> Tensor:
        """(..., K) to (..., K): the sum over a class and all that it is a kind of."""
        # Each round doubles how far up a class has looked.
        above = self.parents
        for _ in range(self.rounds):
            values = values + torch.where(above >= 0, values[..., above.clamp(min=0)], 0)
            above = torch.where(above >= 0, above[above.clamp(min=0)], -1)
        return values
