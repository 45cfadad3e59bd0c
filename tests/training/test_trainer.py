from __future__ import annotations

import signal

import pytest

from akitsu.errors import RecipeError, TrainingError
from akitsu.training.extension import Extension, Priority
from akitsu.training.extensions.log_report import LogReport
from akitsu.training.extensions.snapshot import Snapshot
from akitsu.training.interrupts import TerminatedError
from akitsu.training.triggers import IntervalTrigger, OnceTrigger

from .conftest import tiny_loss


class Diary(Extension):
    """Writes down what the trainer calls."""

    def __init__(self, *, at_end: bool = False):
        self.lines: list[str] = []
        self.at_end = at_end

    def initialize(self, trainer):
        self.lines.append("initialize")

    def __call__(self, trainer):
        self.lines.append(f"call {trainer.updater.iteration}")

    def finalize(self, trainer):
        self.lines.append("finalize")


def raises(number: int, *, at: int):
    """A loss during which a signal arrives, in the given iteration."""
    calls = iter(range(1, 100))

    def loss(model, batch):
        if next(calls) == at:
            signal.raise_signal(number)
        return tiny_loss(model, batch)

    return loss


@pytest.mark.parametrize(("stop", "last"), [((3, "epoch"), 15), ((7, "iteration"), 7)])
def test_training_ends_where_it_was_told_to(trainer, stop, last):
    ours = trainer(stop=stop)

    ours.run()

    assert (ours.updater.iteration, ours.last_iteration) == (last, last)


def test_half_an_epoch_ends_with_the_batch_that_fills_it(trainer):
    """Epochs are of five batches here."""
    assert trainer(stop=(2.5, "epoch")).last_iteration == 13
    assert trainer(stop=(0.1, "epoch")).last_iteration == 1


@pytest.mark.parametrize("stop", [(0, "epoch"), (3, "hours"), (3.5, "iteration"), 3])
def test_an_end_that_is_none_is_refused(trainer, stop):
    with pytest.raises(RecipeError, match=r"stop: .* says no moment"):
        trainer(stop=stop)


def test_extensions_that_are_due_together_act_by_priority(trainer):
    ours, order = trainer(stop=(1, "iteration")), []
    for priority in (Priority.KEEPER, Priority.WRITER, Priority.READER, 150):
        ours.extend(
            lambda trainer, priority=priority: order.append(int(priority)),
            name=str(priority),
            trigger=(1, "iteration"),
            priority=priority,
        )

    ours.run()

    assert order == [300, 150, 100, 0]


def test_what_a_writer_reports_is_observed_by_those_after_it(trainer):
    ours, seen = trainer(stop=(1, "iteration")), []
    ours.extend(lambda trainer: seen.extend(trainer.observation), name="last", trigger=(1, "epoch"))
    ours.extend(
        lambda trainer: seen.extend(trainer.observation), name="read", trigger=(1, "iteration")
    )

    ours.run()

    assert seen == ["main/accuracy", "main/loss"]


def test_at_end_acts_once_in_the_last_iteration_and_others_do_not(trainer):
    ours, once, never, due = trainer(stop=(7, "iteration")), Diary(at_end=True), Diary(), None
    due = Diary(at_end=True)
    ours.extend(once, name="once")
    ours.extend(never, name="never")
    ours.extend(due, name="due", trigger=(7, "iteration"))

    ours.run()

    assert once.lines == ["initialize", "call 5", "call 7", "finalize"]
    assert never.lines == ["initialize", "call 5", "finalize"]
    assert due.lines == ["initialize", "call 7", "finalize"]


def test_all_extensions_are_finalized_when_one_fails(trainer):
    ours, first, last = trainer(), Diary(), Diary()

    def fail(trainer):
        raise ValueError("planted")

    ours.extend(first, name="first", priority=200)
    ours.extend(fail, priority=150, trigger=(2, "iteration"))
    ours.extend(last, name="last")

    with pytest.raises(ValueError, match="planted"):
        ours.run()
    assert first.lines[-1] == last.lines[-1] == "finalize"


def test_an_extension_sees_the_error_before_it_is_finalized(trainer):
    class Watcher(Diary):
        def on_error(self, trainer, error):
            self.lines.append(f"{type(error).__name__} in iteration {trainer.updater.iteration}")

    def fail(trainer):
        raise ValueError("planted")

    ours, watcher = trainer(), Watcher()
    ours.extend(watcher)
    ours.extend(fail, trigger=(2, "iteration"))

    with pytest.raises(ValueError, match="planted"):
        ours.run()

    assert watcher.lines == ["initialize", "ValueError in iteration 2", "finalize"]


def test_before_training_acts_once_and_not_after_a_resume(trainer):
    first, again = trainer(stop=(2, "iteration")), trainer(stop=(4, "iteration"))
    diaries = Diary(), Diary()
    first.extend(diaries[0], before_training=True, trigger=(2, "iteration"))
    again.extend(diaries[1], before_training=True, trigger=(2, "iteration"))

    first.run()
    again.load_state_dict(first.state_dict())
    again.run()

    assert diaries[0].lines == ["initialize", "call 0", "call 2", "finalize"]
    assert diaries[1].lines == ["initialize", "call 4", "finalize"]


def test_a_stopped_training_ends_after_its_iteration_and_stays_ended(trainer):
    ours, resumed, last = trainer(), trainer(), Diary(at_end=True)
    ours.extend(lambda trainer: trainer.stop("enough"), name="end", trigger=(3, "iteration"))
    ours.extend(last, priority=Priority.KEEPER)

    ours.run()
    resumed.load_state_dict(ours.state_dict())
    resumed.run()

    assert (ours.updater.iteration, ours.stopped, ours.finished) == (3, "enough", True)
    assert last.lines == ["initialize", "call 3", "finalize"]
    assert (resumed.updater.iteration, resumed.stopped) == (3, "enough")


def test_the_state_of_a_trigger_is_saved_with_its_extension(trainer):
    ours, resumed = trainer(stop=(2, "iteration")), trainer(stop=(4, "iteration"))
    diaries = Diary(), Diary()
    for each, diary in zip((ours, resumed), diaries, strict=True):
        each.extend(diary, trigger=OnceTrigger())

    ours.run()
    resumed.load_state_dict(ours.state_dict())
    resumed.run()

    assert diaries[0].lines == ["initialize", "call 1", "finalize"]
    assert diaries[1].lines == ["initialize", "finalize"]


@pytest.mark.parametrize(
    ("number", "kind"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, TerminatedError)]
)
def test_a_signal_waits_for_the_iteration_and_its_snapshot(trainer, tmp_path, number, kind):
    ours = trainer(loss=raises(number, at=3))
    ours.extend(Snapshot())

    with pytest.raises(kind):
        ours.run()

    assert [path.name for path in (tmp_path / "snapshots").iterdir()] == ["3.pt"]


def test_a_signal_in_the_last_iteration_is_not_lost(trainer):
    with pytest.raises(KeyboardInterrupt):
        trainer(stop=(3, "iteration"), loss=raises(signal.SIGINT, at=3)).run()


def test_sigterm_ends_a_program_with_143():
    assert TerminatedError().code == 143


def test_the_signal_handlers_are_put_back(trainer):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        trainer(loss=raises(signal.SIGINT, at=1)).run()

    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_second_signal_interrupts_at_once_and_saves_no_half_update(trainer, tmp_path):
    def loss(model, batch):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        return tiny_loss(model, batch)

    ours = trainer(loss=loss)
    ours.extend(Snapshot())

    with pytest.raises(KeyboardInterrupt):
        ours.run()
    assert ours.updater.iteration == 0
    assert not (tmp_path / "snapshots").exists()


def test_a_plain_function_is_saved_and_found_by_its_name(trainer):
    def shout(trainer):
        raise AssertionError

    ours = trainer()
    ours.extend(shout)

    assert list(ours.state_dict()["extensions"]) == ["shout"]


def test_a_trigger_may_be_an_object(trainer):
    ours, diary = trainer(stop=(6, "iteration")), Diary()
    ours.extend(diary, trigger=IntervalTrigger(4, "iteration"))

    ours.run()

    assert diary.lines == ["initialize", "call 4", "finalize"]


def test_two_extensions_of_one_name_are_refused(trainer):
    ours = trainer()
    ours.extend(LogReport())

    with pytest.raises(TrainingError, match="two extensions are called LogReport; give one"):
        ours.extend(LogReport())


def test_a_misspelt_extension_is_answered_with_the_nearest(trainer):
    ours = trainer()
    ours.extend(LogReport())

    with pytest.raises(TrainingError, match="there is no extension LogReprot; write LogReport"):
        ours.extension("LogReprot")


def test_the_clock_goes_on_after_a_resume_and_stands_still_between_runs(trainer):
    ours, resumed = trainer(stop=(1, "iteration")), trainer()
    ours.run()
    resumed.load_state_dict(ours.state_dict())

    assert ours.elapsed_s == ours.elapsed_s == resumed.elapsed_s > 0
