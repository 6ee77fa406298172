"""A function with its own derivative: a network whose weights are only +1 and -1, on two interleaved spirals.

    python -m examples.custom_function

The sign of a number has derivative zero, so nothing would learn. `Sign` says otherwise: its backward lets the gradient
pass straight through where the number is small. `LogCosh`, the loss, is computed without overflow, and its derivatives
are checked against differences. Ends with a map of the plane as the network sees it.
"""

import argparse
import math

from tqdm import tqdm

import tritorch as torch
from tritorch import nn
from tritorch.autograd import Function, gradcheck, gradgradcheck


class Sign(Function):
    """+1 or -1; backward, the gradient passes where the input is between -1 and 1."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * (x.abs() <= 1)


class LogCosh(Function):
    """log(cosh(x)), which is |x| + log(1 + exp(-2|x|)) - log(2): cosh itself overflows beyond 89."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.abs() + torch.log1p(torch.exp(-2 * x.abs())) - math.log(2)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * torch.tanh(x)


class SignLinear(nn.Linear):
    """A linear layer that uses the signs of its weights, and one scale a row."""

    def forward(self, x):
        scale = self.weight.abs().mean(dim=1, keepdim=True)
        return nn.functional.linear(x, Sign.apply(self.weight) * scale, self.bias)


def spirals(count, noise=0.06):
    """Points on two arms, and +1 or -1 for the arm."""
    along = torch.rand(count).sqrt() * 2.5 * math.pi
    arm = torch.where(torch.rand(count) < 0.5, 1.0, -1.0)
    points = torch.stack([along.cos(), along.sin()], 1) * (arm * along / (2.5 * math.pi)).unsqueeze(1)
    return points + noise * torch.randn(count, 2), arm


def draw(model, size=29):
    """The plane: `#` where the network says +1, `.` where it says -1."""
    line = torch.linspace(-1.1, 1.1, size)
    y, x = torch.meshgrid(line.flip(0), line, indexing="ij")
    with torch.no_grad():
        values = model(torch.stack([x, y], dim=-1).reshape(-1, 2)).reshape(size, size)
    return "\n".join("   " + "".join("##" if value > 0 else ". " for value in row) for row in values.tolist())


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch-size", type=int, default=128)
    options = parser.parse_args(arguments)
    torch.manual_seed(options.seed)

    x = torch.randn(5, dtype=torch.float64, requires_grad=True)
    gradcheck(LogCosh.apply, (x,))
    gradgradcheck(LogCosh.apply, (x,))
    print("the derivatives of LogCosh agree with differences, first and second")

    model = nn.Sequential(
        nn.Linear(2, 128), nn.Tanh(), SignLinear(128, 128), nn.BatchNorm1d(128), nn.ReLU(), SignLinear(128, 128),
        nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, 1),
    ).to(options.device)  # fmt: skip
    nn.init.normal_(model[0].weight, std=4.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.steps)
    bar = tqdm(range(options.steps), desc="training", unit="step")
    for _ in bar:
        points, arm = spirals(options.batch_size)
        loss = LogCosh.apply(model(points.to(options.device)).squeeze(1) - arm.to(options.device)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)

    model.eval()
    points, arm = spirals(2000)
    with torch.no_grad():
        accuracy = ((model(points.to(options.device)).squeeze(1).cpu() > 0) == (arm > 0)).float().mean().item()
    print(draw(model.cpu()))
    print(f"\n{accuracy:.1%} of 2,000 new points fall on the right arm, with {2 * 128 * 128:,} weights of one bit each")
    return accuracy


if __name__ == "__main__":
    main()
