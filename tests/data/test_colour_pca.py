"""Colours that move along their set's principal components."""

from __future__ import annotations

import pytest
import torch

from akitsu.data.augment import Chance
from akitsu.data.colour_pca import principal_colours, shift_colours
from akitsu.errors import ShapeError


def coloured():
    """(8, 3, 16, 16): channels that vary together, and unequally."""
    generator = torch.Generator().manual_seed(0)
    mixing = torch.tensor([[50.0, 40, 30], [0, 20, 10], [0, 0, 8]])
    pixels = torch.randn(8 * 256, 3, generator=generator) @ mixing
    return pixels.reshape(8, 16, 16, 3).permute(0, 3, 1, 2)


def covariance(images):
    return torch.cov(images.transpose(0, 1).flatten(1).double(), correction=0).float()


def test_the_directions_make_up_the_covariance_of_the_channels():
    colours = principal_colours(coloured())

    torch.testing.assert_close(colours.T @ colours, covariance(coloured()), rtol=1e-4, atol=1e-2)


def test_the_directions_stand_at_right_angles_and_the_longest_is_last():
    colours = principal_colours(coloured())

    lengths = (colours @ colours.T).diagonal()
    torch.testing.assert_close(colours @ colours.T, torch.diag(lengths), rtol=0, atol=0.05)
    assert lengths.tolist() == sorted(lengths.tolist())


def test_a_single_grey_channel_has_its_deviation():
    images = torch.tensor([10, 30], dtype=torch.uint8).reshape(2, 1, 1, 1)

    assert principal_colours(images).abs().tolist() == [[10.0]]


def test_the_shifts_of_many_pictures_have_a_hundredth_of_the_pixels_covariance():
    colours, black = principal_colours(coloured()), torch.zeros(20_000, 3, 1, 1)
    chance = Chance(torch.Generator().manual_seed(1), len(black))

    shifts = shift_colours(black, colours, chance=chance).flatten(1)

    wanted = 0.01 * covariance(coloured())
    assert (torch.cov(shifts.T) - wanted).abs().max() < 0.03 * wanted.max()


def test_all_pixels_of_a_picture_move_by_one_colour():
    images, chance = coloured(), Chance(torch.Generator().manual_seed(1), 8)

    moves = shift_colours(images, principal_colours(images), chance=chance) - images

    torch.testing.assert_close(moves, moves[:, :, :1, :1].expand_as(moves), rtol=0, atol=1e-4)
    assert len(moves[:, 0, 0, 0].unique()) == 8


def test_without_deviation_nothing_changes():
    images, chance = coloured(), Chance(torch.Generator().manual_seed(1), 8)

    given = shift_colours(images, principal_colours(images), chance=chance, deviation=0.0)

    assert torch.equal(given, images)


def test_pictures_without_a_batch_are_refused():
    with pytest.raises(ShapeError, match=r"images have shape \(3, 4, 4\); pass \(B, C, H, W\)"):
        principal_colours(torch.zeros(3, 4, 4))
