"""PyTorch on the processor: the peer of the bench `training`.

    python peer.py FOLDER THREADS

FOLDER holds case.json (settings, batches of sequences, names and shapes of the weights) and weights
(f32, one weight behind the other). A plain SASRec: rows padded on the right to the longest sequence
of the batch, scaled_dot_product_attention with its causal switch (so padding is never seen), scores
of the whole catalogue for rows that are not padding, fused Adam. Prints one line of JSON: the loss
of each batch before any step and without dropout, and the seconds of the steps.
"""
import json, math, pathlib, sys, time
import numpy as np
import torch
import torch.nn.functional as F

folder, threads = pathlib.Path(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(threads)
torch.manual_seed(1)
case = json.loads((folder / "case.json").read_text())
flat, at, w = np.fromfile(folder / "weights", "<f4"), 0, {}
for name, shape in case["weights"]:
    size = math.prod(shape)
    w[name] = torch.nn.Parameter(torch.tensor(flat[at:at + size].reshape(shape)))
    at += size
s = case["settings"]
d, heads, p, rate = s["dimensions"], s["heads"], s["positions"], s["dropout"]
items = w["embedding"].shape[0]


def padded(sequences):
    length = max(len(q) for q in sequences) - 1
    read, target = np.zeros((2, len(sequences), length), np.int64)
    position = np.zeros((len(sequences), length), np.int64)
    mask = np.zeros((len(sequences), length), bool)
    for row, q in enumerate(sequences):
        n = len(q) - 1
        read[row, :n], target[row, :n], mask[row, :n] = q[:-1], q[1:], True
        position[row, :n] = np.arange(p - n, p)
    return [torch.from_numpy(x) for x in (read, target, position, mask)]


def encode(read, position, train):
    drop = lambda x: F.dropout(x, rate, train)
    norm = lambda x, name: F.layer_norm(x, (d,), w[f"{name}.weight"], w[f"{name}.bias"], 1e-5)
    b, n = read.shape
    h = drop(F.embedding(read, w["embedding"]) * math.sqrt(d) + F.embedding(position, w["position"]))
    for i in range(s["blocks"]):
        lin = lambda x, name: F.linear(x, w[f"blocks.{i}.{name}.weight"], w[f"blocks.{i}.{name}.bias"])
        qkv = lin(norm(h, f"blocks.{i}.norm.0"), "attention.in")
        q, k, v = qkv.view(b, n, 3, heads, d // heads).permute(2, 0, 3, 1, 4)
        o = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=rate if train else 0.0)
        h = h + drop(lin(o.transpose(1, 2).reshape(b, n, d), "attention.out"))
        f = drop(F.relu(lin(norm(h, f"blocks.{i}.norm.1"), "feed_forward.0")))
        h = h + drop(lin(f, "feed_forward.1"))
    return norm(h, "norm")


def loss_of(read, target, position, mask, train):
    h, target = encode(read, position, train)[mask], target[mask]
    if s["loss"] == "cross_entropy":
        return F.cross_entropy(h @ w["embedding"].T, target)
    negative = torch.randint(0, items, target.shape)
    positive = (h * F.embedding(target, w["embedding"])).sum(-1)
    negative = (h * F.embedding(negative, w["embedding"])).sum(-1)
    return (F.softplus(-positive) + F.softplus(negative)).mean()


batches = case["batches"]
with torch.no_grad():
    losses = [loss_of(*padded(batch), False).item() for batch in batches[:2]]
adam = torch.optim.Adam(w.values(), lr=s["learning_rate"], fused=True)


def step(batch):
    loss = loss_of(*padded(batch), True)
    adam.zero_grad()
    loss.backward()
    adam.step()


for batch in batches[:3]:
    step(batch)
best = float("inf")
for _ in range(2):
    begun = time.perf_counter()
    for batch in batches:
        step(batch)
    best = min(best, time.perf_counter() - begun)
print(json.dumps({"losses": losses, "seconds": best, "torch": torch.__version__}))
