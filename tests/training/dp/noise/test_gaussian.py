"""The discrete Gaussian: its proposal against exact arithmetic, its draws against the distribution.

Statistical tests here fail by chance with probability 1e-9 each: the threshold is the distribution's own quantile.
"""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
import torch
from scipy import stats

from secure_ds.training.dp.noise import gaussian
from secure_ds.training.dp.noise.gaussian import DiscreteGaussian, _acceptance, _surely_accepted
from secure_ds.training.dp.noise.keystream import Keystream
from secure_ds.training.dp.noise.table import COLUMN_WEIGHT, COLUMNS, SIGMA, TAIL_TOTAL, WIDTH, Cell, proposal_table

CPU = torch.device("cpu")
FALSE_ALARM = 1e-9
TABLE = proposal_table()


def draws(count: int) -> np.ndarray:
    return DiscreteGaussian(Keystream(), CPU).draw(count).numpy() / SIGMA


def exact_mass(cell: Cell, total: Fraction) -> mpmath.mpf:
    """What proposal and acceptance give the number at the cell's edge, by exact arithmetic and the stored `keep`."""
    return mpmath.mpf(cell.weight) / mpmath.mpf(total.numerator) * total.denominator * mpmath.mpf(str(cell.keep))


def test_the_alias_table_has_exactly_the_weights_of_the_cells() -> None:
    mass = [0] * COLUMNS
    for column, (own, alias) in enumerate(zip(TABLE.thresholds, TABLE.aliases, strict=True)):
        assert 0 <= own <= COLUMN_WEIGHT
        mass[column] += own
        mass[alias] += COLUMN_WEIGHT - own
    expected = [*(cell.weight for cell in TABLE.main), TABLE.tail_weight]
    assert mass[: len(expected)] == expected
    assert not any(mass[len(expected) :])


def test_weight_times_keep_is_one_constant_times_the_true_height_at_every_cell() -> None:
    with mpmath.workdps(80):
        tail_total = Fraction(2**64 * TAIL_TOTAL, TABLE.tail_weight)
        masses = [exact_mass(cell, Fraction(2**64)) for cell in TABLE.main]
        masses += [exact_mass(cell, tail_total) for cell in TABLE.tail]
        heights = [
            mpmath.exp(-(mpmath.mpf(cell.edge) ** 2) / (2 * mpmath.mpf(SIGMA) ** 2))
            for cell in (*TABLE.main, *TABLE.tail)
        ]
        constants = [mass / height for mass, height in zip(masses, heights, strict=True)]
        assert max(constants) / min(constants) - 1 < mpmath.mpf(2) ** -180


def test_the_cells_cover_the_line_to_sixteen_sigma_once() -> None:
    starts = sorted(cell.start for cell in (*TABLE.main, *TABLE.tail))
    assert starts == list(range(-16 * SIGMA, 16 * SIGMA, WIDTH))
    assert all(0 < cell.keep <= 1 for cell in (*TABLE.main, *TABLE.tail))
    assert TABLE.tail_ends[-1] <= TAIL_TOTAL


@pytest.mark.parametrize(
    "cell", [*TABLE.main[::37], *TABLE.main[380:388], TABLE.main[-1], *TABLE.tail[::101], TABLE.tail[-1]]
)
def test_acceptance_is_the_exact_ratio_of_heights(cell: Cell) -> None:
    places = torch.tensor([cell.start, cell.start + 1, cell.start + WIDTH // 3, cell.start + WIDTH - 1])
    edges, keep = torch.full((4,), cell.edge), torch.full((4,), float(cell.keep), dtype=torch.float64)
    with mpmath.workdps(80):
        for x, accepted in zip(places.tolist(), _acceptance(places, edges, keep).tolist(), strict=True):
            y = (mpmath.mpf(x) ** 2 - mpmath.mpf(cell.edge) ** 2) / (2 * mpmath.mpf(SIGMA) ** 2)
            exact = mpmath.mpf(str(cell.keep)) * mpmath.exp(-y) * 2**62
            assert abs(accepted - exact) < gaussian._DOUBT / 4


@pytest.mark.parametrize("cell", TABLE.main[::13])
def test_the_quick_decision_is_the_exact_one(cell: Cell) -> None:
    ends = torch.tensor([cell.start, cell.start + WIDTH - 1])
    least = _acceptance(
        ends, torch.full((2,), cell.edge), torch.full((2,), float(cell.keep), dtype=torch.float64)
    ).min()
    sure = _surely_accepted(cell) + 2**29
    assert sure << 32 <= int(least)
    assert sure > 0.8 * 2**30


def test_the_distribution_by_chi_squared() -> None:
    edges = np.linspace(-4, 4, 129)
    counts = np.histogram(draws(2_000_000), np.concatenate([[-np.inf], edges, [np.inf]]))[0]
    expected = 2_000_000 * np.diff(stats.norm.cdf(np.concatenate([[-np.inf], edges, [np.inf]])))
    statistic = ((counts - expected) ** 2 / expected).sum()
    assert statistic < stats.chi2.isf(FALSE_ALARM, len(counts) - 1)


def test_the_place_within_a_cell_by_kolmogorov_smirnov() -> None:
    values = np.abs(draws(1_000_000))
    within = values[values < 1 / 64] * 64  # the innermost cell of each side: all but uniform
    assert stats.kstest(within, "uniform").pvalue > FALSE_ALARM


def test_moments() -> None:
    n, drawn = 2_000_000, draws(2_000_000)
    bound = stats.norm.isf(FALSE_ALARM / 2)
    assert abs(drawn.mean()) < bound / np.sqrt(n)
    assert abs((drawn**2).mean() - 1) < bound * np.sqrt(2 / n)
    assert abs((drawn**4).mean() - 3) < bound * np.sqrt(96 / n)


def test_neighbours_and_draws_are_uncorrelated() -> None:
    source, n = DiscreteGaussian(Keystream(), CPU), 500_000
    first, second = (source.draw(n).double() / SIGMA for _ in range(2))
    bound = stats.norm.isf(FALSE_ALARM / 2) / np.sqrt(n)
    for left, right in ((first, second), (first[1:], first[:-1]), (first[2**15 :], first[: -(2**15)])):
        assert abs((left * right).mean()) < bound


def test_the_tail_is_drawn_as_it_is_proposed() -> None:
    """With every proposal sent to the tail, what is accepted is the Gaussian beyond six sigma."""
    sampler = DiscreteGaussian(Keystream(), CPU)
    sampler._ends[:] = torch.iinfo(torch.int64).min  # every column means its alias
    for entries, number in ((sampler._symbols, len(TABLE.main)), (sampler._starts, 0), (sampler._sure, -(2**29))):
        entries[:] = number
    drawn = np.abs(sampler.draw(4000).numpy() / SIGMA)
    assert drawn.min() >= 6
    beyond = stats.norm.sf(drawn) / stats.norm.sf(6)
    assert stats.kstest(beyond, "uniform").pvalue > FALSE_ALARM


def test_decisions_in_doubt_are_those_of_sixty_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """With doubt about everything, the last test decides, and the distribution is the same."""
    monkeypatch.setattr(gaussian, "_DOUBT", 2**62)
    values = draws(60_000)
    assert stats.kstest(values, "norm").pvalue > FALSE_ALARM


@pytest.mark.parametrize("cell", [TABLE.main[0], TABLE.main[384], TABLE.tail[-1]])
@pytest.mark.parametrize("off", [-1, 1])
def test_the_last_test_is_right_next_to_the_threshold(cell: Cell, off: int) -> None:
    x = cell.start + WIDTH // 2
    with mpmath.workdps(80):
        y = (mpmath.mpf(x) ** 2 - mpmath.mpf(cell.edge) ** 2) / (2 * mpmath.mpf(SIGMA) ** 2)
        threshold = int(mpmath.floor(mpmath.mpf(str(cell.keep)) * mpmath.exp(-y) * 2**62))
    assert DiscreteGaussian(Keystream(), CPU)._last_test(cell, x, threshold + off) == (off < 0)


def test_nothing_is_drawn_for_nothing() -> None:
    assert draws(0).shape == (0,)
