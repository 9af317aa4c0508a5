"""Modules of PyTorch with names of their own, and the scores that they give.

    import_check.py FOLDER    FOLDER/catalogue.jsonl, plan.json, and for each case a folder with
                              weights.safetensors, map.json and expected.json
"""
import json, pathlib, sys

import torch
from safetensors.torch import save_file
from torch import nn

ITEMS, D = 120, 16
HISTORY = [3, 41, 7, 99, 17, 64, 5]
FOLD_IN = {"unobserved_weight": 0.1, "regularization": 0.05, "regularization_exponent": 1.0,
           "context_weight": 1.0}


class Factors(nn.Module):
    """Factors of users and items; row 0 of both is padding."""

    def __init__(self):
        super().__init__()
        self.user_factors = nn.Embedding(10, D)
        self.item_factors = nn.Embedding(ITEMS + 1, D, padding_idx=0)

    def items(self):
        return self.item_factors.weight[1:]

    def user(self):
        """The ridge regression of the format's page."""
        y = self.items().double()
        seen, w0 = y[HISTORY], FOLD_IN["unobserved_weight"]
        ridge = FOLD_IN["regularization"] * (len(HISTORY) + w0 * ITEMS)
        a = w0 * y.T @ y + seen.T @ seen + ridge * torch.eye(D).double()
        return torch.linalg.solve(a, seen.sum(0))

    def forward(self):
        return self.items().double() @ self.user()


class CrossNetwork(Factors):
    """DCN-v2 over the score, both vectors and their products."""

    def __init__(self):
        super().__init__()
        width = 1 + 3 * D
        self.crossing = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        self.deep = nn.Sequential(nn.Linear(width, 12), nn.ReLU(), nn.Linear(12, 6), nn.ReLU())
        self.logit = nn.Linear(width + 6, 1, bias=False)

    def forward(self):
        x, y = self.user(), self.items().double()
        rows = torch.cat([(y @ x)[:, None], x.expand(ITEMS, D), y, x * y], 1).to(self.logit.weight)
        crossed = rows
        for layer in self.crossing:
            crossed = rows * layer(crossed) + crossed
        return self.logit(torch.cat([crossed, self.deep(rows)], 1))[:, 0]


class Encoder(nn.Module):
    """SASRec of PyTorch's own layers."""

    def __init__(self):
        super().__init__()
        self.item_emb = nn.Embedding(ITEMS + 1, D, padding_idx=0)
        self.pos = nn.Parameter(torch.randn(1, 6, D))
        layer = nn.TransformerEncoderLayer(D, 2, 24, 0.0, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(D), enable_nested_tensor=False)

    def forward(self):
        newest = torch.tensor(HISTORY)[-self.pos.shape[1]:] + 1
        rows = self.item_emb(newest)[None] + self.pos[:, -len(newest):]
        mask = nn.Transformer.generate_square_subsequent_mask(len(newest), dtype=rows.dtype)
        return self.item_emb.weight[1:] @ self.encoder(rows, mask, is_causal=True)[0, -1]


class Plain(nn.Module):
    """SASRec written by hand: three layers for attention, convolutions of one step."""

    def __init__(self):
        super().__init__()
        self.items = nn.Embedding(ITEMS, D)
        self.positions = nn.Embedding(9, D)
        self.q, self.k, self.v = (nn.Linear(D, D, bias=False) for _ in range(3))
        self.mixed = nn.Linear(D, D)
        self.norms = nn.ModuleList([nn.LayerNorm(D), nn.LayerNorm(D, elementwise_affine=False)])
        self.conv1, self.conv2 = nn.Conv1d(D, D, 1), nn.Conv1d(D, D, 1)

    def forward(self):
        n = len(HISTORY)
        x = self.items(torch.tensor(HISTORY)) * D ** 0.5 + self.positions(torch.arange(n))
        hidden = torch.ones(n, n).triu(1).bool()
        scores = (self.q(x) @ self.k(x).T / D ** 0.5).masked_fill(hidden, float("-inf"))
        x = self.norms[0](x + self.mixed(scores.softmax(-1) @ self.v(x)))
        x = self.norms[1](x + self.conv2(self.conv1(x.T[None]).relu())[0].T)
        return self.items.weight @ x[-1]


class Towers(nn.Module):
    """A user tower over the mean of the history, its first kernel [inputs, outputs]."""

    def __init__(self):
        super().__init__()
        inputs = 2 * D + 2 + 1
        self.kernel = nn.Parameter(torch.randn(inputs, 20) / inputs ** 0.5)
        self.shift = nn.Parameter(torch.randn(20) / 5)
        self.out = nn.Linear(20, D)
        self.catalogue = nn.Parameter(torch.randn(ITEMS, D))

    def forward(self):
        count = torch.tensor([float(len(HISTORY))]).log1p()
        mean = self.catalogue[HISTORY].mean(0)
        read = torch.cat([mean, torch.zeros(D), count, torch.zeros(1), torch.ones(1)])
        return self.catalogue @ nn.functional.normalize(
            self.out((read @ self.kernel + self.shift).relu()), dim=0)


def layers(theirs, ours):
    return {f"{ours}.{part}": f"{theirs}.{part}" for part in ("weight", "bias")}


def of_encoder():
    tensors = {"embedding": {"from": "item_emb.weight", "rows": [1, ITEMS + 1]},
               "position": {"from": "pos", "squeeze": True}} | layers("encoder.norm", "norm")
    for block in range(2):
        theirs, ours = f"encoder.layers.{block}", f"blocks.{block}"
        for part in ("weight", "bias"):
            tensors[f"{ours}.attention.in.{part}"] = f"{theirs}.self_attn.in_proj_{part}"
        for a, b in [("self_attn.out_proj", "attention.out"), ("norm1", "norm.0"),
                     ("norm2", "norm.1"), ("linear1", "feed_forward.0"),
                     ("linear2", "feed_forward.1")]:
            tensors |= layers(f"{theirs}.{a}", f"{ours}.{b}")
    return {"name": "sasrec", "dimensions": D, "blocks": 2, "heads": 2, "positions": 6,
            "feed_forward": 24, "activation": "gelu", "ranker_features": ["fold_in"]}, tensors


def of_plain():
    ours = "blocks.0"
    tensors = {"embedding": "items.weight", "position": "positions.weight",
               f"{ours}.attention.in.weight": {"stack": ["q.weight", "k.weight", "v.weight"]},
               f"{ours}.attention.in.bias": {"fill": 0},
               f"{ours}.norm.1.weight": {"fill": 1}, f"{ours}.norm.1.bias": {"fill": 0}}
    tensors |= layers("mixed", f"{ours}.attention.out") | layers("norms.0", f"{ours}.norm.0")
    for at in (0, 1):
        tensors[f"{ours}.feed_forward.{at}.weight"] = {"from": f"conv{at + 1}.weight",
                                                       "squeeze": True}
        tensors[f"{ours}.feed_forward.{at}.bias"] = f"conv{at + 1}.bias"
    return {"name": "sasrec", "dimensions": D, "blocks": 1, "heads": 1, "positions": 9,
            "feed_forward": D, "norm_first": False, "final_norm": False, "scale_embedding": True,
            "newest_last": False, "ranker_features": ["fold_in"]}, tensors


def of_towers():
    return {"name": "two_tower", "dimensions": D, "hidden": [20], "normalize": True,
            "ranker_features": ["fold_in"]}, {
        "embedding": "catalogue", "tower.0.weight": {"from": "kernel", "transpose": True},
        "tower.0.bias": "shift"} | layers("out", "tower.1")


def of_factors(features=("fold_in",), **ranker):
    return {"name": "matrix_factorization", "dimensions": D, **FOLD_IN,
            "ranker_features": list(features), **ranker}, {
        "embedding": {"from": "item_factors.weight", "rows": [1, ITEMS + 1]}}


def of_cross_network():
    architecture, tensors = of_factors(["fold_in", "user", "item", "cross"], ranker={
        "kind": "dcn_v2", "cross_layers": 2, "hidden": [12, 6]})
    for at in (0, 1):
        tensors |= layers(f"crossing.{at}", f"ranker.cross.{at}")
        tensors |= layers(f"deep.{2 * at}", f"ranker.hidden.{at}")
    return architecture, tensors | {"ranker.weight": "logit.weight", "ranker.bias": {"fill": 0}}


def make(folder, name, module, dtype, architecture, tensors):
    torch.manual_seed(len(name))
    module = module().to(dtype)
    place = folder / name
    place.mkdir()
    save_file({k: v.contiguous() for k, v in module.state_dict().items()},
              place / "weights.safetensors")
    (place / "map.json").write_text(json.dumps({"architecture": architecture, "tensors": tensors}))
    with torch.no_grad():
        scores = module.float()() if dtype != torch.float64 else module()
    (place / "expected.json").write_text(json.dumps({"scores": scores.tolist()}))


def main(folder):
    lines = (json.dumps({"id": f"i{i}", "title": f"Item {i}"}) for i in range(ITEMS))
    (folder / "catalogue.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "plan.json").write_text(json.dumps({
        "contexts": [{"id": "always", "when": {"days": "every", "from": 0, "until": 1440}}],
        "surfaces": [{"id": "home", "length": 20, "contexts": ["always"]}]}))
    torch.set_default_dtype(torch.float32)
    make(folder, "factors", Factors, torch.float16, *of_factors())
    make(folder, "cross-network", CrossNetwork, torch.float32, *of_cross_network())
    make(folder, "encoder", Encoder, torch.float32, *of_encoder())
    make(folder, "plain", Plain, torch.float64, *of_plain())
    make(folder, "towers", Towers, torch.bfloat16, *of_towers())


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
