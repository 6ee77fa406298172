"""The caching allocator's rules once more, plainly: lists that are searched, statistics that are counted anew."""

from bisect import bisect_left, insort
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import itemgetter

MIB = 1 << 20
UNLIMITED = 1 << 62
COUNTED = (
    "allocation", "segment", "active", "inactive_split",
    "allocated_bytes", "reserved_bytes", "active_bytes", "inactive_split_bytes", "requested_bytes",
)  # fmt: skip


class OutOfMemory(Exception):
    pass


def rounded(size: int) -> int:
    return max(512, -(-size // 512) * 512)


def segment_size(size: int) -> int:
    if size <= MIB:
        return 2 * MIB
    return 20 * MIB if size < 10 * MIB else -(-size // (2 * MIB)) * 2 * MIB


@dataclass(eq=False)
class Block:
    address: int
    size: int
    segment: "Segment"
    state: str = "inactive"  # or active_allocated, active_pending_free: torch's words
    requested: int = 0
    uses: dict[int, bool] = field(default_factory=dict)  # stream -> recorded during a capture
    events: int = 0


@dataclass(eq=False)
class Segment:
    address: int
    size: int
    stream: int
    kind: str
    pool: int
    blocks: list[Block] = field(default_factory=list)


class Stat:
    def __init__(self):
        self.current = self.peak = self.allocated = self.freed = 0

    def change(self, by: int) -> None:
        self.current += by
        self.peak = max(self.peak, self.current)
        if by > 0:
            self.allocated += by
        else:
            self.freed -= by


class Model:
    """What the allocator does on a device of `capacity` bytes whose addresses never come back."""

    def __init__(self, capacity: int, max_split_size: int = UNLIMITED):
        self.capacity, self.used, self.next_address = capacity, 0, 2 * MIB
        self.limit = max_split_size
        self.segments: dict[int, Segment] = {}
        self.blocks: dict[int, Block] = {}  # by address, those that are allocated
        self.free_lists: dict[
            tuple[int, str, int], list[tuple[int, int]]
        ] = {}  # (pool, kind, stream) -> (size, address)
        self.by_address: dict[int, Block] = {}  # those that are free
        self.given: dict[int, int] = {}
        self.done: dict[int, int] = {}
        self.events: dict[int, list[tuple[int, Block]]] = {}  # stream -> (position, block)
        self.deferred: list[Block] = []
        self.captures: dict[int, int] = {}  # pool -> stream
        self.pools: dict[int, int] = {}  # pool -> uses
        self.stats = {name: {part: Stat() for part in ("all", "small_pool", "large_pool")} for name in COUNTED}
        self.oversize_allocations, self.oversize_segments = Stat(), Stat()
        self.counts = dict.fromkeys(
            ("num_alloc_retries", "num_ooms", "num_sync_all_streams", "num_device_alloc", "num_device_free"), 0
        )

    # ---- the device

    def launch(self, stream: int) -> None:
        self.given[stream] = self.given.get(stream, 0) + 1

    def finish(self, stream: int, count: int) -> None:
        self.done[stream] = min(self.given.get(stream, 0), self.done.get(stream, 0) + count)

    # ---- statistics: what a segment holds, before and after

    @staticmethod
    def count(segment: Segment) -> dict[str, int]:
        found = dict.fromkeys(COUNTED, 0)
        for block in segment.blocks:
            if block.state == "active_allocated":
                found["allocation"] += 1
                found["allocated_bytes"] += block.size
            if block.state != "inactive":
                found["active"] += 1
                found["active_bytes"] += block.size
                found["requested_bytes"] += block.requested
            elif len(segment.blocks) > 1:
                found["inactive_split"] += 1
                found["inactive_split_bytes"] += block.size
        return found

    @contextmanager
    def counted(self, segment: Segment):
        before = self.count(segment)
        yield
        after = self.count(segment)
        for name in COUNTED:
            if after[name] != before[name]:
                self.change(name, segment, after[name] - before[name])

    def change(self, name: str, segment: Segment, by: int) -> None:
        for part in ("all", segment.kind):
            self.stats[name][part].change(by)

    def figures(self) -> dict:
        """As the allocator's own report, without what the model does not follow."""
        report: dict = {
            name: {part: dict(vars(stat)) for part, stat in parts.items()} for name, parts in self.stats.items()
        }
        report["oversize_allocations"] = dict(vars(self.oversize_allocations))
        report["oversize_segments"] = dict(vars(self.oversize_segments))
        return report | self.counts

    # ---- free blocks

    def shelf(self, segment: Segment) -> list[tuple[int, int]]:
        return self.free_lists.setdefault((segment.pool, segment.kind, segment.stream), [])

    def put(self, block: Block) -> None:
        insort(self.shelf(block.segment), (block.size, block.address))
        self.by_address[block.address] = block

    def remove(self, block: Block) -> None:
        shelf = self.shelf(block.segment)
        del shelf[bisect_left(shelf, (block.size, block.address))]
        del self.by_address[block.address]

    def take(self, key: tuple[int, str, int], size: int) -> Block | None:
        shelf = self.free_lists.get(key, [])
        at = bisect_left(shelf, (size, 0))
        if at == len(shelf):
            return None
        found = shelf[at][0]
        if (size < self.limit <= found) or (size >= self.limit and found >= size + 20 * MIB):
            return None
        block = self.by_address[shelf[at][1]]
        self.remove(block)
        return block

    # ---- segments

    def device_malloc(self, key: tuple[int, str, int], size: int) -> Block | None:
        size = segment_size(size)
        if size > self.capacity - self.used:
            return None
        pool, kind, stream = key
        segment = Segment(self.next_address, size, stream, kind, pool)
        self.next_address += -(-size // (2 * MIB)) * 2 * MIB
        self.used += size
        self.segments[segment.address] = segment
        block = Block(segment.address, size, segment)
        segment.blocks.append(block)
        self.counts["num_device_alloc"] += 1
        self.change("segment", segment, 1)
        self.change("reserved_bytes", segment, size)
        if size >= self.limit:
            self.oversize_segments.change(1)
        return block

    def device_free(self, block: Block) -> None:
        segment = block.segment
        assert segment.blocks == [block] and block.state == "inactive"
        self.remove(block)
        del self.segments[segment.address]
        self.used -= segment.size
        self.counts["num_device_free"] += 1
        self.change("segment", segment, -1)
        self.change("reserved_bytes", segment, -segment.size)
        if segment.size >= self.limit:
            self.oversize_segments.change(-1)

    def release(self, pool: int) -> None:
        for block in list(self.by_address.values()):
            if block.segment.pool == pool and len(block.segment.blocks) == 1:
                self.device_free(block)

    def release_private(self) -> None:
        for pool, uses in list(self.pools.items()):
            if not uses and pool not in self.captures:
                self.release(pool)
                if all(segment.pool != pool for segment in self.segments.values()):
                    del self.pools[pool]

    def release_oversize(self, key: tuple[int, str, int], size: int) -> bool:
        if self.limit == UNLIMITED:
            return False
        wanted, shelf, released = max(size, self.limit), self.free_lists.get(key, []), 0
        at = bisect_left(shelf, (wanted, 0))
        if at < len(shelf):
            self.device_free(self.by_address[shelf[at][1]])
            return True
        while released < wanted and shelf and shelf[-1][0] >= self.limit:
            released += shelf[-1][0]
            self.device_free(self.by_address[shelf[-1][1]])
        return released >= wanted

    # ---- events

    def record_events(self, block: Block) -> None:
        for stream in block.uses:
            self.events.setdefault(stream, []).append((self.given.get(stream, 0), block))
            block.events += 1
        block.uses = {}

    def process_events(self) -> None:
        for block in self.deferred:
            block.uses = {stream: captured for stream, captured in block.uses.items() if not captured}
            self.record_events(block)
            if not block.events:
                self.complete(block)
        self.deferred = []
        for stream, queue in sorted(self.events.items(), key=itemgetter(0)):
            while queue and queue[0][0] <= self.done.get(stream, 0):
                block = queue.pop(0)[1]
                block.events -= 1
                if not block.events:
                    self.complete(block)

    def synchronize(self) -> None:
        self.counts["num_sync_all_streams"] += 1
        self.process_deferred_only()
        for stream, queue in sorted(self.events.items(), key=itemgetter(0)):
            if queue:
                self.done[stream] = max(self.done.get(stream, 0), queue[-1][0])
        self.process_events()

    def process_deferred_only(self) -> None:
        done, self.done = self.done, dict.fromkeys(self.events, -1)
        self.process_events()
        self.done = done

    def complete(self, block: Block) -> None:
        """The block is free: it becomes one with its free neighbours."""
        blocks = block.segment.blocks
        with self.counted(block.segment):
            block.state = "inactive"
            at = blocks.index(block)
            for other in (at + 1, at - 1):
                if 0 <= other < len(blocks) and blocks[other].state == "inactive":
                    neighbour = blocks[other]
                    self.remove(neighbour)
                    block.size += neighbour.size
                    block.address = min(block.address, neighbour.address)
                    blocks.remove(neighbour)
            self.put(block)

    # ---- what the program asks

    def allocate(self, requested: int, stream: int) -> int:
        if not self.captures:
            self.process_events()
        size = rounded(requested)
        pool = next((pool for pool, captured in self.captures.items() if captured == stream), 0)
        key = (pool, "small_pool" if size <= MIB else "large_pool", stream)
        block = self.take(key, size) or self.device_malloc(key, size)
        if not block and self.release_oversize(key, size):
            block = self.device_malloc(key, size)
        if not block and not self.captures:
            self.synchronize()
            block = self.take(key, size)
            if not block:
                self.release(0)
                self.release_private()
                self.counts["num_alloc_retries"] += 1
                block = self.device_malloc(key, size)
        if not block:
            self.counts["num_ooms"] += 1
            raise OutOfMemory
        segment, rest = block.segment, block.size - size
        with self.counted(segment):
            if rest >= 512 if segment.kind == "small_pool" else size < self.limit and rest > MIB:
                block.size = size
                remaining = Block(block.address + size, rest, segment)
                segment.blocks.insert(segment.blocks.index(block) + 1, remaining)
                self.put(remaining)
            block.state, block.requested = "active_allocated", requested
        self.blocks[block.address] = block
        if block.size >= self.limit:
            self.oversize_allocations.change(1)
        return block.address

    def free(self, address: int) -> None:
        block = self.blocks.pop(address)
        with self.counted(block.segment):
            block.state = "active_pending_free"
        if block.size >= self.limit:
            self.oversize_allocations.change(-1)
        if not block.uses:
            self.complete(block)
        elif self.captures:
            self.deferred.append(block)
        else:
            self.record_events(block)

    def record_stream(self, address: int, stream: int) -> None:
        block = self.blocks[address]
        if stream != block.segment.stream:
            block.uses[stream] = block.uses.get(stream, True) and bool(self.captures)

    def empty_cache(self) -> None:
        if not self.captures:
            self.synchronize()
            self.release(0)
        self.release_private()

    def begin_pool(self, pool: int, stream: int) -> None:
        self.pools[pool] = self.pools.get(pool, 0) + 1
        self.captures[pool] = stream

    def end_pool(self, pool: int) -> None:
        del self.captures[pool]

    def release_pool(self, pool: int) -> None:
        self.pools[pool] -= 1
