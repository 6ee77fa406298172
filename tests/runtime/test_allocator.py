"""The caching allocator against a plain model, on a device without memory: the same addresses, blocks and statistics."""

import hashlib
from bisect import bisect_left, bisect_right, insort

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tritorch import _C

from .allocator_model import MIB, Model, OutOfMemory

STREAMS = 8
GRAPH = 1  # the private pool that the random programs capture into


class Pair:
    """The allocator and its model, moved together; beside them a ledger of who may use which bytes until when."""

    def __init__(self, capacity: int, max_split_size: int | None = None):
        self.device = _C.AllocatorForTests(capacity, f"max_split_size_mb:{max_split_size}" if max_split_size else "")
        self.model = Model(capacity, max_split_size * MIB) if max_split_size else Model(capacity)
        self.live: list[int] = []
        self.starts: list[int] = []  # of the live blocks, in order
        self.sizes: dict[int, int] = {}
        self.uses: dict[int, dict[int, bool]] = {}
        self.owners: dict[int, int] = {}
        self.waits: list[tuple[int, int, dict[int, int]]] = []  # freed: start, end, the position each stream must reach
        self.digest = hashlib.sha256()

    def allocate(self, size: int, stream: int) -> None:
        try:
            expected = self.model.allocate(size, stream)
        except OutOfMemory:
            with pytest.raises(RuntimeError, match=r"CUDA out of memory\. Tried to allocate"):
                self.device.allocate(size, stream)
            return
        address = self.device.allocate(size, stream)
        assert address == expected, (size, stream)
        self.digest.update(address.to_bytes(8, "little"))
        assert address % 512 == 0
        self.check_alone(address, size)
        insort(self.starts, address)
        self.live.append(address)
        self.sizes[address], self.uses[address], self.owners[address] = size, {}, stream

    def check_alone(self, address: int, size: int) -> None:
        """Nobody else has these bytes, and whoever had them is done."""
        at = bisect_right(self.starts, address)
        if at:
            assert self.starts[at - 1] + max(self.sizes[self.starts[at - 1]], 1) <= address
        if at < len(self.starts):
            assert address + size <= self.starts[at]
        waiting = []
        for start, end, positions in self.waits:
            pending = {s: p for s, p in positions.items() if self.device.progress(s)[0] < p}
            assert not (pending and start < address + size and address < end), "reused before its events"
            if pending:
                waiting.append((start, end, pending))
        self.waits = waiting

    def free(self, which: int) -> None:
        self.live[which], self.live[-1] = self.live[-1], self.live[which]
        address = self.live.pop()
        del self.starts[bisect_left(self.starts, address)]
        positions = {s: self.model.given.get(s, 0) for s, eager in self.uses.pop(address).items() if eager}
        if positions:
            self.waits.append((address, address + self.sizes[address], positions))
        self.model.free(address)
        self.device.free(address)

    def record_stream(self, which: int, stream: int) -> None:
        address = self.live[which]
        if stream != self.owners[address]:
            eager = self.uses[address]
            eager[stream] = eager.get(stream, False) or not self.model.captures
        self.model.record_stream(address, stream)
        self.device.record_stream(address, stream)

    def launch(self, stream: int) -> None:
        self.model.launch(stream)
        self.device.launch(stream)

    def finish(self, stream: int, count: int) -> None:
        self.model.finish(stream, count)
        self.device.finish(stream, count)

    def empty_cache(self) -> None:
        self.model.empty_cache()
        self.device.empty_cache()

    def capture(self, stream: int) -> None:
        """Begins a capture, or ends the one under way."""
        if self.model.captures:
            self.model.end_pool(GRAPH)
            self.device.end_pool(GRAPH)
        else:
            self.model.begin_pool(GRAPH, stream)
            self.device.begin_pool(GRAPH, stream)

    def release_pool(self) -> None:
        if self.model.pools.get(GRAPH) and not self.model.captures:
            self.model.release_pool(GRAPH)
            self.device.release_pool(GRAPH)

    def compare(self) -> None:
        figures, stats = self.model.figures(), self.device.stats()
        assert {name: stats[name] for name in figures} == figures
        assert self.device.used == self.model.used and self.device.live_segments == len(self.model.segments)
        assert self.device.live_events == sum(map(len, self.model.events.values()))
        blocks = [
            (segment["stream"], [(b["address"], b["size"], b["state"]) for b in segment["blocks"]])
            for segment in self.device.snapshot()
        ]
        assert blocks == [
            (s.stream, [(b.address, b.size, b.state) for b in s.blocks]) for _, s in sorted(self.model.segments.items())
        ]

    def close(self) -> None:
        """Everything is freed: nothing leaks."""
        if self.model.captures:
            self.capture(0)
        while self.live:
            self.free(len(self.live) - 1)
        while self.model.pools.get(GRAPH):
            self.release_pool()
        self.empty_cache()
        self.compare()
        assert self.device.used == self.device.live_segments == self.device.live_events == 0


def run(seed: int, steps: int, max_split_size: int | None = None, every: int = 500) -> str:
    """A random program of so many steps; the digest of all addresses it was given."""
    random = np.random.default_rng(seed)
    pair = Pair(768 * MIB, max_split_size)
    for start in range(0, steps, 10_000):
        count = min(10_000, steps - start)
        actions, streams = random.random(count), random.integers(0, STREAMS, count)
        picks, powers = random.random(count), random.random(count)
        wave = 0.40 + 0.12 * random.random()  # sometimes the program grows, sometimes it shrinks
        for step in range(count):
            action, stream, pick = actions[step], int(streams[step]), picks[step]
            if action < wave or not pair.live:
                exponent = 17 * powers[step] if pick < 0.9 else 17 + 10 * powers[step]
                pair.allocate(int(2**exponent), stream)
            elif action < 0.90:
                pair.free(int(pick * len(pair.live)))
            elif action < 0.94:
                pair.record_stream(int(pick * len(pair.live)), stream)
            elif action < 0.97:
                pair.launch(stream)
            elif action < 0.9985:
                pair.finish(stream, 1 + int(pick * 4))
            elif action < 0.9990:
                pair.capture(stream)
            elif action < 0.9995:
                pair.release_pool()
            else:
                pair.empty_cache()
            if step % every == 0:
                pair.compare()
    pair.close()
    return pair.digest.hexdigest()


@pytest.mark.parametrize("max_split_size", [None, 24])
def test_random_programs(max_split_size, figure):
    run(1, 100_000, max_split_size)
    figure(f"allocator v a plain model, oversize blocks {'on' if max_split_size else 'off'}", "100,000 steps, equal")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_random_programs_at_full_size(seed):
    run(seed, 100_000, None if seed % 2 else 32)


def test_a_seed_replays_exactly():
    assert run(7, 5_000) == run(7, 5_000) != run(8, 5_000)


class Machine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.pair = Pair(192 * MIB, 24)

    streams = st.integers(0, STREAMS - 1)
    sizes = st.one_of(st.integers(1, 4096), st.integers(1, 2 * MIB), st.integers(1, 64).map(lambda n: n * MIB))

    @rule(size=sizes, stream=streams)
    def allocate(self, size, stream):
        self.pair.allocate(size, stream)

    @rule(size=sizes, stream=streams, count=st.integers(2, 12))
    def allocate_many(self, size, stream, count):
        for _ in range(count):
            self.pair.allocate(size, stream)

    @precondition(lambda self: self.pair.live)
    @rule(pick=st.integers(0, 10**6))
    def free(self, pick):
        self.pair.free(pick % len(self.pair.live))

    @precondition(lambda self: self.pair.live)
    @rule(pick=st.integers(0, 10**6), stream=streams)
    def record_stream(self, pick, stream):
        self.pair.record_stream(pick % len(self.pair.live), stream)
        self.pair.launch(stream)

    @rule(stream=streams, count=st.integers(1, 3))
    def finish(self, stream, count):
        self.pair.finish(stream, count)

    @rule(stream=streams)
    def capture(self, stream):
        self.pair.capture(stream)

    @rule()
    def release_pool(self):
        self.pair.release_pool()

    @rule()
    def empty_cache(self):
        self.pair.empty_cache()

    @invariant()
    def equal(self):
        self.pair.compare()

    def teardown(self):
        self.pair.close()


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=200, stateful_step_count=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
