"""A study: the trials of a search, in a store that many workers share (Optuna's)."""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from akitsu.errors import OutputError, require
from akitsu.recipes.recipe import Recipe
from akitsu.recipes.search_space import SearchSpace

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

JOURNAL = "study.journal"
TRIALS = "trials"
LOCK = ".study.lock"
NAME = "akitsu"  # in a journal, which keeps one study; its folder may be moved
# What the store knows of a study beside its trials.
RECIPE, SPACE = "recipe", "space"
# A trial that takes its worker with it (out of memory, say) shall not take all of them.
MOST_STARTS = 3
# The median of fewer finished trials says little; the first score of a run says little as well.
TRIALS_BEFORE_PRUNING, EVALUATIONS_BEFORE_PRUNING = 5, 2
FEWEST_FOR_IMPORTANCE = 4


@contextmanager
def claim(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Hold a lock that the operating system takes back when the process dies, however it dies.

    Args:
        path: The lock's file; it is made.
        wait: Whether to wait for another who holds it.

    Yields:
        Whether this process holds the lock.

    Raises:
        OutputError: If the place cannot be written, or knows no locks.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a", encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or "cannot be written").lower()
        raise OutputError(reason, where=path.parent, do="choose another --out") from error
    with file:
        try:
            # Of this open file, not of the process: two threads exclude each other as well.
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        except OSError as error:
            what = "this file system knows no locks"
            raise OutputError(what, where=path.parent, do="choose another --out") from error
        try:
            yield True
        finally:
            # Closing alone would leave it with the processes that were forked in between.
            fcntl.flock(file, fcntl.LOCK_UN)


class SharedStudy:
    """One study, opened by one of its workers.

    Args:
        out: The study's folder; where a journal keeps the study, all workers share it.
        recipe: What is tuned.
        space: What is tried.
        storage: The URL of a database; None: a journal in `out`.
        anew: Throw away a study of this name that is in the store.

    Attributes:
        optuna: Optuna's study.

    Raises:
        OutputError: If the store cannot be opened, or holds another study under this name.
    """

    def __init__(
        self,
        out: Path,
        *,
        recipe: Recipe,
        space: SearchSpace,
        storage: str | None = None,
        anew: bool = False,
    ) -> None:
        require("optuna", extra="tune", purpose="a search")
        self.out, self.recipe, self.space = out, recipe, space
        self._has_journal = storage is None
        with claim(out / LOCK, wait=True):
            self.optuna = _from_database(out, storage, anew) if storage else _from_journal(out)
            self._require_same()

    def trials(self) -> list[FrozenTrial]:
        """All trials as the store knows them now, by number."""
        return self.optuna.get_trials(deepcopy=False)

    @contextmanager
    def next_trial(self, trials: int) -> Iterator[Trial | None]:
        """Hold a trial that is to be run: one whose worker is gone, or a new one.

        Args:
            trials: How many the study shall have, those of all workers together.

        Yields:
            The trial, or None if there is nothing left to begin.
        """
        with ExitStack() as stack:
            with claim(self.out / LOCK, wait=True):
                trial = self._abandoned(trials, stack) or self._new(trials, stack)
            yield trial

    def _abandoned(self, trials: int, stack: ExitStack) -> Trial | None:
        """A running trial that nobody runs: its lock is free, though it has not ended."""
        from optuna.trial import Trial

        for frozen in self.trials()[:trials]:
            lock = self._lock(frozen.number)
            # Workers that share a database alone have their locks in other folders.
            seen = self._has_journal or lock.exists()
            if _is_running(frozen) and seen and stack.enter_context(claim(lock)):
                if not _is_running(self.trials()[frozen.number]):
                    continue  # it ended between the two looks
                trial = Trial(self.optuna, frozen._trial_id)
                starts = frozen.user_attrs.get("starts", 0)
                if starts < MOST_STARTS:
                    trial.set_user_attr("starts", starts + 1)
                    return trial
                self.fail(trial, f"its worker died {starts} times, perhaps for want of memory")
        return None

    def _new(self, trials: int, stack: ExitStack) -> Trial | None:
        known = self.trials()
        if len(known) >= trials and not any(map(_is_waiting, known[:trials])):
            return None
        trial = self.optuna.ask()
        # A worker with another folder was faster; this one is left for whoever wants more trials.
        if trial.number >= trials:
            return None
        if not stack.enter_context(claim(self._lock(trial.number))):
            return None
        trial.set_user_attr("starts", 1)
        return trial

    def values(self, trial: Trial) -> dict[str, Any]:
        """The recipe's values for a trial; one that was begun before keeps its own."""
        from optuna.samplers import TPESampler

        # Seeded by trial, the first trials of several workers differ, and one worker alone makes
        # the same study each time, interrupted or not.
        self.optuna.sampler = TPESampler(seed=1000 * self.recipe.seed + trial.number)
        return self.space.suggest(trial)

    def complete(self, trial: Trial, score: float) -> None:
        """Write down a trial's score."""
        self.optuna.tell(trial, score)

    def prune(self, trial: Trial) -> None:
        """Write down that a trial was stopped early."""
        from optuna.trial import TrialState

        self.optuna.tell(trial, state=TrialState.PRUNED)

    def fail(self, trial: Trial, why: str) -> None:
        """Write down that a trial came to no score."""
        from optuna.trial import TrialState

        trial.set_user_attr("error", why)
        self.optuna.tell(trial, state=TrialState.FAIL)

    def put_back(self, trial: Trial) -> None:
        """Leave a trial to the next worker; this start does not count."""
        trial.set_user_attr("starts", trial.user_attrs.get("starts", 1) - 1)

    def importance(self) -> dict[str, float]:
        """The share of each key in the differences between scores, by fANOVA; largest first.

        Empty where too few trials came to their end, or their scores do not differ.
        """
        from optuna.importance import FanovaImportanceEvaluator, get_param_importances

        values = [frozen.value for frozen in self.trials() if _state(frozen) == "complete"]
        if len(values) < FEWEST_FOR_IMPORTANCE or len(set(values)) < 2:
            return {}
        try:
            found = get_param_importances(self.optuna, evaluator=FanovaImportanceEvaluator(seed=0))
        except RuntimeError:  # in no tree does the score vary
            return {}
        return dict(sorted(found.items(), key=lambda pair: -pair[1]))

    def rows(self, trials: int) -> list[dict[str, Any]]:
        """The trials for a machine: number, state, value, values of the keys, scores so far."""
        return [
            self._row(frozen)
            for frozen in self.trials()
            if frozen.state.is_finished() or (_is_running(frozen) and frozen.number < trials)
        ]

    def _row(self, frozen: FrozenTrial) -> dict[str, Any]:
        state = _state(frozen)
        value = frozen.value if state in ("complete", "pruned") else None
        return {
            "number": frozen.number,
            "state": state,
            "value": value if value is not None and isfinite(value) else None,
            "values": self.space.decoded(frozen.params),
            "scores": [score for _, score in sorted(frozen.intermediate_values.items())],
            "error": frozen.user_attrs.get("error"),
        }

    def _lock(self, number: int) -> Path:
        return self.out / TRIALS / f".{number}.lock"

    def _require_same(self) -> None:
        """Refuse a study of another recipe or space; a new one is told what it is."""
        here = _identity(self.recipe, self.space)
        there = self.optuna.user_attrs
        if RECIPE not in there:
            for name, document in here.items():
                self.optuna.set_user_attr(name, document)
            # The recipe as it is comes first: what a search finds is never worse than that.
            own = self.space.encoded(self.recipe)
            if own:
                self.optuna.enqueue_trial(own)
            return
        for name, document in here.items():
            key = _first_difference(document, there.get(name))
            if key is not None:
                what = f"the study here has another {name} (see {key})"
                advice = "choose another --out, or begin anew with --force"
                raise OutputError(what, where=self.out, do=advice)


def _from_journal(out: Path) -> Study:
    """The study in the folder's journal.

    Raises:
        OutputError: If the journal is broken.
    """
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    path = out.resolve() / JOURNAL  # the journal's lock is a link, which leads from anywhere
    _mend(path)
    try:
        return _open(JournalStorage(JournalFileBackend(str(path))), NAME)
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        raise OutputError(
            "this journal is broken", where=path, do="begin anew with --force"
        ) from error


def _mend(path: Path) -> None:
    """Cut off a line that a dying worker left unfinished: the next would be written behind it."""
    from optuna.storages.journal import JournalFileSymlinkLock

    if not path.exists():
        return
    lock = JournalFileSymlinkLock(str(path))
    lock.acquire()
    try:
        content = path.read_bytes()
        if not content.endswith(b"\n"):
            with path.open("rb+") as file:
                file.truncate(content.rfind(b"\n") + 1)
    finally:
        lock.release()


def _from_database(out: Path, url: str, anew: bool) -> Study:
    """The study of the folder's name in a database.

    Raises:
        OutputError: If it cannot be opened; the URL, which may hold a password, is not shown.
    """
    import optuna

    name = out.as_posix()
    try:
        storage = optuna.storages.RDBStorage(url)
        if anew and name in optuna.get_all_study_names(storage):
            optuna.delete_study(study_name=name, storage=storage)
        return _open(storage, name)
    except Exception as error:  # drivers have exceptions of their own; the database is the user's
        reason = error.__cause__ or error
        if isinstance(reason, ModuleNotFoundError):
            what = f"this database needs {reason.name}, which is not installed"
            advice = f"run pip install {reason.name}"
        else:
            what = f"this database cannot be opened ({type(reason).__name__})"
            advice = "write a URL like sqlite:///study.db or postgresql://user@host/name"
        raise OutputError(what, where="--storage", do=advice) from error


def _open(storage: BaseStorage, name: str) -> Study:
    import optuna
    from optuna.pruners import MedianPruner

    # Its lines would stand between ours; what it has to say is in the store.
    optuna.logging.set_verbosity(logging.ERROR)
    pruner = MedianPruner(
        n_startup_trials=TRIALS_BEFORE_PRUNING, n_warmup_steps=EVALUATIONS_BEFORE_PRUNING
    )
    return optuna.create_study(
        storage=storage, study_name=name, direction="maximize", pruner=pruner, load_if_exists=True
    )


def _identity(recipe: Recipe, space: SearchSpace) -> dict[str, Any]:
    document = recipe.model_dump(mode="json")
    document["data"].pop("path")  # each host has its own
    document.pop("engine")
    return {RECIPE: document, SPACE: space.to_json()}


def _first_difference(here: Any, there: Any, key: str = "") -> str | None:
    if isinstance(here, Mapping) and isinstance(there, Mapping):
        names = [*here, *(name for name in there if name not in here)]
        pairs = ((here.get(n), there.get(n), f"{key}.{n}".strip(".")) for n in names)
        return next((d for pair in pairs if (d := _first_difference(*pair)) is not None), None)
    return None if here == there else (key or "it")


def _state(frozen: FrozenTrial) -> str:
    return "failed" if frozen.state.name == "FAIL" else frozen.state.name.lower()


def _is_running(frozen: FrozenTrial) -> bool:
    return frozen.state.name == "RUNNING"


def _is_waiting(frozen: FrozenTrial) -> bool:
    return frozen.state.name == "WAITING"
