"""A transformer that learns English letter by letter, from the documentation of Python's own language.

    python -m examples.char_transformer

The text is `pydoc_data.topics`, which every Python has. Ends with what the network writes after a few letters.
"""

import argparse
import math
import pydoc_data.topics

from tqdm import tqdm

import tritorch as torch
from tritorch import nn
from tritorch.nn import functional as F


class Block(nn.Module):
    """Attention to the letters before, then a step of thought; both are added to what came in."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.merge = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.think = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        batch, length, width = x.shape
        parts = self.qkv(self.norm1(x)).view(batch, length, 3, self.heads, width // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.merge(seen.transpose(1, 2).reshape(batch, length, width))
        return x + self.think(self.norm2(x))


class Writer(nn.Module):
    """Scores for the letter that follows each of the letters so far."""

    def __init__(self, letters, length, width=128, heads=4, depth=2):
        super().__init__()
        self.length = length
        self.letter, self.place = nn.Embedding(letters, width), nn.Embedding(length, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm, self.scores = nn.LayerNorm(width), nn.Linear(width, letters)
        nn.init.normal_(self.letter.weight, std=0.1)
        nn.init.normal_(self.place.weight, std=0.1)

    def forward(self, text):
        places = torch.arange(text.shape[1], device=text.device)
        return self.scores(self.norm(self.blocks(self.letter(text) + self.place(places))))

    @torch.no_grad()
    def write(self, text, count, temperature):
        for _ in range(count):
            scores = self(text[:, -self.length :])[:, -1] / temperature
            text = torch.cat([text, torch.multinomial(F.softmax(scores, dim=-1), 1)], dim=1)
        return text


def excerpts(text, count, length):
    """Random pieces, and the same moved on by one letter."""
    starts = torch.randint(0, len(text) - length, (count, 1))
    pieces = text[starts + torch.arange(length + 1)]
    return pieces[:, :-1], pieces[:, 1:]


def loss_of(model, pieces, device):
    before, after = (piece.to(device) for piece in pieces)
    return F.cross_entropy(model(before).flatten(0, 1), after.flatten())


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch-size", type=int, default=24)
    parser.add_argument("--length", type=int, default=64, help="letters that the network looks back")
    options = parser.parse_args(arguments)
    torch.manual_seed(options.seed)

    corpus = " ".join(" ".join(pydoc_data.topics.topics.values()).split())  # without the layout
    corpus = "".join(letter for letter in corpus if letter.isascii())
    letters = sorted(set(corpus))
    number = {letter: i for i, letter in enumerate(letters)}
    text = torch.tensor([number[letter] for letter in corpus])
    learned, held_out = text[: len(text) * 9 // 10], text[len(text) * 9 // 10 :]

    model = Writer(len(letters), options.length).to(options.device)
    print(f"{len(corpus):,} letters of {len(letters)} kinds, {sum(p.numel() for p in model.parameters()):,} parameters")
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.98), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1, (step + 1) / 50) * (0.1 + 0.9 * max(0.0, 1 - step / options.steps))
    )
    bar = tqdm(range(options.steps), desc="reading", unit="step")
    for _ in bar:
        loss = loss_of(model, excerpts(learned, options.batch_size, options.length), options.device)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        bar.set_postfix(bits=f"{loss.item() / math.log(2):.2f}", refresh=False)

    model.eval()
    with torch.no_grad():
        losses = [loss_of(model, excerpts(held_out, 32, options.length), options.device).item() for _ in range(4)]
    bits = sum(losses) / len(losses) / math.log(2)
    for start, temperature in (("The ", 0.5), ("A class ", 0.7), ("If ", 0.9)):
        seed = torch.tensor([[number[letter] for letter in start]], device=options.device)
        written = "".join(letters[i] for i in model.write(seed, min(160, options.steps), temperature)[0].tolist())
        print(f"\n--- temperature {temperature} ---\n{written}")
    print(f"\nheld-out text: {bits:.2f} bits a letter (to guess blindly takes {math.log2(len(letters)):.2f})")
    return bits


if __name__ == "__main__":
    main()
