"""Verdicts on timings that drift and jump: how often identical code is called slower, and a planted 5 % found."""

import numpy as np
import pytest

from perf.verdicts import false_discovery, interval, judge, settle


def timings(rng, rounds, factor=1.0, noise=0.02):
    """(base, head, again), two samples each of every round: a drift for all, jumps of some, noise of each."""
    drift = np.exp(np.cumsum(rng.normal(0, 0.02, rounds)))[:, None]
    lanes = []
    for scale in (1.0, factor, 1.0):
        jumps = np.where(rng.random((rounds, 2)) < 0.05, 1.5, 1.0)
        lanes.append((scale * drift * jumps * np.exp(rng.normal(0, noise, (rounds, 2)))).tolist())
    return lanes


def suite(rng, cases=40, rounds=16, slow=()):
    return settle([judge(*timings(rng, rounds, 1.05 if i in slow else 1.0)) for i in range(cases)])


def test_identical_code_is_not_called_slower(figure):
    rng = np.random.default_rng(0)
    words = [v.word for _ in range(20) for v in suite(rng)]
    figure("regressions in 20 suites of identical code", words.count("slower"))
    assert words.count("slower") == words.count("faster") == 0


def test_a_planted_slowdown_is_found(figure):
    rng = np.random.default_rng(1)
    found = sum(suite(rng, rounds=30, slow={7})[7].word == "slower" for _ in range(20))
    figure("suites of 20 in which a planted 5 % is found", found)
    assert found >= 19


def test_what_cannot_be_judged_says_why():
    rng = np.random.default_rng(2)
    assert judge(*timings(rng, 4)).reason == "4 rounds of at least 8"
    base, head, again = timings(rng, 20, noise=0.002)
    moved = judge(base, head, [[1.2 * x for x in pair] for pair in again])
    assert (moved.word, moved.reason) == ("invalid", "base differs from itself (A/A lane)")
    assert judge(base, head, again, throttled=True).word == "invalid"
    assert judge(base, [[0.8 * x for x in pair] for pair in base], again).word == "faster"


def test_intervals_and_corrections():
    assert interval([0.1]) == (-np.inf, np.inf)
    low, high = interval(np.random.default_rng(3).normal(0.1, 0.01, 40))
    assert low < 0.1 < high and high - low < 0.02
    assert false_discovery([]) == []
    assert false_discovery([0.01, 0.02, 0.5]) == pytest.approx([0.03, 0.03, 0.5])
