"""Edits a graph greedily to raise its spectral gap, component by component."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Literal

import numpy as np

from benchmark.graphs.edges import Edit, Floats, Graph, Ints
from benchmark.graphs.modes import Spectrum
from benchmark.graphs.spectrum import spectrum_of
from benchmark.graphs.wiring import Wiring

from ._additions import eldan_additions, proxy_additions
from ._pairs import ranked
from ._proxies import Vector, block_rise, eldan_deletion, rise, scored_by, term_size

SIGNS = {"delete": (-1,), "add": (1,), "both": (-1, 1)}
SHORTLIST = 1024
"""Number of additions, best by the proxy, that the block proxy chooses from."""

SMALL = 1000
"""Largest number of nodes at which candidates are checked exactly by default."""


@dataclass(frozen=True)
class Rule:
    """The settings of spectral rewiring; see the options of `spectral`."""

    mode: Literal["delete", "add", "both"] = "delete"
    criterion: Literal["proxy", "block-proxy", "eldan", "exact"] = "proxy"
    vector: Vector = "generalised"
    loops: Literal[0, 1] = 1
    period: int = 1
    connectivity: Literal["keep", "free"] = "keep"
    verify: int | None = None

    def __post_init__(self) -> None:
        if self.mode == "both" and self.connectivity == "free":
            raise ValueError("mode 'both' keeps components connected; connectivity must be 'keep'")

    def checks(self, nodes: int) -> int:
        """Return how many candidates per edit are checked exactly."""
        if self.criterion == "exact":
            return 0
        return (10 if nodes <= SMALL else 0) if self.verify is None else self.verify


def spectral_edits(graph: Graph, count: int, rule: Rule) -> list[Edit]:
    """Return up to `count` edits in order. The largest component is edited until no candidate is left, then the next.

    With connectivity kept, at most m - n + c edges can be deleted (m edges, n nodes, c components).
    """
    log: list[Edit] = []
    done: set[int] = set()  # the first nodes of components with nothing left to edit
    while len(log) < count and (nodes := _largest(graph, done)) is not None:
        more, whole = _edit_component(graph.induced(nodes), count - len(log), rule, log[-1][2] if log else 0)
        here = [(int(nodes[i]), int(nodes[j]), sign) for i, j, sign in more]
        log, graph = log + here, graph.edited(here)
        if whole:
            done.add(int(nodes[0]))
    return log


def _largest(graph: Graph, done: set[int]) -> Ints | None:
    """Return the nodes of the largest component that is not done; the first of equal size."""
    _, labels = graph.components
    firsts, sizes = np.unique(labels, return_index=True)[1], np.bincount(labels)
    sizes[np.isin(firsts, list(done))] = 0
    if not len(sizes) or sizes.max() < 2:
        return None
    largest = np.flatnonzero(sizes == sizes.max())
    return np.flatnonzero(labels == largest[firsts[largest].argmin()])


def _edit_component(graph: Graph, count: int, rule: Rule, before: int) -> tuple[list[Edit], bool]:
    """Edit a connected graph until there are `count` edits, no candidate is left, or the graph falls apart.

    Args:
        before: sign of the previous edit; 0 if there is none. Mode `both` alternates signs.

    Returns:
        The edits, and whether the graph is still connected.
    """
    wiring = Wiring(graph, 0 if rule.criterion == "eldan" else rule.loops)
    spectrum, log, idle = spectrum_of(wiring), list[Edit](), 0
    signs = SIGNS[rule.mode]
    for sign in cycle(signs[::-1] if before == signs[0] else signs):
        wanted = min(rule.period, count - len(log))
        if not wanted or idle == len(signs):
            break
        edits, whole = _add(spectrum, rule, wanted) if sign > 0 else _delete(spectrum, rule, wanted)
        log += edits
        idle = 0 if edits else idle + 1
        if not whole:
            return log, False
    return log, True


def _delete(spectrum: Spectrum, rule: Rule, wanted: int) -> tuple[list[Edit], bool]:
    """Delete the best edges by the current modes. Return the edits, and whether the graph is still connected."""
    wiring, log, whole = spectrum.wiring, list[Edit](), True
    for slot in _deletions(spectrum, rule, wanted):
        if whole and spectrum.bridge(slot):
            if rule.connectivity == "keep":
                wiring.lock(slot)
                continue
            whole = False
        log.append((int(wiring.u[slot]), int(wiring.v[slot]), -1))
        if whole:
            spectrum.delete(slot)
        if len(log) == wanted:
            break
    return log, whole


def _deletions(spectrum: Spectrum, rule: Rule, wanted: int) -> Iterator[int]:
    """Yield the slots of edges to delete, best first, including bridges."""
    wiring = spectrum.wiring
    scores = np.full(len(wiring.u), -np.inf)
    slots = np.flatnonzero(wiring.deletable)
    pairs = np.stack([wiring.u[slots], wiring.v[slots]], axis=1)
    scores[slots], scale = _worth_deleting(spectrum, rule, pairs)
    order = ranked(scores, scale)
    if checks := rule.checks(wiring.nodes):
        unlocked = (slot for slot in order if rule.connectivity == "free" or not _locked(spectrum, slot))
        short = np.array(list(islice(unlocked, max(checks, wanted))), np.int64)
        gaps = spectrum.gaps(np.stack([wiring.u[short], wiring.v[short]], axis=1), -1)
        yield from short[list(ranked(gaps))].tolist()
    yield from order


def _locked(spectrum: Spectrum, slot: int) -> bool:
    """Return whether the edge is a bridge, and lock it if it is."""
    if bridge := spectrum.bridge(slot):
        spectrum.wiring.lock(slot)
    return bridge


def _worth_deleting(spectrum: Spectrum, rule: Rule, pairs: Ints) -> tuple[Floats, float]:
    """Return the score for deleting each edge, [k, 2] -> [k], and the magnitude of the terms it sums."""
    if rule.criterion == "exact":
        return spectrum.gaps(pairs, -1), 0.0
    modes, degrees, (i, j) = spectrum.modes(), spectrum.wiring.degrees, pairs.T
    if rule.criterion == "block-proxy":
        return block_rise(modes, float(degrees.sum()), i, j, -1), modes.gap
    if rule.criterion == "eldan":
        return eldan_deletion(modes, degrees, i, j), term_size(modes.gap, scored_by(modes, degrees, "raw"))
    x = scored_by(modes, degrees, rule.vector)
    return -rise(modes.gap, x, i, j), term_size(modes.gap, x)


def _add(spectrum: Spectrum, rule: Rule, wanted: int) -> tuple[list[Edit], bool]:
    """Add the best edges by the current modes. Return the edits; the graph always stays connected (True)."""
    checks = rule.checks(spectrum.wiring.nodes)
    pairs = _additions(spectrum, rule, max(checks, wanted))
    if checks:
        pairs = pairs[list(ranked(spectrum.gaps(pairs, 1)))]
    for i, j in pairs[:wanted]:
        spectrum.add(int(i), int(j))
    spectrum.wiring.unlock()
    return [(int(i), int(j), 1) for i, j in pairs[:wanted]], True


def _additions(spectrum: Spectrum, rule: Rule, count: int) -> Ints:
    """Return the best non-edges by the criterion, [k, 2], best first."""
    wiring, nodes = spectrum.wiring, np.arange(spectrum.wiring.nodes)
    if rule.criterion == "exact":
        pairs = np.argwhere(np.triu(~wiring.taken(nodes, nodes)))
        return pairs[list(islice(ranked(spectrum.gaps(pairs, 1)), count))]
    modes, degrees = spectrum.modes(), wiring.degrees
    if rule.criterion == "eldan":
        return eldan_additions(wiring, modes, count)
    if rule.criterion == "block-proxy":
        pairs = proxy_additions(wiring, modes, "generalised", SHORTLIST)
        rises = block_rise(modes, float(degrees.sum()), pairs[:, 0], pairs[:, 1], 1)
        return pairs[list(islice(ranked(rises, modes.gap), count))]
    return proxy_additions(wiring, modes, rule.vector, count)
