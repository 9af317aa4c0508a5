"""Makes a small matrix factorisation, and the scores that a phone must come to.

    pytorch_check.py make FOLDER          state.pt (with PyTorch) or state.npz, and the other files
    pytorch_check.py scores STATE EVENTS  JSON: item -> score, by numpy in double precision
"""
import json, pathlib, sys

import numpy

ITEMS, USERS, D = 200, 60, 16
try:
    import torch
except ImportError:
    torch = None


def interactions():
    rng = numpy.random.default_rng(5)
    taste, kind = rng.integers(0, 5, USERS), rng.integers(0, 5, ITEMS)
    chosen = rng.random((USERS, ITEMS)) < numpy.where(taste[:, None] == kind, 0.4, 0.02)
    return chosen.astype("float32")


def train_torch(folder):
    torch.manual_seed(5)

    class MatrixFactorization(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.user_factors = torch.nn.Embedding(USERS, D)
            self.item_factors = torch.nn.Embedding(ITEMS, D)

    model, target = MatrixFactorization(), torch.from_numpy(interactions())
    optimiser = torch.optim.Adam(model.parameters(), lr=0.05, weight_decay=1e-4)
    for _ in range(60):
        loss = ((model.user_factors.weight @ model.item_factors.weight.T - target) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    torch.save(model.state_dict(), folder / "state.pt")


def train_numpy(folder):
    rng, target = numpy.random.default_rng(5), interactions()
    users, items = rng.normal(size=(USERS, D)), rng.normal(size=(ITEMS, D))
    ridge = 0.5 * numpy.eye(D)
    for _ in range(10):
        users = numpy.linalg.solve(items.T @ items + ridge, items.T @ target.T).T
        items = numpy.linalg.solve(users.T @ users + ridge, users.T @ target).T
    weights = {"user_factors.weight": users, "item_factors.weight": items}
    numpy.savez(folder / "state.npz", **{k: v.astype("float32") for k, v in weights.items()})


def make(folder):
    (train_torch if torch else train_numpy)(folder)
    lines = (json.dumps({"id": f"i{i}", "title": f"Item {i}"}) for i in range(ITEMS))
    (folder / "catalogue.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "plan.json").write_text(json.dumps({
        "contexts": [{"id": "always", "when": {"days": "every", "from": 0, "until": 1440}}],
        "surfaces": [{"id": "home", "length": 20, "contexts": ["always"]}],
        "consumed": "keep", "exploration": {"epsilon": 0.0, "pool": 20},
        "candidates": {"nearest": ITEMS, "popular": 0},
    }))
    print(json.dumps({"torch": torch.__version__ if torch else None}))


def scores(state, events):
    name = "item_factors.weight"
    if state.suffix == ".npz":
        y = numpy.load(state)[name].astype("float64")
    else:
        y = torch.load(state, weights_only=True)[name].double().numpy()
    seen = [json.loads(line) for line in events.read_text().splitlines()]
    rows = y[[int(event["item"][1:]) for event in seen]]
    chosen = numpy.array([1.0 if event["kind"] == "like" else 0.0 for event in seen])
    w0, regularization = 0.1, 0.05
    ridge = regularization * (len(seen) + w0 * len(y))
    a = w0 * y.T @ y + rows.T @ rows + ridge * numpy.eye(y.shape[1])
    x = numpy.linalg.solve(a, rows.T @ chosen)
    print(json.dumps({f"i{i}": float(score) for i, score in enumerate(y @ x)}))


if __name__ == "__main__":
    paths = [pathlib.Path(path) for path in sys.argv[2:]]
    {"make": make, "scores": scores}[sys.argv[1]](*paths)
