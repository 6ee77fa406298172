"""Handwritten digits: 1,797 real images of 8 x 8 pixels, and a small convolutional network.

    python -m examples.digits            # or: make demo

Ends with the accuracy on images that were held out, who was taken for whom, and a picture of all mistakes.
"""

import argparse
import time

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from tqdm import tqdm

import tritorch as torch
from tritorch import nn
from tritorch.nn import functional as F
from tritorch.utils.data import DataLoader, Subset, TensorDataset, random_split


def network():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.3), nn.Linear(32 * 4 * 4, 10),
    )  # fmt: skip


def shifted(images):
    """Each batch moved by up to a pixel: the network sees more than there is."""
    down, right = torch.randint(-1, 2, (2,)).tolist()
    return torch.roll(images, (down, right), (2, 3))


def train(model, batches, steps, device):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=steps)
    model.train()
    with tqdm(total=steps, desc="training", unit="step") as bar:
        while bar.n < steps:
            for images, labels in batches:
                loss = F.cross_entropy(model(shifted(images.to(device))), labels.to(device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
                bar.update()
                if bar.n == steps:
                    break


@torch.no_grad()
def classify(model, images):
    """The most likely digit of each image, and how likely it was found."""
    model.eval()
    confidence, guess = F.softmax(model(images), dim=1).max(dim=1)
    return guess.cpu(), confidence.cpu()


def print_confusion(labels, guesses):
    counts = torch.bincount(labels * 10 + guesses, minlength=100).reshape(10, 10).tolist()
    print("\n        taken for\n      " + " ".join(f"{digit:3}" for digit in range(10)))
    for digit, row in enumerate(counts):
        print(f"   {digit}  " + " ".join(f"{count:3}" if count else "  ." for count in row))


def draw_mistakes(images, labels, guesses, confidence, path):
    wrong = (guesses != labels).nonzero().flatten().tolist()
    columns = max(1, min(len(wrong), 6))
    rows = max(1, -(-len(wrong) // columns))
    figure, axes = plt.subplots(rows, columns, figsize=(1.8 * columns, 2.3 * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, i in zip(axes.flat, wrong, strict=False):
        axis.imshow(images[i, 0].numpy(), cmap="gray_r")
        axis.set_title(
            f"a {labels[i].item()}, taken for {guesses[i].item()}\n({confidence[i].item():.0%} sure)", size=8
        )
    figure.suptitle(f"{len(wrong)} mistakes in {len(labels)} images")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--images", type=int, default=1797, help="how many of the images")
    parser.add_argument("--output", default="demo-mistakes.png", help="where the picture of the mistakes goes")
    options = parser.parse_args(arguments)
    torch.manual_seed(options.seed)

    digits = load_digits()
    images = torch.tensor(digits.images[: options.images], dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(digits.target[: options.images])
    learned, held_out = random_split(TensorDataset(images, labels), [0.8, 0.2])
    print(f"{len(learned)} images to learn from, {len(held_out)} held out")

    start = time.perf_counter()
    model = network().to(options.device)
    batches = DataLoader(learned, options.batch_size, shuffle=True, drop_last=True)
    train(model, batches, options.steps, options.device)
    took = time.perf_counter() - start

    test_images, test_labels = images_of(held_out)
    guesses, confidence = classify(model, test_images.to(options.device))
    print_confusion(test_labels, guesses)
    draw_mistakes(test_images, test_labels, guesses, confidence, options.output)
    right = (guesses == test_labels).sum().item()
    accuracy = right / len(test_labels)
    print(f"\nheld-out accuracy {accuracy:.1%} ({len(test_labels) - right} mistakes), trained in {took:.1f} s")
    print(f"the mistakes are drawn in {options.output}")
    return accuracy


def images_of(subset: Subset):
    """A part of the data as one batch."""
    return next(iter(DataLoader(subset, batch_size=len(subset))))


if __name__ == "__main__":
    main()
