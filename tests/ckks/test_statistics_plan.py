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
from secure_ds.ckks.statistics_plan import GROUP, check_headroom, label_pairs, moment_pairs
from tests.ckks.statistics_examples import a_plan


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 150), st.sampled_from([1, 3, 10]))
def test_every_pair_is_listed_once(d, m):
    moments, labels = moment_pairs(d), label_pairs(d, m)
    assert len(moments) == len(set(moments)) == d * (d + 1) // 2
    assert all(0 <= j <= k < d for j, k in moments)
    assert len(labels) == len(set(labels)) == d * m
    assert {k for _, k in labels} == set(range(d, d + m))


def test_pairs_go_by_tiles_so_that_few_columns_are_loaded():
    tiles = [(j // GROUP, k // GROUP) for j, k in moment_pairs(200)]
    changes = sum(before != after for before, after in pairwise(tiles))
    assert changes == len(set(tiles)) - 1


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 300), st.integers(2, 12), st.integers(10, 60_000))
def test_parts_hold_all_numbers_in_full_ciphertexts_of_even_size(d, c, n):
    plan = a_plan(n, d, c)
    sizes = [len(part.pairs) for part in plan.parts]
    assert sum(sizes) == plan.count
    assert max(sizes) <= plan.parameters.poly_modulus_degree
    moment_sizes = sizes[: -(-plan.n_moments // 8192)]
    assert max(moment_sizes) - min(moment_sizes) <= 1
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
    coarse, fine = (a_plan(60_000, 393, 10, input_scale=2.0**bits) for bits in (51, 54))
    assert coarse.error > 2 * fine.error
    assert math.log2(coarse.lift) > math.log2(fine.lift)
