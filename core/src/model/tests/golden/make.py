"""Makes the golden files of the models: weights, and what numpy makes of them in double precision.

    python make.py            # in this folder; needs numpy and safetensors

Written from the format's page and the papers, not from the Rust code. Deterministic: the same files
come out each time.
"""
import json, math, pathlib
import numpy as np
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent
ITEMS, D, CONTEXTS = 64, 8, 3
ERF = np.vectorize(math.erf)


def activate(name, x):
    return np.maximum(x, 0) if name == "relu" else x * 0.5 * (1 + ERF(x / math.sqrt(2)))


def norm(x, weight, bias, epsilon):
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon) * weight + bias


def fold_in(a, w, items, history, context):
    d, seen = a["dimensions"], [h for h in history]
    ridge = a["regularization"] * (len(seen) + a["unobserved_weight"] * ITEMS) ** a["regularization_exponent"]
    left = a["unobserved_weight"] * w["gram"] + ridge * np.eye(d)
    right = np.zeros(d)
    for item, weight, target in seen:
        y = items[item]
        left, right = left + weight * np.outer(y, y), right + weight * target * y
    return np.linalg.solve(left, right)


def two_tower(a, w, items, history, context):
    parts, counts = [], []
    for wanted in (1, 0):
        chosen = [(items[i], weight) for i, weight, target in history if target == wanted]
        total = sum(weight for _, weight in chosen)
        parts.append(sum(y * weight for y, weight in chosen) / total if total else np.zeros(D))
        counts.append(math.log(1 + len(chosen)))
    x = np.concatenate(parts + [counts, np.eye(CONTEXTS)[context]])
    for i in range(len(a["hidden"]) + 1):
        x = w[f"tower.{i}.weight"] @ x + w[f"tower.{i}.bias"]
        if i < len(a["hidden"]):
            x = activate(a["activation"], x)
    return x / np.linalg.norm(x) if a["normalize"] else x


def sasrec(a, w, items, history, context):
    """Every row of every block, masked: nothing is left out here."""
    chosen = [i for i, _, target in history if target == 1][-a["positions"]:]
    n, d, heads = len(chosen), a["dimensions"], a["heads"]
    if n == 0:
        return np.zeros(d)
    x = items[chosen] * (math.sqrt(d) if a["scale_embedding"] else 1)
    x = x + (w["position"][-n:] if a["newest_last"] else w["position"][:n])
    for b in range(a["blocks"]):
        p = lambda name: w[f"blocks.{b}.{name}"]
        norms = [lambda x, i=i: norm(x, p(f"norm.{i}.weight"), p(f"norm.{i}.bias"), a["norm_epsilon"])
                 for i in (0, 1)]

        def attention(x):
            q, k, v = np.split(x @ p("attention.in.weight").T + p("attention.in.bias"), 3, axis=1)
            out = []
            for q, k, v in zip(*(np.split(m, heads, axis=1) for m in (q, k, v))):
                s = q @ k.T / math.sqrt(d // heads)
                s = np.where(np.tril(np.ones((n, n), bool)), s, -np.inf)
                s = np.exp(s - s.max(1, keepdims=True))
                out.append(s / s.sum(1, keepdims=True) @ v)
            return np.concatenate(out, 1) @ p("attention.out.weight").T + p("attention.out.bias")

        def feed_forward(x):
            x = activate(a["activation"], x @ p("feed_forward.0.weight").T + p("feed_forward.0.bias"))
            return x @ p("feed_forward.1.weight").T + p("feed_forward.1.bias")

        for part, normalise in zip((attention, feed_forward), norms):
            x = x + part(normalise(x)) if a["norm_first"] else normalise(x + part(x))
    if a["final_norm"]:
        x = norm(x, w["norm.weight"], w["norm.bias"], a["norm_epsilon"])
    return x[-1]


def ranker(a, w, x0):
    r = a["ranker"]
    x = x0
    for i in range(r.get("cross_layers", 0)):
        p = lambda name: w[f"ranker.cross.{i}.{name}"]
        matrix = p("up") @ p("down") if r.get("rank") else p("weight")
        x = x0 * (x @ matrix.T + p("bias")) + x
    if r.get("hidden"):
        beside = r["kind"] == "dcn_v2" and r.get("structure", "parallel") == "parallel"
        deep = x0 if beside else x
        for i in range(len(r["hidden"])):
            deep = deep @ w[f"ranker.hidden.{i}.weight"].T + w[f"ranker.hidden.{i}.bias"]
            deep = activate(r.get("activation", "relu"), deep)
        x = np.concatenate([x, deep], 1) if beside else deep
    x = (x @ w["ranker.weight"].T + w["ranker.bias"])[:, 0]
    c = {"slope": 1, "intercept": 0, "points": 0} | r.get("calibration", {})
    x = c["slope"] * x + c["intercept"]
    if c["points"]:
        px, py = w["ranker.calibration"]
        out = np.interp(x, px, py)
        first, last = [(py[j + 1] - py[j]) / (px[j + 1] - px[j]) for j in (0, -2)]
        out = np.where(x < px[0], py[0] + (x - px[0]) * first, out)
        x = np.where(x > px[-1], py[-1] + (x - px[-1]) * last, out)
    return x


def weights(a, width, rng):
    """The shapes of the format's page."""
    w = {}
    add = lambda name, *shape: w.__setitem__(name, rng.normal(0, 0.5 / math.sqrt(shape[-1]), shape))
    layer = lambda name, i, o: (add(f"{name}.weight", o, i), add(f"{name}.bias", o))
    d = a["dimensions"]
    if a["name"] == "two_tower":
        widths = [2 * d + 2 + CONTEXTS, *a["hidden"], d]
        for i in range(len(widths) - 1):
            layer(f"tower.{i}", widths[i], widths[i + 1])
            w[f"tower.{i}.weight"] *= 3
    if a["name"] == "sasrec":
        add("position", a["positions"], d)
        names = [f"blocks.{b}.norm.{i}" for b in range(a["blocks"]) for i in (0, 1)]
        for b in range(a["blocks"]):
            layer(f"blocks.{b}.attention.in", d, 3 * d)
            w[f"blocks.{b}.attention.in.weight"] *= 3
            layer(f"blocks.{b}.attention.out", d, d)
            layer(f"blocks.{b}.feed_forward.0", d, a["feed_forward"])
            layer(f"blocks.{b}.feed_forward.1", a["feed_forward"], d)
        for name in names + (["norm"] if a["final_norm"] else []):
            w[f"{name}.weight"], w[f"{name}.bias"] = rng.normal(1, 0.2, d), rng.normal(0, 0.2, d)
    r = a["ranker"]
    for i in range(r.get("cross_layers", 0)):
        rank = r.get("rank", 0)
        for name, *shape in [("down", rank, width), ("up", width, rank)] if rank else [("weight", width, width)]:
            add(f"ranker.cross.{i}.{name}", *shape)
        add(f"ranker.cross.{i}.bias", width)
    last = width
    for i, size in enumerate(r.get("hidden", [])):
        layer(f"ranker.hidden.{i}", last, size)
        last = size
    if r["kind"] == "dcn_v2" and r.get("structure", "parallel") == "parallel" and r.get("hidden"):
        last += width
    layer("ranker", last, 1)
    if points := r.get("calibration", {}).get("points"):
        w["ranker.calibration"] = np.cumsum(rng.uniform(0.1, 0.5, (2, points)), 1) - 1
    return w


def make(name, encode, architecture, histories, seed):
    rng = np.random.default_rng(seed)
    # Two decimals: the same number in a text and in an f32.
    items = np.round(rng.normal(0, 1, (ITEMS, D)), 2).astype("f4").astype("f8")
    wide = {"user": D, "item": D, "cross": D, "context": CONTEXTS}
    width = sum(wide.get(feature, 1) for feature in architecture["ranker_features"])
    w = weights(architecture, width, rng)
    if architecture["name"] == "matrix_factorization":
        w["gram"] = items.T @ items
    w = {key: np.ascontiguousarray(value, "f4") for key, value in w.items()}
    save_file(w, HERE / f"{name}.safetensors")
    w = {key: value.astype("f8") for key, value in w.items()}
    users = []
    for context, length in histories:
        picked = rng.permutation(ITEMS)[:length].tolist()
        history = [[i, round(float(rng.uniform(0.25, 3)), 2), int(rng.uniform() < 0.9)] for i in picked]
        f4 = [[i, float(np.float32(weight)), target] for i, weight, target in history]
        users.append({"context": context, "history": history,
                      "vector": encode(architecture, w, items, f4, context).tolist()})
    rows = np.round(rng.normal(0, 1, (5, width)), 2)
    case = {"contexts": CONTEXTS, "architecture": architecture, "items": items.round(2).tolist(),
            "users": users, "rows": rows.tolist(),
            "scores": ranker(architecture, w, rows.astype("f4").astype("f8")).tolist()}
    (HERE / f"{name}.json").write_text(json.dumps(case) + "\n")


ALL = ["fold_in", "user", "item", "cross", "context", "popularity"]
TRANSFORMER = {"name": "sasrec", "dimensions": D, "norm_epsilon": 1e-5}
make("two_tower_mlp", two_tower, {
    "name": "two_tower", "dimensions": D, "hidden": [12, 6], "activation": "gelu", "normalize": True,
    "ranker_features": ALL, "ranker": {"kind": "mlp", "hidden": [10, 5],
    "calibration": {"slope": 1.5, "intercept": -0.25}}}, [(0, 0), (1, 1), (2, 20)], 1)
make("two_tower_linear", two_tower, {
    "name": "two_tower", "dimensions": D, "hidden": [], "activation": "relu", "normalize": False,
    "ranker_features": ["fold_in", "popularity"], "ranker": {"kind": "linear",
    "calibration": {"points": 6}}}, [(0, 3), (2, 40)], 2)
make("sasrec_dcn_parallel", sasrec, TRANSFORMER | {
    "blocks": 2, "heads": 2, "positions": 60, "feed_forward": 16, "activation": "relu",
    "norm_first": True, "final_norm": True, "scale_embedding": False, "newest_last": True,
    "ranker_features": ["fold_in", "item", "context"], "ranker": {"kind": "dcn_v2", "cross_layers": 2,
    "hidden": [9]}}, [(0, 0), (0, 1), (1, 7), (2, 55), (2, 64)], 3)
make("sasrec_dcn_stacked", sasrec, TRANSFORMER | {
    "blocks": 1, "heads": 1, "positions": 64, "feed_forward": 8, "activation": "gelu",
    "norm_first": False, "final_norm": False, "scale_embedding": True, "newest_last": False,
    "ranker_features": ["fold_in", "cross"], "ranker": {"kind": "dcn_v2", "cross_layers": 1,
    "rank": 3, "structure": "stacked", "hidden": [7], "activation": "gelu"}}, [(0, 2), (1, 64)], 4)
make("sasrec_post_cross", sasrec, TRANSFORMER | {
    "blocks": 3, "heads": 4, "positions": 50, "feed_forward": 8, "activation": "relu",
    "norm_first": False, "final_norm": True, "scale_embedding": False, "newest_last": True,
    "ranker_features": ["fold_in", "user"], "ranker": {"kind": "dcn_v2", "cross_layers": 3}},
    [(0, 30), (1, 50)], 5)
make("matrix_factorization_mlp", fold_in, {
    "name": "matrix_factorization", "dimensions": D, "unobserved_weight": 0.25,
    "regularization": 0.125, "regularization_exponent": 1.0, "context_weight": 2.0,
    "ranker_features": ["fold_in", "popularity"], "ranker": {"kind": "mlp", "hidden": [4],
    "activation": "gelu"}}, [(0, 5), (1, 64)], 6)
