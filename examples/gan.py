"""A generative adversarial network that learns to write digits: two networks, two optimizers, one contest.

    python -m examples.gan

The generator turns noise into images of 8 x 8 pixels; the critic learns to tell them from scikit-learn's 1,797 real
ones, and the generator learns from what gives it away. Ends with a row of invented digits, and of the real images that
they are nearest to.
"""

import argparse

from sklearn.datasets import load_digits
from tqdm import tqdm

import tritorch as torch
from tritorch import nn
from tritorch.nn import functional as F
from tritorch.utils.data import DataLoader, RandomSampler

NOISE = 16


def generator():
    return nn.Sequential(
        nn.Linear(NOISE, 128), nn.BatchNorm1d(128), nn.LeakyReLU(0.2),
        nn.Linear(128, 256), nn.BatchNorm1d(256), nn.LeakyReLU(0.2),
        nn.Linear(256, 64), nn.Sigmoid(),
    )  # fmt: skip


def critic():
    return nn.Sequential(
        nn.Linear(64, 256), nn.LeakyReLU(0.2), nn.Dropout(0.3),
        nn.Linear(256, 128), nn.LeakyReLU(0.2), nn.Dropout(0.3),
        nn.Linear(128, 1),
    )  # fmt: skip


def smoothed(targets):
    """Labels that are not quite sure keep the critic from winning at once."""
    return targets * 0.9 + 0.05


def play(images, steps, batch_size, device):
    """Both networks, trained against each other."""
    maker, judge = generator().to(device), critic().to(device)
    for_maker = torch.optim.Adam(maker.parameters(), lr=1e-3, betas=(0.5, 0.999))
    for_judge = torch.optim.Adam(judge.parameters(), lr=5e-4, betas=(0.5, 0.999))
    order = RandomSampler(images, num_samples=steps * batch_size)
    real, made = torch.ones(batch_size, 1, device=device), torch.zeros(batch_size, 1, device=device)

    bar = tqdm(DataLoader(images, batch_size, sampler=order), desc="contest", unit="step")
    for batch in bar:
        fakes = maker(torch.randn(batch_size, NOISE, device=device))

        for_judge.zero_grad()
        judge_loss = F.binary_cross_entropy_with_logits(judge(batch.to(device)), smoothed(real))
        judge_loss = judge_loss + F.binary_cross_entropy_with_logits(judge(fakes.detach()), smoothed(made))
        judge_loss.backward()
        for_judge.step()

        for_maker.zero_grad()
        maker_loss = F.binary_cross_entropy_with_logits(judge(fakes), real)
        maker_loss.backward()
        for_maker.step()
        bar.set_postfix(judge=f"{judge_loss.item():.2f}", maker=f"{maker_loss.item():.2f}", refresh=False)
    return maker


def side_by_side(images):
    """Images of 8 x 8 in characters, in a row."""
    levels = (images.reshape(-1, 8, 8) * 4.99).int().tolist()
    return "\n".join("  ".join("".join(" .+#@"[v] * 2 for v in image[row]) for image in levels) for row in range(8))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch-size", type=int, default=64)
    options = parser.parse_args(arguments)
    torch.manual_seed(options.seed)

    digits = load_digits()
    images, labels = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
    maker = play(images, options.steps, options.batch_size, options.device)

    maker.eval()
    with torch.no_grad():
        fakes = maker(torch.randn(500, NOISE, device=options.device)).cpu()
    distance, nearest = torch.cdist(fakes, images).min(dim=1)
    best = torch.cat([(labels[nearest] == digit).nonzero().flatten()[:1] for digit in range(10)])[:7]
    print("\ninvented:\n" + side_by_side(fakes[best]))
    print("\nthe real image that each is nearest to:\n" + side_by_side(images[nearest[best]]))
    kinds = len(set(labels[nearest].tolist()))
    between = torch.cdist(images[:500], images).topk(2, largest=False).values[:, 1].mean().item()
    print(
        f"\n{kinds} of the 10 digits are among 500 invented images; they are {distance.mean().item():.2f} from the "
        f"nearest real one, and real ones {between:.2f} from each other"
    )
    return kinds


if __name__ == "__main__":
    main()
