"""Shares of a step: all features once, whole groups, and nobody waits long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_ds.ckks.logistic_shares import share_out, whole_nodes
from secure_ds.ckks.packing import group_size, padded_count


@given(st.integers(1, 5000), st.integers(1, 8), st.integers(1, 64))
def test_shares_are_whole_groups_of_all_features(n_features: int, n_blocks: int, processes: int) -> None:
    shares = share_out(n_features, n_blocks, processes)
    group = group_size(n_features)
    assert [feature for share in shares for feature in share] == list(range(n_features))
    assert all(share.start % group == 0 for share in shares)
    assert len(shares) == min(processes, -(-n_features // group))
    assert all(len(share) > 0 for share in shares)


@pytest.mark.parametrize("processes", [2, 4, 8])
def test_no_process_waits_long_for_another(processes: int) -> None:
    """Of 400 features: nobody has more than a quarter beyond an equal share."""
    assert max(map(len, share_out(400, 4, processes))) <= 1.25 * 400 / processes


def test_who_puts_all_together_holds_no_more_than_the_others() -> None:
    own, *others = share_out(400, 1, 4)
    assert len(own) <= min(map(len, others))


def test_mnist_on_two_processes() -> None:
    """The second process ends with a node of half the tree, so that two nodes at most are left when it is done."""
    own, other = share_out(197, 1, 2)
    assert (own, other) == (range(104), range(104, 197))
    assert whole_nodes(other, 197) == [(104, 8), (112, 16), (128, 128)]


@given(st.integers(1, 2000), st.data())
def test_nodes_of_a_share_cover_it_and_are_as_large_as_they_can_be(count: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, count - 1))
    share = range(start, data.draw(st.integers(start + 1, count)))
    places = whole_nodes(share, count)
    covered = [first + index for first, size in places for index in range(size) if first + index < count]
    assert covered == list(share)
    for first, size in places:
        assert size & (size - 1) == 0
        assert first % size == 0
        parent = first // (2 * size) * 2 * size
        inside = parent >= share.start and min(parent + 2 * size, count) <= share.stop
        assert not inside or 2 * size > padded_count(count)
