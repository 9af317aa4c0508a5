"""A model that `noctule train --architecture sasrec` wrote, in PyTorch.

    python to_pytorch.py MODEL_DIR ITEM...      scores of the catalogue for a history, as JSON

ITEM are rows of the catalogue, the oldest choice first. `load` gives the module, to go on from.
"""
import json, pathlib, sys

import torch
from safetensors.torch import load_file
from torch import nn


class SASRec(nn.Module):
    def __init__(self, a, items):
        super().__init__()
        d, self.a = a["dimensions"], a
        layer = nn.TransformerEncoderLayer(
            d, a["heads"], a["feed_forward"], 0.0, a["activation"], a["norm_epsilon"],
            batch_first=True, norm_first=a["norm_first"])
        last = nn.LayerNorm(d, a["norm_epsilon"]) if a["final_norm"] else None
        self.encoder = nn.TransformerEncoder(layer, a["blocks"], last, enable_nested_tensor=False)
        self.items = nn.Embedding(items, d)
        self.positions = nn.Embedding(a["positions"], d)

    def forward(self, history):
        n = min(len(history), self.a["positions"])
        rows = self.items(torch.tensor(history[-n:])) * (
            self.a["dimensions"] ** 0.5 if self.a["scale_embedding"] else 1)
        at = torch.arange(n) + (self.a["positions"] - n if self.a["newest_last"] else 0)
        mask = nn.Transformer.generate_square_subsequent_mask(n)
        hidden = self.encoder((rows + self.positions(at))[None], mask, is_causal=True)
        return self.items.weight @ hidden[0, -1]


def load(folder):
    architecture = json.loads((folder / "training.json").read_text())["architecture"]
    embedding = load_file(folder / "items.safetensors")["embedding"]
    ours, theirs = load_file(folder / "model.safetensors"), {"items.weight": embedding}
    renamed = [("attention.in.", "self_attn.in_proj_"), ("attention.out", "self_attn.out_proj"),
               ("norm.0", "norm1"), ("norm.1", "norm2"), ("feed_forward.0", "linear1"),
               ("feed_forward.1", "linear2"), ("blocks.", "layers.")]
    for name, tensor in ours.items():
        for a, b in renamed if name.startswith("blocks.") else []:
            name = name.replace(a, b)
        if not name.startswith("ranker."):
            theirs["positions.weight" if name == "position" else f"encoder.{name}"] = tensor
    model = SASRec(architecture, len(embedding))
    model.load_state_dict(theirs)  # Strict: every tensor has its place, and none is left.
    return model.eval()


if __name__ == "__main__":
    with torch.no_grad():
        scores = load(pathlib.Path(sys.argv[1]))([int(item) for item in sys.argv[2:]])
    print(json.dumps(scores.tolist()))
