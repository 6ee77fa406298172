"""tritorch.cuda's memory: statistics, streams, limits, settings, the history and its picture, out of memory in a step."""

import os
import subprocess
import sys
from html.parser import HTMLParser

import pytest

import tritorch as torch
from tritorch import _C, cuda

pytestmark = pytest.mark.skipif(not cuda.is_available(), reason="needs a device")
simulated = pytest.mark.skipif(_C.device_kind() != "simulated", reason="asks for the simulated device")
MIB = 1 << 20


@pytest.fixture(autouse=True)
def clean():
    cuda.synchronize()
    cuda.empty_cache()
    yield
    cuda.synchronize()
    cuda.memory._record_memory_history(None)
    cuda.set_per_process_memory_fraction(1.0)
    if _C.device_kind() == "simulated":
        _C.sim_card(8 << 30)
    cuda.empty_cache()


def block(size):
    return _C.memory_new(size, 0)


@pytest.mark.parametrize(
    "asks", [cuda.synchronize, cuda.set_device, cuda.mem_get_info, cuda.current_stream, cuda.Stream, cuda.memory_stats]
)
def test_a_cpu_device_is_refused(asks):
    torch.ones(1, device="cuda")  # statistics are asked for once a GPU is used
    with pytest.raises(ValueError, match=r"^Expected a cuda device, but got: cpu$"):
        asks("cpu")


def test_statistics_follow_the_tensors():
    cuda.reset_peak_memory_stats()
    before = cuda.memory_allocated()
    x = torch.ones(1000, 1000, device="cuda")
    assert cuda.memory_allocated() - before == 4_000_256
    assert cuda.max_memory_allocated() >= cuda.memory_allocated()
    assert cuda.memory_reserved() >= cuda.memory_allocated()
    stats = cuda.memory_stats()
    assert stats["allocated_bytes.all.current"] == cuda.memory_allocated()
    assert stats["reserved_bytes.large_pool.current"] >= 20 * MIB
    assert list(stats) == sorted(stats)
    del x
    assert cuda.memory_allocated() == before
    cuda.reset_peak_memory_stats()
    assert cuda.max_memory_allocated() == before
    cuda.reset_accumulated_memory_stats()
    assert cuda.memory_stats()["allocation.all.allocated"] == 0


def test_the_cache_is_kept_and_emptied():
    x = torch.zeros(3 * MIB, device="cuda")
    y = x + 1
    cuda.synchronize()
    held = cuda.memory_reserved()
    del x, y
    assert cuda.memory_reserved() == held
    cuda.empty_cache()
    assert cuda.memory_reserved() < held


def test_a_recorded_stream_delays_reuse():
    side = cuda.Stream()
    memory = block(512)
    address = memory.ptr
    memory.record_stream(side.cuda_stream)
    x = torch.ones(10, device="cuda")
    with cuda.stream(side):
        x = x + 1  # is not done before somebody waits
    del memory
    states = [b["state"] for s in cuda.memory_snapshot() for b in s["blocks"] if b["address"] == address]
    assert states == ["active_pending_free"]
    side.synchronize()
    again = [block(512) for _ in range(4)]
    assert address in [m.ptr for m in again]


def test_raw_memory():
    before = cuda.memory_allocated()
    address = cuda.caching_allocator_alloc(3000)
    assert address % 512 == 0 and cuda.memory_allocated() == before + 3072
    cuda.caching_allocator_delete(address)
    assert cuda.memory_allocated() == before
    with pytest.raises(RuntimeError, match="invalid device pointer"):
        cuda.caching_allocator_delete(address)


def test_a_fraction_limits_the_process():
    with pytest.raises(TypeError, match="Invalid type for fraction argument, must be `float`"):
        cuda.set_per_process_memory_fraction(1)
    with pytest.raises(ValueError, match=r"Invalid fraction value: 1\.5\. Allowed range: 0~1"):
        cuda.set_per_process_memory_fraction(1.5)
    total = cuda.mem_get_info()[1]
    cuda.set_per_process_memory_fraction((cuda.memory_reserved() + 30 * MIB) / total)
    kept = block(28 * MIB)
    with pytest.raises(cuda.OutOfMemoryError, match=r"is free\. .* allowed; Of the allocated memory"):
        block(28 * MIB)
    assert kept.nbytes == 28 * MIB and 0 < cuda.get_per_process_memory_fraction() < 1


def test_the_summary_is_torchs_table():
    lines = cuda.memory_summary().splitlines()
    assert {len(line) for line in lines} == {77}
    assert sum("from large pool" in line for line in lines) == 9
    short = cuda.memory_summary(abbreviated=True)
    assert "GPU reserved memory" in short and "from large pool" not in short
    assert (
        cuda.memory._size(5 << 20, 5 << 20) == "  5120 KiB" and cuda.memory._count(2_000_000, 2_000_000) == "   2000 K "
    )


def allocate_here():
    return block(5 * MIB)


def test_the_history_knows_the_lines():
    cuda.memory._record_memory_history()
    kept = allocate_here()
    entry = cuda.memory._snapshot()["device_traces"][0][-1]
    assert entry["action"] == "alloc" and entry["size"] == 5 * MIB and entry["addr"] == kept.ptr
    assert [frame["name"] for frame in entry["frames"]][:3] == [
        "block", "allocate_here", "test_the_history_knows_the_lines",
    ]  # fmt: skip
    assert entry["frames"][0]["filename"] == __file__
    with pytest.raises(ValueError, match="expected enabled to be"):
        cuda.memory._record_memory_history("some")
    with pytest.raises(ValueError, match="Unknown TraceEntry action: eat"):
        cuda.memory._record_memory_history(skip_actions=["eat"])


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.attributes, self.titles = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *a) for a in attributes]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *a) for a in attributes]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "title":
            self.titles.append(data)


def test_the_picture_is_one_page_that_loads_nothing(tmp_path):
    cuda.memory._record_memory_history()
    hostile = {}
    code = "def f(block):\n    return block(5 << 20)\n"
    exec(compile(code, "<script>alert(1)</script>\"'&", "exec"), hostile)
    kept = hostile["f"](block)
    freed = block(30 * MIB)
    del freed
    with pytest.raises(cuda.OutOfMemoryError):
        block(1 << 50)
    cuda.memory.save_picture(tmp_path / "memory.html")
    text = (tmp_path / "memory.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == [] and "script" not in page.tags and text.count("<script") == 0
    assert not [a for a in page.attributes if a[1] in ("src", "href", "xlink:href") or a[1].startswith("on")]
    assert ("meta", "content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes
    blocks = [value for tag, name, value in page.attributes if tag == "rect" and name == "class"]
    in_snapshot = sum(len(segment["blocks"]) for segment in cuda.memory_snapshot())
    assert len(blocks) == in_snapshot and "block active_allocated" in blocks and "block inactive" in blocks
    assert any("<script>alert(1)</script>\"'&:2 f" in title for title in page.titles)
    assert any(title.startswith("out of memory: ") for title in page.titles)
    assert page.tags.count("path") == 2  # what was reserved, what was asked for
    assert kept.nbytes == 5 * MIB


def test_a_picture_without_history(tmp_path):
    cuda.memory.save_picture(tmp_path / "memory.html")
    assert "No history was recorded" in (tmp_path / "memory.html").read_text(encoding="utf-8")


@simulated
def test_out_of_memory_in_a_step_leaves_every_tensor_valid():
    """The step fails half-way; what it had is as it was, and the same step succeeds when there is room again."""
    torch.manual_seed(0)
    parameters = [torch.randn(300_000).cuda().requires_grad_() for _ in range(4)]
    before = [p.detach().cpu().tolist()[:100] for p in parameters]

    def step():
        x, kept = torch.ones(300_000).cuda(), []
        for p in parameters * 4:
            x = x + p
            kept.append(x)
        loss = x.sum()
        loss.backward()
        return loss.item()

    cuda.synchronize()
    cuda.empty_cache()
    _C.sim_card(cuda.memory_reserved() + 20 * MIB)  # room for one more segment
    hoard = block(18 * MIB)
    with pytest.raises(cuda.OutOfMemoryError, match=r"CUDA out of memory\. Tried to allocate 20\.00 MiB"):
        step()
    assert [p.detach().cpu().tolist()[:100] for p in parameters] == before
    for p in parameters:
        p.grad = None
    del hoard
    loss = step()
    assert loss == loss and all(p.grad is not None for p in parameters)
    _C.sim_card(8 << 30)
    grads = [p.grad.cpu().tolist()[:100] for p in parameters]
    for p in parameters:
        p.grad = None
    assert step() == loss and [p.grad.cpu().tolist()[:100] for p in parameters] == grads


@simulated
@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ("max_split_size_mb:32", "33554432"),
        ("expandable_segments:True", "ValueError: expandable_segments:True is not supported"),
        ("foo:1", "ValueError: Unrecognized key 'foo' in CUDA allocator config."),
    ],
)
def test_settings_come_from_the_environment(settings, text):
    code = """
import tritorch as torch
try:
    torch.ones(3).cuda()
    print(torch.cuda.memory_stats()["max_split_size"])
except ValueError as error:
    print(f"ValueError: {error}")
"""
    environment = {**os.environ, "TRITORCH_SIM": "1", "TRITORCH_CUDA_ALLOC_CONF": settings}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.startswith(text), done.stdout + done.stderr
