"""A plan lists every number once, and exists only where rounding is exact and nothing wraps around."""

import json
import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.profiles import STRONG
from secure_ds.ckks.statistics_plan import check_headroom, n_parts
from tests.ckks.statistics_examples import a_plan


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 150), st.sampled_from([2, 3, 10]), st.sampled_from([8, 4, 2, 1]))
def test_every_pair_is_listed_once(d, c, group):
    plan = a_plan(500, d, c, largest_group=group)
    pairs = [pair for part in plan.parts for pair in part.pairs]
    moments, labels = ({pair for pair in pairs if (pair[1] < d) is inside} for inside in (True, False))
    assert len(pairs) == len(moments) + len(labels) == plan.count
    assert len(moments) == d * (d + 1) // 2
    assert all(0 <= j <= k < d for j, k in moments)
    assert labels == {(j, d + i) for j in range(d) for i in range(plan.n_labels)}
    assert (plan.group, len(plan.parts) == n_parts(plan.parameters, d, c) or group > 1) == (group, True)


def test_groups_go_by_tiles_so_that_few_columns_are_held():
    plan = a_plan(60_000, 393, 10)
    tiles = [first // plan.tile for part in plan.parts for left, first in part.groups if left < 393]
    changes = sum(before != after for before, after in pairwise(tiles))
    assert changes == len(set(tiles)) - 1
    assert plan.tile * plan.n_blocks <= 2048
    assert plan.tile % plan.group == 0


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 300), st.integers(2, 12), st.integers(10, 60_000))
def test_parts_hold_all_numbers_in_full_ciphertexts_of_even_size(d, c, n):
    plan = a_plan(n, d, c)
    sizes = [len(part.pairs) for part in plan.parts]
    assert sum(sizes) == plan.count
    assert max(sizes) <= plan.parameters.poly_modulus_degree
    groups = [len(part.groups) for part in plan.parts if part.pairs[0][1] < d]
    assert max(groups) - min(groups) <= 1
    assert max(groups) * plan.group <= plan.parameters.poly_modulus_degree
    assert all(len(set(plan.positions(part))) == len(part.pairs) for part in plan.parts)
    json.dumps(plan.to_json())


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 500), st.integers(2, 64), st.integers(10, 65_000))
def test_an_accepted_plan_rounds_exactly_and_has_room(d, c, n):
    plan = a_plan(n, d, c)
    assert plan.error * max(plan.moment_units, plan.label_units) < 0.5
    assert 2 * plan.exact_product_scale * n * (1 + plan.eta) ** 2 < plan.parameters.modulus(1) / 8
    assert plan.label_units % (c << 12) == 0, "multiples of 1/(c 2^12) are whole numbers of units"
    check_headroom(plan, n / 16)


def test_noise_as_large_as_the_modulus_is_refused():
    with pytest.raises(PlanRefused) as refused:
        check_headroom(a_plan(), 1e12)
    assert refused.value.reason == "no_head_room"


def test_too_few_levels_are_refused():
    with pytest.raises(PlanRefused, match="need 3 levels") as refused:
        a_plan(parameters=Parameters.from_bits(8192, (60, 60, 60)))
    assert refused.value.reason == "too_few_levels"


def test_records_too_many_for_the_scale_are_refused_with_what_is_missing():
    strong = {"parameters": STRONG.parameters, "input_scale": STRONG.input_scale}
    assert a_plan(10_000, 300, **strong).error > 0
    with pytest.raises(PlanRefused, match=r"input scale \d+ bits larger") as refused:
        a_plan(400_000, 300, n_blocks=-(-400_000 // 16384), **strong)
    assert refused.value.reason == "statistics_not_exact"


def test_a_scale_without_room_for_sums_is_refused():
    with pytest.raises(PlanRefused) as refused:
        a_plan(input_scale=2.0**58, parameters=Parameters.from_bits(8192, (50, 50, 34, 60)))
    assert refused.value.reason in ("no_head_room", "out_of_range")


def test_a_larger_scale_leaves_a_smaller_error():
    coarse, fine = (a_plan(60_000, 393, 10, input_scale=2.0**bits, largest_group=1) for bits in (51, 54))
    assert coarse.error > 2 * fine.error
    assert math.log2(coarse.lift) > math.log2(fine.lift)


def test_groups_shrink_where_large_ones_are_not_proven_exact():
    assert [a_plan(n, 300, 3, input_scale=2.0**51).group for n in (1_000, 30_000)] == [8, 2]
    assert a_plan(60_000, 393, 10).group == 8
