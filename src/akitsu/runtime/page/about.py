"""What the page says of itself: it does not change while the page stands."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from akitsu.runtime.recognizer import Recognizer
from akitsu.runtime.sources import Source
from akitsu.runtime.tracking import Tracker

FLOOR = 0.05
"""A detection less certain than this is hardly ever one; the page does not ask for it."""


@dataclass(frozen=True)
class About:
    """Whose page it is, and what can be set there.

    Attributes:
        title: Such as the model file's name.
        source: Where the frames come from; without secrets.
        task: "classification", "detection" or "segmentation".
        classes: All names that the model knows.
        only: The class that is looked for alone; None for all.
        threshold: What the robot itself goes by, whatever the page shows; 0 where there is none.
        floor: The lowest threshold that the page can be set to.
        run: Another one each time the program is started, so that a page notices.
    """

    title: str
    source: str
    task: str
    classes: tuple[str, ...]
    only: str | None
    threshold: float
    floor: float
    run: str = field(default_factory=lambda: secrets.token_hex(4))

    @classmethod
    def of(
        cls,
        recognizer: Recognizer,
        source: Source,
        *,
        title: str,
        only: str | None = None,
        score_threshold: float | None = None,
        tracker: Tracker | None = None,
    ) -> About:
        """Of a loop that was begun as `watch` is: all arguments mean the same there."""
        card = recognizer.card
        threshold = card.score_threshold if score_threshold is None else score_threshold
        floor = min(FLOOR, threshold)
        if card.task != "detection":
            threshold = floor = 0.0
        elif tracker is not None:  # it knows nothing of what is less certain
            threshold = floor = tracker.doubtful
        return cls(title, source.name, card.task, card.classes, only, threshold, floor)
