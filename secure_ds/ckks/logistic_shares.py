"""Which features of a logistic step each process holds.

A share is a range of whole groups of features. Its process adds up its part of the weighted sums and makes every node
of the packing tree within its range, in order. The first process puts the nodes of all together. Those next to its own
come early, while others are still made; after the last ones all others wait for it.

Costs are in nodes of the tree, measured at N = 16384 with five data primes: a node takes 3.3 ms there.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from secure_ds.ckks.packing import Node, group_size, padded_count

_SUMS: Final = 1.7  # of a group's columns, a block
_PRODUCTS: Final = 2.2  # of a group's combinations, a block
_GROUP: Final = 1.6  # a group's relinearisation and rescaling
_IMAGES: Final = 1  # of a residual, taken from the process that made them


def share_out(n_features: int, n_blocks: int, processes: int) -> list[range]:
    """Return each process's features, in order: as many of the first process's as let a step end earliest.

    Args:
        n_features: features in all.
        n_blocks: ciphertexts per feature.
        processes: at least one; no more are used than there are groups.
    """
    group = group_size(n_features)
    n_groups = -(-n_features // group)
    used = min(processes, n_groups)
    if used == 1:
        return [range(n_features)]
    cuts = (_cut(n_groups, used, own) for own in range(1, -(-n_groups // used) + 1))
    best = min(cuts, key=lambda shares: _cost(shares, n_blocks))
    return [range(share.start * group, min(share.stop * group, n_features)) for share in best]


def whole_nodes(share: range, count: int) -> list[Node]:
    """Return the largest nodes of a tree over `count` inputs that lie within a share of them, in order."""
    found, first = [], share.start
    while first < share.stop:
        size = padded_count(count)
        while first % size or min(first + size, count) > share.stop:
            size //= 2
        found.append(Node(first, size))
        first += size
    return found


def _cut(n_groups: int, used: int, own: int) -> list[range]:
    others = n_groups - own
    bounds = [own + others * index // (used - 1) for index in range(used)]
    return [range(*pair) for pair in pairwise([0, *bounds])]


def _cost(shares: list[range], n_blocks: int) -> float:
    n_groups = shares[-1].stop
    places = [whole_nodes(share, n_groups) for share in shares]
    own, *others = (
        (_GROUP + _PRODUCTS * n_blocks) * len(share) + sum(_made(place, n_groups) for place in made)
        for share, made in zip(shares, places, strict=True)
    )
    above = {node for made in places for place in made for node in _above(place, n_groups)}
    late = {node for made in places[1:] for node in _above(made[-1], n_groups)}
    own += len(above - late)
    sums = _SUMS * n_blocks * max(map(len, shares))
    return sums + max(own, *(other + _IMAGES * n_blocks for other in others)) + len(late)


def _made(place: Node, count: int) -> int:
    """Return how many nodes are made for one, itself included, from `count` inputs in all."""
    present = min(place.size, count - place.first)
    return sum(-(-present // (1 << level)) for level in range(1, place.size.bit_length()))


def _above(place: Node, count: int) -> Iterator[Node]:
    size = place.size
    while size < padded_count(count):
        size *= 2
        yield Node(place.first // size * size, size)
