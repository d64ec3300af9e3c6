"""The clock of exercise 6.1: networks that take a known time a pass, and what comes out by each known mistake.

A check that reads a clock must refuse no right answer where the machine is busy, and that can add ten milliseconds to
a pass. So the passes differ by far more, the network writes down what each really took, a wrong number is believed at
its second appearance, and a pass that was disturbed so much that a mistake looks right is measured again.
"""

from __future__ import annotations

import math
import statistics
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from helpers.checking.networks import with_gradients
from helpers.checking.passes import SharedByCopies, Watched
from helpers.course.verdicts import Incorrect

CLOSE = 0.75  # a right answer and the network's own clock differ by less than this factor
SAME_NUMBER = 1.14  # two readings of one time differ by less; two mistakes that a trial has to tell apart, by more
MISSES = 2  # a program that interrupts a right answer between two clocks does not do so twice
TRIES = 3
MOST_WARM_UPS = 12
PATIENCE = 2.0  # seconds after which a disturbed measurement that came out right is not made again

# Networks ------------------------------------------------------------------------------------------


class Stopwatch(Watched):
    """A network for images [n, 3, 4, 4] that takes a known time a pass; all copies of it go on in one log.

    Its layers are there for their modes and flags, and do not work: on a busy machine they would add tens of
    milliseconds.
    """

    def __init__(self, asked: Callable[[int], float]):
        norm = nn.BatchNorm2d(3).requires_grad_(False)
        super().__init__(OrderedDict(norm=norm, drop=nn.Dropout(), head=nn.Linear(48, 2)))
        self.asked = asked  # gives the seconds of the first pass for 0, and so on
        self.seconds: list[float] = SharedByCopies()
        self.seen: list[Tensor] = SharedByCopies()

    def forward(self, images: Tensor) -> Tensor:
        started = time.perf_counter()
        self.note(images)
        self.seen.append(images.detach().clone())
        time.sleep(self.asked(len(self.seconds)))
        self.seconds.append(time.perf_counter() - started)
        return self.head.bias.expand(len(images), 2)


@dataclass(frozen=True)
class Trial:
    """A measurement that the learner's function is asked for, and the seconds that the passes of its network take.

    The first pass takes `first` seconds, those after it `after`, again and again: whatever the warm-up, as many
    passes as `after` is long have the same median. `tells` are the mistakes that show here after one pass to warm up:
    each is then wrong, and no two of them give the same number.
    """

    images: int
    repeats: int
    first: float
    after: tuple[float, ...]
    tells: frozenset[str] = frozenset()
    training: bool = False
    layers_in_eval: bool = False

    def asked(self, passes: int) -> float:
        """Seconds of the pass that comes after so many."""
        return self.after[(passes - 1) % len(self.after)] if passes else self.first

    def network(self) -> Stopwatch:
        """As it comes from training where its layers are in `eval()` mode: then it also has gradients."""
        network = Stopwatch(self.asked).train(self.training)
        if not self.layers_in_eval:
            return network
        for layer in network.children():
            layer.eval()
        return with_gradients(network)


# The first tells the means, what is counted with the slow first pass, and the middle of the unsorted list from the
# median; the fourth, whose first pass is quick, the fastest and the last pass and dropping the slowest; the fifth the
# first pass, and what an even number of passes leaves. The second has one pass to count and the third so many that no
# one number of passes suits both: whoever takes always as many, whatever `repeats`, takes too many or too few.
TRIALS = (
    Trial(
        images=32,
        repeats=5,
        first=0.18,
        after=(0.0065, 0.104, 0.044, 0.0063, 0.0061),
        tells=frozenset(
            ("passes", "seconds", "upside down", "mean", "trimmed", "slowest", "middle", "mean of all", "median of all")
        ),
        training=True,
    ),
    Trial(images=3, repeats=1, first=0.03, after=(0.01,)),
    Trial(images=2, repeats=MOST_WARM_UPS + 2, first=0.01, after=tuple(0.004 + 0.0001 * k for k in range(14))),
    Trial(
        images=4,
        repeats=5,
        first=0.004,
        after=(0.036, 0.006, 0.038, 0.009, 0.075),
        tells=frozenset(("fastest", "last", "but the slowest")),
    ),
    Trial(
        images=16,
        repeats=4,
        first=0.08,
        after=(0.09, 0.012, 0.005, 0.008),
        tells=frozenset(("first", "mean")),
        training=True,
        layers_in_eval=True,
    ),
)

# Numbers -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mistake:
    """What a number is if it is not the answer, and how it comes out of n images, the counted passes, and all."""

    says: str
    number: Callable[[int, Sequence[float], Sequence[float]], float]


MISTAKES = {
    "passes": Mistake(
        "1 / the median: that is passes a second. A pass holds several pictures",
        lambda n, counted, every: 1 / statistics.median(counted),
    ),
    "seconds": Mistake(
        "the median itself: that is seconds a pass", lambda n, counted, every: statistics.median(counted)
    ),
    "upside down": Mistake("seconds a picture, upside down", lambda n, counted, every: statistics.median(counted) / n),
    "mean": Mistake(
        "the mean. One disturbed pass pulls it far away; take the median",
        lambda n, counted, every: n / statistics.mean(counted),
    ),
    "trimmed": Mistake(
        "the mean without the fastest and the slowest pass. Take the median of all that count",
        lambda n, counted, every: n / statistics.mean(sorted(counted)[1:-1] or counted),
    ),
    "fastest": Mistake("the fastest pass alone. Take the median", lambda n, counted, every: n / min(counted)),
    "slowest": Mistake("the slowest pass. Take the median", lambda n, counted, every: n / max(counted)),
    "first": Mistake(
        "the first of the passes that count, alone. Take the median of all", lambda n, counted, every: n / counted[0]
    ),
    "last": Mistake(
        "the last pass alone. Take the median of all that count", lambda n, counted, every: n / counted[-1]
    ),
    "middle": Mistake(
        "the middle of the unsorted list. The median is the middle of the sorted one",
        lambda n, counted, every: n / counted[len(counted) // 2],
    ),
    "mean of all": Mistake(
        "counted with the slow first pass. Warm up before the clock starts",
        lambda n, counted, every: n / statistics.mean(every),
    ),
    "median of all": Mistake(
        "the median of all passes, the first among them. Warm up before the clock starts",
        lambda n, counted, every: n / statistics.median(every),
    ),
    "but the slowest": Mistake(
        "counted without the slowest pass and with the first. Leave the first out, whatever it took",
        lambda n, counted, every: n / statistics.median(sorted(every)[:-1]),
    ),
}


def numbers_by_mistake(trial: Trial, seconds: Sequence[float]) -> dict[str, float]:
    """What comes out by each of `MISTAKES`, of passes that took `seconds`; the last `repeats` count."""
    counted = seconds[-trial.repeats :]
    return {name: mistake.number(trial.images, counted, seconds) for name, mistake in MISTAKES.items()}


def is_the_median(found: float, trial: Trial, seconds: Sequence[float], close: float = CLOSE) -> bool:
    """Whether `found` is pictures a second by the median of the last passes in `seconds`, give or take `close`."""
    # Of an even number of passes either of the two in the middle is a median, and all between them.
    counted = seconds[-trial.repeats :]
    low = trial.images / statistics.median_high(counted)
    high = trial.images / statistics.median_low(counted)
    return low * close <= found <= high / close


def hold_to_the_median(measure: Callable[[Trial], tuple[float, Sequence[float]]], trial: Trial, until: float) -> None:
    """What `measure` gives for this trial is pictures a second, by the seconds that the network noted.

    Args:
        measure: gives the learner's number, and what each pass of the network took.
        until: reading of `time.perf_counter()` after which a disturbed measurement is let go.
    """
    misses = 0
    for _ in range(TRIES):
        found, seconds = measure(trial)
        if not _is_right(found, trial, seconds):
            misses += 1
            if misses == MISSES:
                raise Incorrect(_what_it_is(found, trial, seconds))
        elif not _hides_a_mistake(trial, seconds) or time.perf_counter() + sum(seconds) > until:
            return


def _is_right(found: float, trial: Trial, seconds: Sequence[float]) -> bool:
    """Passes may follow those that count: any `repeats` in a row will do, but for the slow first pass."""
    ends = range(1 + trial.repeats, len(seconds) + 1)
    return any(is_the_median(found, trial, seconds[1:end]) for end in ends)


def _hides_a_mistake(trial: Trial, seconds: Sequence[float]) -> bool:
    """Whether the machine has disturbed the passes so much that a mistake which has to show here comes out right.

    After a longer warm-up the passes that count begin elsewhere in `after`, so that another one may come out right.
    """
    asked = [trial.asked(passes) for passes in range(len(seconds))]
    numbers, planned = numbers_by_mistake(trial, seconds), numbers_by_mistake(trial, asked)
    to_show = [name for name in trial.tells if not is_the_median(planned[name], trial, asked, CLOSE / SAME_NUMBER)]
    return any(is_the_median(numbers[name], trial, seconds) for name in to_show)


def _what_it_is(found: float, trial: Trial, seconds: Sequence[float]) -> str:
    """The mistake that gives this number; where a busy machine has brought two together, the learner reads both."""
    passes = f"{trial.repeats} counted passes of {trial.images} pictures"
    factors = {name: _factor(found, number) for name, number in numbers_by_mistake(trial, seconds).items()}
    near = sorted((name for name in factors if factors[name] < SAME_NUMBER), key=factors.get)
    named = [MISTAKES[name].says for name in near if name in trial.tells or trial.tells.isdisjoint(near)]
    if named:
        return f"For {passes} your number is {'. In this measurement it is also '.join(named)}."
    expected = trial.images / statistics.median(seconds[-trial.repeats :])
    return f"For {passes} the answer is {expected:.0f} pictures a second; yours is {found:.3g}."


def _factor(one: float, other: float) -> float:
    """How many times the greater of the two is the smaller; infinite where one is not above zero."""
    low, high = sorted((one, other))
    return high / low if low > 0 else math.inf
