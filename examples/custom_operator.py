"""An operator of one's own, written as tritorch's own are: an activation that can learn rhythm.

    python -m examples.custom_operator

`snake` (Ziyin et al., 2020, https://arxiv.org/abs/2006.08195) is x + sin(fx)^2 / f, with a frequency f that is learned.
A network with it and one with tanh hear a melody for a while, and must go on alone. Ends with a drawing of both.
"""

import argparse
import math

import numpy as np
from tqdm import tqdm

import tritorch as torch
from tritorch import nn
from tritorch.nn import functional as F
from tritorch.op import Elementwise, libdevice, triton
from tritorch.testing import check_op


class snake(Elementwise, domain=(0.5, 2.0)):
    """``input + sin(frequency * input)^2 / frequency``, elementwise, with broadcasting."""

    def cpu(input, frequency):
        return input + np.square(np.sin(frequency * input)) / frequency

    @triton.jit
    def cuda(input, frequency):
        turned = libdevice.sin(frequency * input)
        return input + turned * turned / frequency

    def d_input(grad, input, frequency):
        return grad * (1 + (2 * frequency * input).sin())

    def d_frequency(grad, input, frequency):
        turned = frequency * input
        return grad * (input * (2 * turned).sin() / frequency - (turned.sin() / frequency) ** 2)


class Snake(nn.Module):
    """The operator as a layer, with a frequency for each of its channels."""

    def __init__(self, width):
        super().__init__()
        self.frequency = nn.Parameter(torch.linspace(0.5, 3.0, width))

    def forward(self, x):
        return snake(x, self.frequency)


def melody(time):
    return torch.sin(time) + 0.5 * torch.sin(2 * time + 1)


def train(activation, steps, batch_size, device):
    """A network that has heard the melody from -20 to 20."""
    model = nn.Sequential(nn.Linear(1, 64), activation, nn.Linear(64, 1)).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    bar = tqdm(range(steps), desc=type(activation).__name__, unit="step")
    for _ in bar:
        time = torch.rand(batch_size, 1, device=device) * 40 - 20
        loss = F.mse_loss(model(time), melody(time))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        bar.set_postfix(loss=f"{loss.item():.4f}", refresh=False)
    return model


def draw(truth, guess, rows=11):
    """The melody as `.`, what the network makes of it as `#`."""
    lines = [[" "] * len(truth) for _ in range(rows)]
    for mark, values in ((".", truth), ("#", guess)):
        for column, value in enumerate(values):
            row = round((1.6 - value) / 3.2 * (rows - 1))
            lines[min(max(row, 0), rows - 1)][column] = mark
    return "\n".join("   " + "".join(line) for line in lines)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch-size", type=int, default=256)
    options = parser.parse_args(arguments)
    torch.manual_seed(options.seed)

    done = check_op(snake, reference=lambda x, f: x + (f * x).sin() ** 2 / f, device=options.device)
    passed = [check.name for check in done if check.passed]
    print(f"snake passes {len(passed)} of the generic tests of operators: {', '.join(passed)}")
    print("it is a method too, and broadcasts:", torch.ones(2).snake(torch.tensor([1.0, 2.0])))

    time = torch.linspace(20, 20 + 8 * math.pi, 96, device=options.device).unsqueeze(1)
    truth = melody(time)
    errors = {}
    for activation in (nn.Tanh(), Snake(64)):
        model = train(activation, options.steps, options.batch_size, options.device)
        with torch.no_grad():
            guess = model(time)
        name = type(activation).__name__
        errors[name] = F.mse_loss(guess, truth).item()
        print(f"\n{name}, beyond what it has heard (error {errors[name]:.3f}):\n")
        print(draw(truth.flatten().tolist(), guess.flatten().tolist()))
    return errors


if __name__ == "__main__":
    main()
