"""A dataset of one's own: is a line in a Python file code, or English in a comment or a documentation string?

    python -m examples.custom_dataset

The samples are lines of the standard library's source, labelled by Python's tokenizer, and read from disk by worker
processes when they are asked for. Lines differ in length, so `collate` pads them; there is less English than code, so a
sampler draws it more often. Ends with who is taken for whom, and some lines of this very file.
"""

import argparse
import os
import tokenize
from pathlib import Path

from tqdm import tqdm

import tritorch as torch
from tritorch import nn
from tritorch.nn import functional as F
from tritorch.utils.data import DataLoader, Dataset, WeightedRandomSampler

KINDS = ["code", "English"]


def kinds_of_lines(path):
    """The kind of each line of a file that is not empty, found without reading a word."""
    kinds = {}
    previous = tokenize.NEWLINE
    with open(path, "rb") as file:
        for token in tokenize.tokenize(file.readline):
            lines = range(token.start[0], token.end[0] + 1)
            if token.type == tokenize.COMMENT and token.line.strip().startswith("#"):
                kinds[token.start[0]] = 1
            elif token.type == tokenize.STRING and previous in (tokenize.NEWLINE, tokenize.INDENT):
                kinds.update(dict.fromkeys(lines, 1))
            elif len(lines) > 1:
                kinds.update(dict.fromkeys(lines, None))  # a long string that is data: neither
            elif token.type not in (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT):
                kinds.setdefault(token.start[0], 0)
            if token.type not in (tokenize.NL, tokenize.COMMENT):
                previous = token.type
    return kinds


class Lines(Dataset):
    """Sample `i` is a line as a tensor of bytes, without the space around it, and the number of its kind."""

    def __init__(self, paths):
        self.samples = []  # (path, offset in bytes, length, kind): all there is in memory
        for path in paths:
            kinds = kinds_of_lines(path)
            offset = 0
            for number, line in enumerate(path.read_bytes().splitlines(keepends=True), 1):
                if kinds.get(number) is not None and len(line.strip(b" \t\r\n#\"'")) > 3:
                    self.samples.append((path, offset, len(line), kinds[number]))
                offset += len(line)

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        path, offset, length, kind = self.samples[index]
        with open(path, "rb") as file:
            file.seek(offset)
            line = file.read(length)
        return encode(line), kind


def encode(line):
    """The bytes of a line, without what gives it away: its indentation, quotes, and the mark of a comment."""
    return torch.tensor(list(line.strip(b" \t\r\n#\"'")[:80]), dtype=torch.int64).clamp(max=127)


def collate(samples):
    """Lines of different length as one batch, filled up with zeros."""
    lines, kinds = zip(*samples, strict=True)
    return nn.utils.rnn.pad_sequence(lines, batch_first=True), torch.tensor(kinds)


class Reader(nn.Module):
    """Looks at five letters at a time, and keeps the strongest impression of each sort."""

    def __init__(self):
        super().__init__()
        self.letters = nn.Embedding(128, 24, padding_idx=0)
        self.look = nn.Conv1d(24, 96, 5, padding=2)
        self.decide = nn.Sequential(nn.Dropout(0.2), nn.Linear(96, len(KINDS)))

    def forward(self, lines):
        seen = F.relu(self.look(self.letters(lines).transpose(1, 2)))
        return self.decide(seen.amax(dim=2))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2, help="processes that read the lines")
    parser.add_argument("--files", type=int, default=80, help="how many files of the standard library")
    options = parser.parse_args(arguments)
    torch.manual_seed(options.seed)

    paths = sorted(Path(os.__file__).parent.glob("*.py"), key=lambda path: path.stat().st_size)[-options.files :]
    paths = [paths[i] for i in torch.randperm(len(paths)).tolist()]
    learned, held_out = Lines(paths[: len(paths) * 4 // 5]), Lines(paths[len(paths) * 4 // 5 :])
    counts = [sum(sample[3] == kind for sample in learned.samples) for kind in range(len(KINDS))]
    print(f"{len(learned):,} lines to learn from: " + ", ".join(map("{:,} {}".format, counts, KINDS)))
    evenly = WeightedRandomSampler(
        [1 / counts[sample[3]] for sample in learned.samples], options.steps * options.batch_size
    )
    loader = DataLoader(learned, options.batch_size, sampler=evenly, num_workers=options.workers, collate_fn=collate)

    model = Reader().to(options.device)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)
    bar = tqdm(loader, desc="training", unit="step")
    for lines, kinds in bar:
        loss = F.cross_entropy(model(lines.to(options.device)), kinds.to(options.device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)

    model.eval()
    confusion = torch.zeros(2, 2, dtype=torch.int64)
    some = torch.randperm(len(held_out))[: options.batch_size * min(60, options.steps)].tolist()
    with torch.no_grad():
        for lines, kinds in DataLoader(
            held_out, options.batch_size, sampler=some, num_workers=options.workers, collate_fn=collate
        ):
            guesses = model(lines.to(options.device)).argmax(1).cpu()
            confusion += torch.bincount(kinds * 2 + guesses, minlength=4).reshape(2, 2)
        print("\ntaken for  " + "".join(f"{kind:>10}" for kind in KINDS))
        for kind, row in zip(KINDS, confusion.tolist(), strict=True):
            print(f"{kind:<11}" + "".join(f"{count:>10,}" for count in row))
        print("\nlines of this file:")
        for line in Path(__file__).read_text().splitlines()[4:90:9]:
            if encode(line.encode()).numel() > 3:
                guess = model(encode(line.encode())[None].to(options.device)).argmax(1).item()
                print(f"   {KINDS[guess]:<8} {line.strip()[:90]}")
    accuracy = (confusion.diag().sum() / confusion.sum()).item()
    print(f"\n{accuracy:.1%} of {int(confusion.sum()):,} lines of files it has not seen are told right")
    return accuracy


if __name__ == "__main__":
    main()
