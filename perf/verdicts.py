"""What paired rounds say: faster, slower, same, undecided or invalid.

Each round times base, head, head, base and a second process of base (the A/A lane), so that a drift of the machine
falls on all alike; a round gives one log-ratio. The median log-ratio has a bootstrap interval over rounds, and a p by
Wilcoxon's signed ranks, corrected over the suite (Benjamini and Hochberg, 1995). A change is said only if q is small,
the interval lies beyond what base differs from itself by, and the effect is not below a minimum.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

__all__ = ["Verdict", "false_discovery", "interval", "judge", "settle"]

MINIMUM = 0.02  # effects below 2 % are not told
LEVEL = 0.01
ROUNDS = 8  # fewer cannot reach LEVEL after the correction over a suite


@dataclass
class Verdict:
    """What a case came to; ``ratio`` is head's time over base's, ``noise`` what base differs from itself by."""

    word: str
    ratio: float
    low: float
    high: float
    p: float
    noise: float
    rounds: int
    q: float = 1.0
    reason: str = ""


def interval(logs, level=0.99, draws=2000, seed=0):
    """(low, high) of the median of ``logs``, by bootstrap over rounds, the same each time."""
    logs = np.asarray(logs)
    if len(logs) < 2:
        return (-math.inf, math.inf)
    picks = np.random.default_rng(seed).integers(0, len(logs), (draws, len(logs)))
    low, high = np.quantile(np.median(logs[picks], axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _signed_ranks(logs):
    logs = np.asarray(logs)
    if len(logs) < 2 or not np.any(logs):
        return 1.0
    return float(stats.wilcoxon(logs).pvalue)


def _logs(over, under):
    """A log-ratio of each round, of the quicker samples: what disturbs one of two does not count."""
    return [math.log(min(a) / min(b)) for a, b in zip(over, under, strict=True)]


def judge(base, head, again=None, throttled=False):
    """A verdict from the rounds alone; :func:`settle` makes it final, over a suite.

    Args:
        base, head, again: for each round the seconds that lane took; ``again`` is base in its second process.
        throttled: whether the machine's clock moved.
    """
    rounds = len(base)
    logs = _logs(head, base)
    ratio = math.exp(float(np.median(logs)))
    low, high = interval(logs)
    p = _signed_ranks(logs)
    noise = 0.0
    verdict = Verdict("undecided", ratio, math.exp(low), math.exp(high), p, noise, rounds)
    if again:
        own = _logs(again, base)
        own_low, own_high = interval(own)
        verdict.noise = max(abs(own_low), abs(own_high)) if math.isfinite(own_high) else 0.0
        if rounds >= ROUNDS and _signed_ranks(own) < LEVEL and abs(float(np.median(own))) > MINIMUM:
            verdict.word, verdict.reason = "invalid", "base differs from itself (A/A lane)"
            return verdict
    if throttled:
        verdict.word, verdict.reason = "invalid", "the machine's clock moved"
        return verdict
    least = math.log1p(MINIMUM)
    edge = max(least, verdict.noise)
    if rounds < ROUNDS:
        verdict.reason = f"{rounds} rounds of at least {ROUNDS}"
    elif low > edge:
        verdict.word = "slower"
    elif high < -edge:
        verdict.word = "faster"
    elif -2 * least < low and high < 2 * least and abs(math.log(ratio)) < least:
        verdict.word = "same"
    else:
        verdict.reason = "the interval is wide, or lies at the edge of the noise"
    return verdict


def false_discovery(ps):
    """The q of each p (Benjamini and Hochberg, 1995)."""
    return [float(q) for q in stats.false_discovery_control(ps)] if len(ps) else []


def settle(verdicts):
    """Gives each verdict its q over the suite; a change whose q is not small is undecided. Returns them."""
    decided = [v for v in verdicts if v.word != "invalid"]
    for verdict, q in zip(decided, false_discovery([v.p for v in decided]), strict=True):
        verdict.q = q
        if verdict.word in ("faster", "slower") and q > LEVEL:
            verdict.word, verdict.reason = "undecided", "not certain beside so many other cases"
    return verdicts
