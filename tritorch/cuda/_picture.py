"""The page that :func:`tritorch.cuda.memory.save_picture` writes: what a snapshot holds, as HTML and SVG without scripts."""

from html import escape

__all__ = ["page"]

WIDTH, HEIGHT, ROW = 1000, 220, 18
STATES = {"active_allocated": "in use", "active_pending_free": "freed, still used by a stream", "inactive": "free"}
STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 1060px; color: #222; background: #fff }
h1 { font-size: 1.4em } h2 { font-size: 1.1em; margin-top: 2em } svg { display: block; overflow: visible }
table { border-collapse: collapse; font-variant-numeric: tabular-nums } td, th { padding: 2px 12px 2px 0; text-align: left }
.active_allocated { fill: #2f6db5 } .active_pending_free { fill: #e0a030 } .inactive { fill: #e4e8ee }
.reserved { fill: #e4e8ee } .allocated { fill: #2f6db5; fill-opacity: .8 } .oom { stroke: #c0392b; stroke-width: 2 }
rect.block { stroke: #fff; stroke-width: .5 } rect.block:hover { stroke: #000; stroke-width: 1.5 }
.legend span { display: inline-block; width: 1em; height: 1em; margin: 0 .4em 0 1em; vertical-align: -2px }
text { font-size: 11px; fill: #555 } code { font-size: 12px }
""".strip()


def size(count):
    """`count` bytes for a reader."""
    value = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} bytes" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.2f} GiB"


def where(frames):
    """The innermost lines of the program, one a line."""
    return "\n".join(f"{frame['filename']}:{frame['line']} {frame['name']}" for frame in frames[:8])


def segment_row(segment, y, scale):
    """A segment as a row of blocks."""
    parts = []
    for block in segment["blocks"]:
        x = (block["address"] - segment["address"]) * scale
        tip = f"{size(block['size'])} at {block['address']:#x}: {STATES[block['state']]}"
        if block["state"] != "inactive":
            tip += f", {size(block['requested_size'])} asked for\n{where(block['frames'])}"
        parts.append(
            f'<rect class="block {block["state"]}" x="{x:.2f}" y="{y}" width="{max(block["size"] * scale, 0.5):.2f}" '
            f'height="{ROW - 4}"><title>{escape(tip.strip())}</title></rect>'
        )
    pool = segment["segment_pool_id"]
    label = f"{size(segment['total_size'])}, {segment['segment_type']}, stream {segment['stream']:#x}"
    if pool != (0, 0):
        label += f", private pool {pool}"
    parts.append(f'<text x="{segment["total_size"] * scale + 6:.2f}" y="{y + ROW - 8}">{escape(label)}</text>')
    return "".join(parts)


def segments_picture(segments):
    """All segments under each other, to one scale."""
    if not segments:
        return "<p>No memory is reserved.</p>"
    scale = (WIDTH - 260) / max(segment["total_size"] for segment in segments)
    rows = "".join(segment_row(segment, i * ROW, scale) for i, segment in enumerate(segments))
    return f'<svg role="img" width="{WIDTH}" height="{len(segments) * ROW}">{rows}</svg>'


def levels(trace, reserved, allocated):
    """After each entry of the history: (time, reserved, allocated, entry). It ends with what is there now."""
    signs = {"segment_alloc": (1, 0), "segment_free": (-1, 0), "alloc": (0, 1), "free_requested": (0, -1)}
    changes = [tuple(sign * entry["size"] for sign in signs.get(entry["action"], (0, 0))) for entry in trace]
    reserved -= sum(change[0] for change in changes)
    allocated -= sum(change[1] for change in changes)
    found = []
    for entry, change in zip(trace, changes, strict=True):
        reserved, allocated = reserved + change[0], allocated + change[1]
        found.append((entry["time_us"], reserved, allocated, entry))
    return found


def area(points, name):
    """A filled staircase under (x, y) points."""
    path = f"M{points[0][0]:.2f},{HEIGHT}"
    for (x, y), following in zip(points, [*points[1:], (WIDTH, None)], strict=True):
        path += f"L{x:.2f},{y:.2f}L{following[0]:.2f},{y:.2f}"
    return f'<path class="{name}" d="{path}L{WIDTH},{HEIGHT}Z"/>'


def failure(x, entry):
    """A line where memory ran out."""
    tip = f"out of memory: {size(entry['size'])} asked for\n{where(entry['frames'])}"
    return f'<line class="oom" x1="{x:.2f}" x2="{x:.2f}" y1="0" y2="{HEIGHT}"><title>{escape(tip)}</title></line>'


def history_picture(trace, segments):
    """What was reserved and what was in use, over time."""
    if not trace:
        return "<p>No history was recorded: <code>tritorch.cuda.memory._record_memory_history()</code> begins one.</p>"
    in_use = sum(b["requested_size"] for s in segments for b in s["blocks"] if b["state"] == "active_allocated")
    found = levels(trace, sum(segment["total_size"] for segment in segments), in_use)
    start, end = found[0][0], max(found[-1][0], found[0][0] + 1)
    most = max(1, *(level[1] for level in found), *(level[2] for level in found))

    def x(time):
        return (time - start) / (end - start) * WIDTH

    def y(level):
        return HEIGHT - max(level, 0) / most * (HEIGHT - 10)

    reserved = area([(x(time), y(level)) for time, level, _, _ in found], "reserved")
    allocated = area([(x(time), y(level)) for time, _, level, _ in found], "allocated")
    failures = "".join(failure(x(time), entry) for time, _, _, entry in found if entry["action"] == "oom")
    return (
        f'<svg role="img" width="{WIDTH}" height="{HEIGHT + 20}">{reserved}{allocated}{failures}'
        f'<text x="0" y="10">{size(most)}</text><text x="0" y="{HEIGHT + 15}">0</text>'
        f'<text x="{WIDTH}" y="{HEIGHT + 15}" text-anchor="end">{(end - start) / 1e6:.3f} s, '
        f"{len(trace)} entries</text></svg>"
    )


def places(segments, most=20):
    """The lines of the program that hold most memory, as a table."""
    totals: dict[str, tuple[int, int]] = {}
    for segment in segments:
        for block in segment["blocks"]:
            if block["state"] == "active_allocated":
                key = where(block["frames"][:1]) or "not recorded"
                held, count = totals.get(key, (0, 0))
                totals[key] = held + block["size"], count + 1
    rows = "".join(
        f"<tr><td>{size(held)}</td><td>{count}</td><td><code>{escape(key)}</code></td></tr>"
        for key, (held, count) in sorted(totals.items(), key=lambda item: -item[1][0])[:most]
    )
    return f"<table><tr><th>held</th><th>blocks</th><th>by</th></tr>{rows}</table>" if rows else "<p>Nothing.</p>"


def page(snapshot, device):
    """The HTML page of one device's memory.

    Args:
        snapshot (dict): as ``tritorch.cuda.memory._snapshot()`` gives.
        device (int): the device's index.
    """
    segments = [segment for segment in snapshot["segments"] if segment["device"] == device]
    traces = snapshot["device_traces"]
    trace = traces[device] if device < len(traces) else []
    reserved, in_use = (sum(s[key] for s in segments) for key in ("total_size", "allocated_size"))
    settings = snapshot["allocator_settings"]["PYTORCH_CUDA_ALLOC_CONF"] or "none"
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Memory of cuda:{device}</title><style>{STYLE}</style></head>
<body>
<h1>Memory of cuda:{device}</h1>
<p>{size(reserved)} reserved in {len(segments)} segments, {size(in_use)} in use. Settings: <code>{escape(settings)}</code></p>
<h2>Over time</h2>
<p class="legend"><span style="background:#e4e8ee"></span>reserved<span style="background:#2f6db5"></span>asked for and in use</p>
{history_picture(trace, segments)}
<h2>Segments now</h2>
<p class="legend"><span style="background:#2f6db5"></span>in use<span style="background:#e0a030"></span>freed, still used by
a stream<span style="background:#e4e8ee"></span>free. A block says more under the pointer.</p>
{segments_picture(segments)}
<h2>Who holds it</h2>
{places(segments)}
</body>
</html>
"""
