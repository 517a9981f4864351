"""Goes through the stream of a run, part by part. The functions change the run's state; methods see `StreamPart`."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

from benchmark.errors import Inapplicable
from benchmark.pruning.masks import Masks
from benchmark.random_streams import stream_seed
from benchmark.training.course import require_course
from benchmark.training.evaluation import evaluate
from benchmark.training.recipe import shortened
from benchmark.training.run_state import RunState
from benchmark.training.state import put, tensors
from benchmark.training.stream import answered, frozen_entries, require_freezable


class StreamPart:
    """One part of a stream, as `run.parts()` yields it. While the run is in it, the run's data are those of this part.

    Attributes:
        number: the number of this part, counted from 0.
        count: the number of all parts.
        rows: which of the network's outputs belong to this part.
    """

    def __init__(self, state: RunState, number: int) -> None:
        course = require_course(state.course)
        self._state, self._course = state, course
        self.number, self.count, self.rows = number, course.count, course.stream.rows(number)

    @property
    def masks(self) -> Masks:
        """The masks that the network is used with on this part, as of now."""
        return self._course.masks_of(self.number) or Masks.ones(self._state.weights)

    def uses(self, masks: Masks) -> None:
        """From here on, only these weights are used on this part, until another call names others. By default, all are.

        The bias of a unit that has none of them is not used either. The network itself does not change.

        Raises:
            ValueError: the masks do not have the names and shapes of this task's prunable tensors.
        """
        with self._state.tamper_check.verb("uses"):
            self._course.use(self.number, self._state.fitted(masks))
            self._state.log.followed()

    def evaluate(self) -> dict[str, float]:
        """The task's metrics on the validation examples of this part, with the weights that are used on it now."""
        if not self._course.validation:
            raise RuntimeError("this run was made without a validation split")
        state, data, model = self._state, self._course.validation[self.number], deepcopy(self._state.model)
        put(model, answered(tensors(model), self._course.masks_of(self.number)))
        state.count_evaluation(len(data))
        return evaluate(state.task, model, data, state.device)


def parts(state: RunState) -> Iterator[StreamPart]:
    """Go through the parts of the stream, each with its share of the recipe's steps.

    Raises:
        Inapplicable: the task is not a stream, or the recipe has fewer steps than the stream has parts.
        RuntimeError: the run has already trained or scored.
    """
    course = require_course(state.course)
    if state.recipe.steps < course.count:
        raise Inapplicable(f"{state.recipe.steps:,} steps are fewer than the {course.count:,} parts of this stream")
    busy = state.engine is not state.weight_engine or state.meter.updates or state.scoring.batches_drawn
    if course.number >= 0 or busy:
        raise RuntimeError("a stream comes once, before anything else is trained or scored")
    share = shortened(state.recipe, round(state.recipe.steps / course.count))
    for number in range(course.count):
        with state.tamper_check.verb("parts"):
            course.number = number
            validation = course.validation[number] if course.validation else None
            state.move_to(course.train[number], validation, share, stream_seed(state.seed, "part", number))
            hold(state)
        yield StreamPart(state, number)
        with state.tamper_check.verb("parts"):
            course.done = number == course.count - 1
            if not course.done:
                course.snapshots.append(state.snapshot().state)


def freeze(state: RunState, masks: Masks) -> None:
    """From here on, these weights do not change, nor biases of their units, nor heads of earlier parts.

    Raises:
        Inapplicable: the task is not a stream, or the network has other tensors that would still change.
        ValueError: the masks do not fit the prunable tensors.
    """
    course = require_course(state.course)
    require_freezable(state.model, course.stream, state.prunable)
    course.freeze(state.fitted(masks))
    hold(state)


def hold(state: RunState) -> None:
    """Hold all that is frozen so far. When a part begins, the head of the previous one is frozen, too."""
    course = require_course(state.course)
    if course.frozen:
        state.hold(frozen_entries(state.model, course.stream, course.frozen[-1].masks, max(course.number, 0)))
