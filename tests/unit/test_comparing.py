"""Gaps between accuracies: how often chance is taken for a difference, and how often a difference is found."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
import torch
from scipy.special import ndtri
from scipy.stats import binom, binomtest, norm
from scipy.stats import t as student

from helpers.errors import CourseError
from helpers.training.comparing import Gap, Summary, compare_paired, compare_summaries

ROUNDS = 250


@dataclass(frozen=True)
class Networks:
    """Two kinds of networks whose answers on an image are correlated, as those of real ones are.

    An image is right where its difficulty is below what the run can do. Of a difficulty's variance 1, `shared` is the
    image's own, `kind` that of the image for this kind of network, the rest that of the image in this run. `seed` is
    the standard deviation of what a run can do.
    """

    shared: float
    kind: float
    seed: float

    def right(self, accuracies, images, seeds, rounds=ROUNDS) -> torch.Tensor:
        """Which images are right [rounds, 2, seeds, images], from kinds with these two mean accuracies."""
        dice = np.random.default_rng(zlib.crc32(repr((self, accuracies, images, seeds)).encode()))
        difficulty = math.sqrt(self.shared) * dice.standard_normal((rounds, 1, 1, images))
        difficulty = difficulty + math.sqrt(self.kind) * dice.standard_normal((rounds, 2, 1, images))
        rest = math.sqrt(1 - self.shared - self.kind)
        difficulty = difficulty + rest * dice.standard_normal((rounds, 2, seeds, images))
        skill = ndtri(np.array(accuracies))[:, None, None] * math.sqrt(1 + self.seed**2)
        return torch.from_numpy(difficulty < skill + self.seed * dice.standard_normal((rounds, 2, seeds, 1)))


ALIKE = Networks(shared=0.8, kind=0.0, seed=0.1)
APART = Networks(shared=0.3, kind=0.65, seed=0.0)
UNSTEADY = Networks(shared=0.6, kind=0.2, seed=0.4)
SAME_KIND_OTHER_RUN = Networks(shared=0.6, kind=0.0, seed=0.0)


def alarms(right: torch.Tensor) -> int:
    return sum(compare_paired(one, other).beyond_chance for one, other in right)


def most(share: float, rounds: int) -> int:
    """Alarms that a true share exceeds once in a thousand sets of rounds."""
    return int(binom.ppf(0.999, rounds, share))


def least(share: float, rounds: int) -> int:
    return int(binom.ppf(0.001, rounds, share))


class TestEquals:
    """No true difference: an alarm is a false one."""

    @pytest.mark.parametrize("images", [50, 150, 300])
    @pytest.mark.parametrize("accuracy", [0.5, 0.9, 0.97])
    def test_one_run_each_gives_at_most_five_in_a_hundred(self, images, accuracy):
        """Exact, so for any number of images: the test is conservative."""
        for networks in (SAME_KIND_OTHER_RUN, APART):
            assert alarms(networks.right([accuracy] * 2, images, 1)) <= most(0.05, ROUNDS)

    @pytest.mark.parametrize("images", [50, 150, 300])
    @pytest.mark.parametrize("accuracy", [0.5, 0.9, 0.97])
    def test_several_seeds_give_at_most_five_in_a_hundred(self, images, accuracy):
        """In all, and no combination over six."""
        found = {
            (seeds, networks): alarms(networks.right([accuracy] * 2, images, seeds))
            for seeds, networks in product((3, 5), (ALIKE, APART, UNSTEADY))
        }
        assert max(found.values()) <= most(0.06, ROUNDS), found
        assert sum(found.values()) <= most(0.05, len(found) * ROUNDS), found

    @pytest.mark.parametrize("networks", [APART, UNSTEADY])
    @pytest.mark.parametrize("seeds", [3, 5])
    def test_where_numbers_are_large_it_is_about_five_in_a_hundred(self, networks, seeds):
        """Neither the images nor the seeds alone: each leads in one of the two."""
        found = alarms(networks.right([0.8] * 2, 300, seeds, rounds=1000))
        assert least(0.04, 1000) <= found <= most(0.06, 1000)

    def test_twice_the_standard_deviation_of_one_accuracy_would_be_wrong(self):
        """The yardstick of a single accuracy, held to a difference of two on different images, cries wolf."""
        right = APART.right([0.8] * 2, 150, 1, rounds=1000).double().mean(dim=(2, 3))
        other = torch.from_numpy(np.random.default_rng(1).binomial(150, 0.8, 1000) / 150)
        too_small = 2 * (right[:, 0] * (1 - right[:, 0]) / 150).sqrt()
        assert ((right[:, 0] - other).abs() > too_small).sum() > least(0.13, 1000)
        pairs = zip(right[:, 0].tolist(), other.tolist(), strict=True)
        found = sum(compare_summaries(Summary(a, 150), Summary(b, 150)).beyond_chance for a, b in pairs)
        assert least(0.05, 1000) <= found <= most(0.05, 1000)

    def test_seeds_that_are_left_out_would_be_wrong(self):
        """A single run each says nothing about seeds: where they matter, it is no comparison of two kinds."""
        right = UNSTEADY.right([0.8] * 2, 300, 3, rounds=300)
        assert alarms(right[:, :, :1]) > most(0.1, 300)
        assert alarms(right) <= most(0.06, 300)

    @pytest.mark.parametrize("networks", [ALIKE, UNSTEADY])
    def test_one_run_against_several(self, networks):
        right = networks.right([0.8] * 2, 150, 5)
        found = sum(compare_paired(one[:1], other).beyond_chance for one, other in right)
        assert found <= most(0.06, ROUNDS)

    @pytest.mark.parametrize(("n", "m"), [(50, 50), (150, 150), (50, 300)])
    @pytest.mark.parametrize("accuracy", [0.5, 0.9, 0.97])
    def test_two_published_accuracies(self, n, m, accuracy):
        """The share of alarms without a simulation: the sum over all results that are likely."""
        share = sum(
            binom.pmf(i, n, accuracy) * binom.pmf(j, m, accuracy)
            for i, j in product(likely(n, accuracy), likely(m, accuracy))
            if compare_summaries(Summary(i / n, n), Summary(j / m, m)).beyond_chance
        )
        assert share <= 0.06

    def test_summaries_with_spreads(self):
        """Means over three seeds: at most 5 in 100, as both parts hold some of the same chance."""
        here = UNSTEADY.right([0.8] * 2, 150, 3).double().mean(dim=3)
        found = sum(compare_summaries(summary(one), summary(other)).beyond_chance for one, other in here)
        assert 0 < found <= most(0.05, ROUNDS)


def likely(images: int, accuracy: float) -> range:
    """Numbers of right answers, but for one in ten thousand."""
    low, high = binom.ppf([5e-5, 1 - 5e-5], images, accuracy)
    return range(int(low), int(high) + 1)


def summary(accuracies: torch.Tensor, images: int = 150) -> Summary:
    return Summary(accuracies.mean().item(), images, accuracies.std().item(), len(accuracies))


class TestPower:
    """A true difference is found as often as theory says."""

    def test_of_mcnemar(self):
        """An image is right with the first alone with probability 0.2, with the second alone with 0.05."""
        dice, images, rounds = np.random.default_rng(3), 150, 1000
        kinds = torch.from_numpy(dice.choice(3, p=[0.2, 0.05, 0.75], size=(rounds, images)))
        found = sum(compare_paired(kind != 1, kind != 0).beyond_chance for kind in kinds)
        m, k = np.mgrid[: images + 1, : images + 1]
        refused = 2 * binom.cdf(np.minimum(k, m - k), m, 0.5) <= 0.05
        by_theory = (binom.pmf(m, images, 0.25) * binom.pmf(k, m, 0.8))[(k <= m) & refused].sum()
        assert 0.5 < by_theory < 1
        assert least(by_theory, rounds) <= found <= most(by_theory, rounds)

    def test_of_several_seeds(self):
        """Where images lead, the normal distribution tells the power from the true spread of the difference."""
        right = APART.right([0.85, 0.75], 150, 5)
        gaps = (right[:, 0].double().mean(dim=(1, 2)) - right[:, 1].double().mean(dim=(1, 2))).numpy()
        by_theory = norm.sf(1.96 - gaps.mean() / gaps.std())
        assert 0.3 < by_theory < 0.95
        assert least(by_theory - 0.02, ROUNDS) <= alarms(right) <= most(by_theory + 0.02, ROUNDS)

    def test_more_seeds_find_more(self):
        few, many = (alarms(UNSTEADY.right([0.9, 0.75], 300, seeds)) for seeds in (2, 8))
        assert many > few + 0.2 * ROUNDS

    def test_pairs_find_more_than_summaries(self):
        right = SAME_KIND_OTHER_RUN.right([0.9, 0.8], 150, 1)
        apart = right.double().mean(dim=(2, 3)).tolist()
        by_summaries = sum(compare_summaries(Summary(a, 150), Summary(b, 150)).beyond_chance for a, b in apart)
        assert alarms(right) > by_summaries


def discordant(only_first: int, only_second: int, images: int = 150) -> Gap:
    """Two single runs that are both right but where one of them is alone."""
    one, other = torch.ones(2, images).bool()
    one[:only_second] = False
    other[only_second : only_second + only_first] = False
    return compare_paired(one, other)


class TestOneRunEach:
    @pytest.mark.parametrize("m", [1, 5, 6, 13, 30, 59, 150])
    def test_the_verdict_is_that_of_the_binomial_test(self, m):
        for k in range(m // 2 + 1):
            assert discordant(k, m - k).beyond_chance == (binomtest(k, m).pvalue <= 0.05), (k, m - k)

    def test_eight_to_five_is_chance(self):
        gap = discordant(8, 5)
        assert gap.difference == pytest.approx(3 / 150) and gap.chance == pytest.approx(7 / 150)
        assert str(gap) == ("0.967 against 0.947: a gap of +0.020; the draw of images alone explains up to 0.047.")

    def test_a_large_gap_is_told_with_its_sign(self):
        assert str(discordant(5, 30)).startswith("0.800 against 0.967: a gap of -0.167, more than the 0.")

    def test_the_order_turns_the_sign_alone(self):
        one, other = discordant(20, 3), discordant(3, 20)
        assert one.difference == -other.difference and one.chance == other.chance

    def test_equal_answers_leave_no_gap(self):
        gap = discordant(0, 0)
        assert (gap.difference, gap.chance, gap.beyond_chance) == (0, 0, False)

    @pytest.mark.parametrize("rows", [1, 3])
    def test_all_forms_of_right_are_read(self, rows):
        right = (
            torch.rand(2, rows, 40, generator=torch.Generator().manual_seed(0))
            < torch.tensor([0.5, 0.9])[:, None, None]
        )
        expected = compare_paired(*right)
        for as_given in (
            lambda runs: runs.float(),
            lambda runs: runs.numpy(),
            lambda runs: runs.tolist(),
            lambda runs: list(runs),
            lambda runs: tuple(runs.int()),
        ):
            assert compare_paired(*(as_given(runs) for runs in right)) == expected
        if rows == 1:
            assert compare_paired(right[0, 0], right[1, 0]) == expected


def all_or_nothing(*runs: int) -> torch.Tensor:
    """Runs that are right on all of many images, or on none."""
    return torch.tensor(runs)[:, None].repeat(1, 20_000)


class TestSeveralSeeds:
    def test_equal_accuracies_on_every_seed_are_not_certain(self):
        """No spread over seeds leaves the draw of images: else the smallest gap would be beyond chance."""
        one, other = torch.ones(2, 3, 100).bool()
        for seed in range(3):
            one[seed, [seed]] = False
            other[seed, [10 + seed, 20 + seed]] = False
        assert compare_paired(one, other).chance > 0 and not compare_paired(one, other).beyond_chance

    def test_it_is_the_analysis_of_variance_by_hand(self):
        """Two seeds, four images. Means by image: 1, 1, 0.5, 0.5 and 0, 0, 0.5, 0.5; by seed: 1, 0.5 and 0, 0.5."""
        one = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
        other = torch.tensor([[0, 0, 0, 0], [0, 0, 1, 1]])
        of_images = (1 + 1) / 4**2
        of_seeds = 2 * 0.125 / 2
        both_count = 2 * (8 * 0.25**2) / (3 * 1) / 4 / 2
        variance = of_seeds + of_images - both_count
        degrees = variance**2 / (2 * (0.125 / 2) ** 2)
        assert compare_paired(one, other).chance == pytest.approx(student.ppf(0.975, degrees) * math.sqrt(variance))

    def test_seeds_alone_give_students_t(self):
        """Runs that are right everywhere or nowhere: four degrees of freedom, 2.776 from the table."""
        one, other = all_or_nothing(0, 1, 1), all_or_nothing(1, 0, 0)
        assert compare_paired(one, other).chance == pytest.approx(2.776 * math.sqrt(2 * (1 / 3) / 3), rel=1e-3)

    def test_a_single_run_borrows_the_spread_of_the_other_side(self):
        """Three runs against one: two degrees of freedom, 4.303 from the table."""
        three, one = all_or_nothing(0, 1, 1), all_or_nothing(0)
        chance = 4.303 * math.sqrt((1 / 3) * (1 + 1 / 3))
        for gap in (compare_paired(three, one), compare_paired(one, three)):
            assert gap.chance == pytest.approx(chance, rel=1e-3) and gap.seeds_counted

    def test_identical_runs_leave_no_gap(self):
        right = ALIKE.right([0.8] * 2, 50, 3, rounds=1)[0, 0]
        gap = compare_paired(right, right)
        assert gap.difference == 0 and not gap.beyond_chance


class TestSummaries:
    def test_two_accuracies_are_held_to_the_test_of_two_proportions(self):
        gap = compare_summaries(Summary(0.93, 150), Summary(0.89, 150))
        assert gap.chance == pytest.approx(1.96 * math.sqrt(2 * 0.91 * 0.09 / 150 * 300 / 299), rel=1e-3)
        assert str(gap) == "0.930 against 0.890: a gap of +0.040; the draw of images alone explains up to 0.065."

    def test_a_spread_over_seeds_widens_it(self):
        plain = compare_summaries(Summary(0.93, 150), Summary(0.89, 150))
        spread = compare_summaries(Summary(0.93, 150, sd=0.02, seeds=3), Summary(0.89, 150, sd=0.03, seeds=3))
        borrowed = compare_summaries(Summary(0.93, 150), Summary(0.89, 150, sd=0.03, seeds=3))
        assert plain.chance < spread.chance < borrowed.chance
        assert spread.verdict.startswith("+0.040; chance alone explains up to 0.0")

    def test_without_images_to_speak_of_it_is_welchs_test(self):
        """Two spreads of three seeds each, equal: four degrees of freedom, 2.776 from the table."""
        many = 10**9
        gap = compare_summaries(Summary(0.9, many, sd=0.03, seeds=3), Summary(0.8, many, sd=0.03, seeds=3))
        assert gap.chance == pytest.approx(2.776 * 0.03 * math.sqrt(2 / 3), rel=1e-3) and gap.beyond_chance


class TestBadInput:
    @pytest.mark.parametrize(
        ("first", "second", "told"),
        [
            ([], [], "at least one image"),
            (torch.zeros(3, 0), torch.zeros(3, 0), "at least one image"),
            (torch.ones(2, 2, 2), torch.ones(2), "not \\[2, 2, 2\\]"),
            (torch.ones(1).sum(), torch.ones(1), "not \\[\\]"),
            (torch.ones(4), torch.ones(5), "4 and 5: use compare_summaries"),
            ([torch.ones(4), torch.ones(5)], torch.ones(5), "same number of images"),
            ([[1, 0], [1]], [1, 0], "same number of images"),
            ([0.9, math.nan], [1, 1], "NaN"),
            ([0.91, 0.93, 0.92], [0.90, 0.93, 0.91], "predictions == labels"),
            ([3, 1, 2], [1, 1, 2], "predictions == labels"),
            ("right", "wrong", "which images were right"),
            (None, [1], "which images were right"),
        ],
    )
    def test_pairs(self, first, second, told):
        with pytest.raises(CourseError, match=told) as caught:
            compare_paired(first, second)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ({"accuracy": 93.0, "images": 150}, "divide per cent by 100"),
            ({"accuracy": math.nan, "images": 150}, "share from 0 to 1"),
            ({"accuracy": 0.9, "images": 0}, "at least one test image"),
            ({"accuracy": 0.9, "images": 150, "sd": 0.02}, "give both"),
            ({"accuracy": 0.9, "images": 150, "seeds": 3}, "give both"),
            ({"accuracy": 0.9, "images": 150, "sd": 0.02, "seeds": 0}, "give both"),
            ({"accuracy": 0.9, "images": 150, "sd": math.nan, "seeds": 3}, "finite number"),
        ],
    )
    def test_summaries(self, given, told):
        with pytest.raises(CourseError, match=told):
            Summary(**given)
