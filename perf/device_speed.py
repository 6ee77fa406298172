"""tritorch on a GPU beside torch, each in a process of its own, in turn: ``python -m perf.device_speed --json FILE``.

torch's column needs a torch that sees the GPU; without it tritorch stands alone. A figure is the median over the rounds
of the time of a sample, which ends with a synchronisation. On the simulated device the figures mean nothing.
"""

import argparse
import importlib
import json
import math
import subprocess
import sys
import time

DTYPES = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}


def _tensors(lib, dtype, *shapes, grad=False):
    kind = getattr(lib, DTYPES[dtype])
    made = [lib.randn(*shape, device="cuda").to(kind) for shape in shapes]
    return [x.requires_grad_() for x in made] if grad else made


def _unary(name):
    return lambda lib, dtype, n: (lambda x: lambda: getattr(x, name)())(*_tensors(lib, dtype, (n, n)))


def _add(lib, dtype, n):
    a, b = _tensors(lib, dtype, (n, n), (n, n))
    return lambda: a + b


def _matmul(lib, dtype, n):
    a, b = _tensors(lib, dtype, (n, n), (n, n))
    return lambda: a @ b


def _softmax(lib, dtype, n):
    (x,) = _tensors(lib, dtype, (n, n), grad=True)
    return lambda: x.softmax(-1).backward(x.detach())


def _layer_norm(lib, dtype, n):
    x, w, b = _tensors(lib, dtype, (n, n), (n,), (n,), grad=True)
    norm = lib.nn.functional.layer_norm
    return lambda: norm(x, (n,), w, b).backward(x.detach())


def _cross_entropy(lib, dtype, n):
    (x,) = _tensors(lib, dtype, (n, n), grad=True)
    target = lib.arange(n, device="cuda")
    return lambda: lib.nn.functional.cross_entropy(x, target).backward()


def _attention(lib, dtype, n):
    q, k, v = _tensors(lib, dtype, *[(2, 8, n // 2, 64)] * 3)
    return lambda: lib.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)


def _adamw(lib, dtype, n):
    parameters = [lib.nn.Parameter(x) for x in _tensors(lib, dtype, *[(n, n)] * 4)]
    for p in parameters:
        p.grad = p.detach() * 1
    return lib.optim.AdamW(parameters, lr=1e-4).step


def _train(lib, dtype, n):
    nn = lib.nn
    model = nn.Sequential(nn.Linear(n, n), nn.GELU(), nn.Linear(n, n)).to("cuda", getattr(lib, DTYPES[dtype]))
    optimizer, (x,) = lib.optim.SGD(model.parameters(), lr=1e-4), _tensors(lib, dtype, (n, n))

    def step():
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()

    return step


CASES = {
    "add": _add, "exp": _unary("exp"), "sum": _unary("sum"), "cumsum": lambda lib, dtype, n: (
        lambda x: lambda: x.cumsum(-1))(*_tensors(lib, dtype, (n, n))),
    "matmul": _matmul, "softmax, both ways": _softmax, "layer norm, both ways": _layer_norm,
    "cross entropy, both ways": _cross_entropy, "causal attention": _attention, "step of AdamW": _adamw,
    "step of training": _train,
}  # fmt: skip
SUITE = [
    (name, dtype, n)
    for name in CASES
    for dtype in (("f32", "f16", "bf16") if name == "matmul" else ("f32", "f16"))
    for n in ((64, 4096) if name in ("add", "matmul", "step of training") else (4096,))
    if (name, dtype) != ("causal attention", "f32")
]


def serve(name, sample):
    """Answers requests on standard input, ``[case, dtype, n]`` -> seconds a call, one JSON line each."""
    lib = importlib.import_module(name)
    ready: dict = {}
    for line in sys.stdin:
        case, dtype, n = key = tuple(json.loads(line))
        try:
            if key not in ready:
                ready.clear()  # one case's data at a time
                made = CASES[case](lib, dtype, n)
                for _ in range(2):
                    made()
                lib.cuda.synchronize()
                start = time.perf_counter()
                made()
                lib.cuda.synchronize()
                ready[key] = made, max(1, min(2000, int(sample / max(1e-7, time.perf_counter() - start))))
            made, loops = ready[key]
            start = time.perf_counter()
            for _ in range(loops):
                made()
            lib.cuda.synchronize()
            answer = {"seconds": (time.perf_counter() - start) / loops}
        except (RuntimeError, NotImplementedError, TypeError, ValueError) as error:  # the parent shows it
            answer = {"error": f"{type(error).__name__}: {error}"[:200]}
        print(json.dumps(answer), flush=True)


class Lane:
    """A worker process of one library on the device."""

    def __init__(self, name, sample):
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"from perf.device_speed import serve; serve({name!r}, {sample!r})"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def sample(self, *case):
        """Seconds a call takes, or the error's text."""
        self.process.stdin.write(json.dumps(case) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            return f"the {self.name} lane ended with exit code {self.process.wait()}"
        answer = json.loads(line)
        return answer.get("seconds", answer.get("error"))

    def close(self):
        """Ends the worker."""
        self.process.stdin.close()
        self.process.wait(timeout=60)


def sees_the_device():
    """Whether torch is installed and has the GPU too: asked in another process, so that none is loaded here."""
    code = "import torch; raise SystemExit(0 if torch.cuda.is_available() else 1)"
    return subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def measure(suite, libraries, rounds, sample, limit):
    """Rows of case, dtype, n and each library's median seconds (or error); stops beginning cases after ``limit``."""
    began, rows, lanes = time.monotonic(), [], [Lane(name, sample) for name in libraries]
    for case in suite:
        if time.monotonic() - began > limit:
            break
        taken: dict = {lane.name: [] for lane in lanes}
        for turn in range(rounds):
            for lane in lanes if turn % 2 == 0 else reversed(lanes):
                taken[lane.name].append(lane.sample(*case))
        row = {"case": case[0], "dtype": case[1], "n": case[2]}
        for name, samples in taken.items():
            bad = [s for s in samples if isinstance(s, str)]
            row[name] = bad[0] if bad else sorted(samples)[len(samples) // 2]
        rows.append(row)
        print(json.dumps(row), flush=True)
    for lane in lanes:
        if lane.process.poll() is None:
            lane.close()
    return rows


def main(argv=None):
    """Runs the suite, prints a line a case, and keeps the rows with ``--json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", help="where the rows go")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--sample", type=float, default=0.02, help="seconds of one sample")
    parser.add_argument("--limit", type=float, default=400, help="seconds after which no case is begun")
    parser.add_argument("--size", type=int, help="every case at this size instead: for a dry run")
    options = parser.parse_args(argv)
    suite = SUITE if options.size is None else list(dict.fromkeys((c, d, options.size) for c, d, _ in SUITE))
    libraries = ["tritorch", "torch"] if sees_the_device() else ["tritorch"]
    rows = measure(suite, libraries, options.rounds, options.sample, options.limit)
    both = [r["tritorch"] / r["torch"] for r in rows if isinstance(r.get("torch"), float) and isinstance(r["tritorch"], float)]  # fmt: skip
    if both:
        print(f"tritorch's time over torch's, geometric mean of {len(both)}: {math.exp(sum(map(math.log, both)) / len(both)):.2f}")  # fmt: skip
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"libraries": libraries, "of": len(suite), "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
