"""Which of the things seen now is which of those seen before: ByteTrack (arXiv:2110.06864).

Every track predicts where its box will be. Sure detections are given to the tracks that they
overlap most; then the doubtful ones to the tracks that are left: somebody half hidden is a doubtful
detection, and stays who he was. Only a sure detection begins a track, and only one that is seen
again at once is told of.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from akitsu.runtime.assignment import cheapest_pairs
from akitsu.runtime.card import ModelCard
from akitsu.runtime.results import Detections
from akitsu.runtime.suppression import box_iou

SURE_IOU, DOUBTFUL_IOU, NEW_IOU = 0.2, 0.5, 0.3
"""What a track and its detection must overlap by: a sure one, a doubtful one, and a sure one where
the track has been seen once only (section 3 of the paper and its code)."""

POSITION, VELOCITY = 1 / 20, 1 / 160
"""Standard deviations a frame, as a share of the box's height (Wojke et al., arXiv:1703.07402)."""

NOT_TO_BE = 1e3
"""The cost of a pair that may not be."""

Boxes = NDArray[np.float64]


class Tracker:
    """Gives detections numbers that stay; call `update` once a frame.

    Args:
        sure: Detections from this score on begin tracks.
        doubtful: Below this score they are passed over.
        patience: For so many frames a track that nothing is seen of is still looked for.

    Attributes:
        doubtful: As given; ask the recognizer for detections from here on.
    """

    def __init__(self, *, sure: float = 0.4, doubtful: float = 0.1, patience: int = 30) -> None:
        self.sure, self.doubtful, self.patience = sure, doubtful, patience
        self._tracks: list[_Track] = []
        self._last_id = 0

    def update(
        self, found: Detections, *, frame_hw: tuple[int, int], frames: int = 1
    ) -> Detections:
        """Tell who is who.

        Args:
            found: What was detected in the newest frame, from the score `doubtful` on.
            frame_hw: Rows and columns of the frame, which the boxes are clipped to.
            frames: How many frames on it is, dropped ones included, 1 or more.

        Returns:
            Those that belong to a track, best first, with `ids`; their boxes are the tracks' own,
            which tremble less.
        """
        for track in self._tracks:
            track.predict(min(frames, self.patience + 1))
        boxes = found.boxes.astype(np.float64)
        sure = np.flatnonzero(found.scores >= self.sure)
        is_doubtful = (found.scores >= self.doubtful) & (found.scores < self.sure)
        known = [track for track in self._tracks if track.is_known]
        seen_once = [track for track in self._tracks if not track.is_known]

        owners: dict[int, _Track] = {}
        left, waiting = self._give(known, sure, found, boxes, SURE_IOU, owners)
        # Who was not seen a moment ago either is not behind a doubtful box.
        recent = [track for track in waiting if track.missed <= frames]
        self._give(recent, np.flatnonzero(is_doubtful), found, boxes, DOUBTFUL_IOU, owners)
        left, vanished = self._give(seen_once, left, found, boxes, NEW_IOU, owners)
        for index in left:
            track = _Track(boxes[index], int(found.labels[index]))
            self._tracks.append(track)
            # In the first frame of all there is nobody that it could be mistaken for.
            if self._last_id == 0 and not known and not seen_once:
                owners[index], track.is_known = track, True
        gone = {id(track) for track in vanished}
        self._tracks = [
            track
            for track in self._tracks
            if track.missed <= self.patience and id(track) not in gone
        ]
        return self._told(found, owners, frame_hw)

    def _give(
        self,
        tracks: Sequence[_Track],
        indices: NDArray[np.intp],
        found: Detections,
        boxes: Boxes,
        least_iou: float,
        owners: dict[int, _Track],
    ) -> tuple[NDArray[np.intp], list[_Track]]:
        """Give detections to tracks; returns the detections and tracks that are left."""
        if not len(tracks) or not len(indices):
            return indices, list(tracks)
        overlaps = box_iou([track.box for track in tracks], boxes[indices])
        alike = np.array([track.label for track in tracks])[:, None] == found.labels[indices]
        costs = np.where(alike & (overlaps >= least_iou), 1 - overlaps, NOT_TO_BE)
        pairs = [(row, column) for row, column in cheapest_pairs(costs) if costs[row, column] <= 1]
        for row, column in pairs:
            tracks[row].correct(boxes[indices[column]])
            owners[int(indices[column])] = tracks[row]
        rows, columns = {row for row, _ in pairs}, {column for _, column in pairs}
        return (
            np.array([i for at, i in enumerate(indices) if at not in columns], np.intp),
            [track for at, track in enumerate(tracks) if at not in rows],
        )

    def _told(
        self, found: Detections, owners: dict[int, _Track], frame_hw: tuple[int, int]
    ) -> Detections:
        order = sorted(owners)
        for index in order:
            if not owners[index].number:
                self._last_id += 1
                owners[index].number = self._last_id
        boxes = np.array([owners[index].box for index in order], np.float32).reshape(-1, 4)
        boxes = boxes.clip(0, np.array([*frame_hw[::-1]] * 2, np.float32))
        ids = np.array([owners[index].number for index in order], np.int64)
        return Detections(found.classes, boxes, found.scores[order], found.labels[order], ids)


def tracker_for(card: ModelCard, *, score_threshold: float | None = None) -> Tracker:
    """A tracker for a model's detections: sure from the threshold on, doubtful from half of it on.

    Args:
        card: Of the detector.
        score_threshold: None takes the card's.
    """
    sure = card.score_threshold if score_threshold is None else score_threshold
    return Tracker(sure=sure, doubtful=sure / 2)


class _Track:
    """One thing: where it is and how fast it changes, each of its four numbers for itself.

    A Kalman filter of constant velocity for centre x, centre y, width and height. All four share
    their covariance, since all uncertainties are a share of the height.
    """

    def __init__(self, box: Boxes, label: int) -> None:
        self.label, self.number, self.missed, self.is_known = label, 0, 0, False
        self._mean = np.stack([_measured(box), np.zeros(4)])
        height = self._height
        self._covariance = np.diag([(2 * POSITION * height) ** 2, (10 * VELOCITY * height) ** 2])

    @property
    def box(self) -> Boxes:
        """(4,) XYXY."""
        x, y, width, height = self._mean[0]
        half = np.array([max(width, 0.0), max(height, 0.0)]) / 2
        return np.concatenate([np.array([x, y]) - half, np.array([x, y]) + half])

    @property
    def _height(self) -> float:
        return max(1.0, float(self._mean[0, 3]))

    def predict(self, frames: int) -> None:
        """So many frames go by."""
        self.missed += frames
        for _ in range(frames):
            height = self._height
            step = np.array([[1.0, 1.0], [0.0, 1.0]])
            noise = np.diag([(POSITION * height) ** 2, (VELOCITY * height) ** 2])
            self._mean = step @ self._mean
            self._covariance = step @ self._covariance @ step.T + noise

    def correct(self, box: Boxes) -> None:
        """It was seen here."""
        uncertainty = self._covariance[0, 0] + (POSITION * self._height) ** 2
        gain = self._covariance[:, :1] / uncertainty
        self._mean = self._mean + gain * (_measured(box) - self._mean[0])
        self._covariance = self._covariance - gain @ self._covariance[:1]
        # Seen for the second time: from now on it is told of.
        self.is_known, self.missed = True, 0


def _measured(box: Boxes) -> Boxes:
    """(4,) XYXY to centre, width and height."""
    return np.concatenate([(box[:2] + box[2:]) / 2, box[2:] - box[:2]])
