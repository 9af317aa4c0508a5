"""ONNX Runtime on one thread: the peer of the bench `models`.

    python peer.py FOLDER encoder|ranker RUNS

FOLDER holds model.safetensors, architecture.json and input (f32). Prints one line of JSON.
"""
import json, pathlib, statistics, sys, time
import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

folder, what, runs = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
a = json.loads((folder / "architecture.json").read_text())
w = load_file(folder / "model.safetensors")
flat = np.fromfile(folder / "input", "<f4")


class Graph:
    def __init__(self):
        self.nodes, self.constants, self.count = [], [], 0

    def const(self, value):
        self.count += 1
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), f"c{self.count}"))
        return f"c{self.count}"

    def op(self, kind, *inputs, outputs=1, **attributes):
        self.count += 1
        names = [f"v{self.count}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def dense(self, x, weight, bias):
        return self.op("Gemm", x, self.const(weight), self.const(bias), transB=1)

    def run(self, out, shape):
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
        y = helper.make_tensor_value_info(out, TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "g", [x], [y], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        session = ort.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
        feed, medians = {"x": flat.reshape(shape)}, []
        for _ in range(2):
            times = []
            for _ in range(runs // 2 + 20):
                begun = time.perf_counter()
                result = session.run(None, feed)
                times.append(time.perf_counter() - begun)
            medians.append(1e3 * statistics.median(times[20:]))
        return min(medians), result[0].reshape(-1).astype(float).tolist()


def encoder(last_row_only):
    g, n, d, heads = Graph(), len(flat) // a["dimensions"], a["dimensions"], a["heads"]
    mask = g.const(np.where(np.tril(np.ones((n, n), bool)), 0, -np.inf).astype("f4"))
    one = lambda x: g.op("Slice", x, g.const(np.array([n - 1])), g.const(np.array([n])), g.const(np.array([0])))

    def split(x, rows):
        x = g.op("Reshape", x, g.const(np.array([rows, heads, d // heads])))
        return g.op("Transpose", x, perm=[1, 0, 2])

    x = g.op("Add", "x", g.const(w["position"][-n:]))
    norm = lambda x, name: g.op("LayerNormalization", x, g.const(w[f"{name}.weight"]), g.const(w[f"{name}.bias"]),
                                axis=-1, epsilon=1e-5)
    for b in range(a["blocks"]):
        p = lambda name: w[f"blocks.{b}.{name}"]
        cut = last_row_only and b == a["blocks"] - 1
        h, rows = norm(x, f"blocks.{b}.norm.0"), 1 if cut else n
        scale = 1 / np.sqrt(np.float32(d // heads))
        wq, wk, wv = np.split(p("attention.in.weight"), 3)
        bq, bk, bv = np.split(p("attention.in.bias"), 3)
        if cut:
            q = g.dense(one(h), wq * scale, bq * scale)
            k, v = g.op("Split", g.dense(h, np.concatenate([wk, wv]), np.concatenate([bk, bv])), outputs=2, axis=1)
            x = one(x)
        else:
            qkv = g.dense(h, np.concatenate([wq * scale, wk, wv]), np.concatenate([bq * scale, bk, bv]))
            q, k, v = g.op("Split", qkv, outputs=3, axis=1)
        k = g.op("Transpose", g.op("Reshape", k, g.const(np.array([n, heads, d // heads]))), perm=[1, 2, 0])
        s = g.op("MatMul", split(q, rows), k)
        s = g.op("Softmax", s if cut else g.op("Add", s, mask), axis=-1)
        o = g.op("Transpose", g.op("MatMul", s, split(v, n)), perm=[1, 0, 2])
        o = g.op("Reshape", o, g.const(np.array([rows, d])))
        x = g.op("Add", x, g.dense(o, p("attention.out.weight"), p("attention.out.bias")))
        h = norm(x, f"blocks.{b}.norm.1")
        h = g.op("Relu", g.dense(h, p("feed_forward.0.weight"), p("feed_forward.0.bias")))
        x = g.op("Add", x, g.dense(h, p("feed_forward.1.weight"), p("feed_forward.1.bias")))
    return g.run(norm(x if last_row_only else one(x), "norm"), [n, d])


def ranker():
    g, r, width = Graph(), a["ranker"], len(a["ranker_features"])
    crossed = "x"
    for i in range(r.get("cross_layers", 0)):
        p = lambda name: w[f"ranker.cross.{i}.{name}"]
        if r.get("rank"):
            y = g.dense(g.op("MatMul", crossed, g.const(p("down").T)), p("up"), p("bias"))
        else:
            y = g.dense(crossed, p("weight"), p("bias"))
        crossed = g.op("Add", g.op("Mul", "x", y), crossed)
    deep = "x"
    for i in range(len(r["hidden"])):
        deep = g.op("Relu", g.dense(deep, w[f"ranker.hidden.{i}.weight"], w[f"ranker.hidden.{i}.bias"]))
    x = g.op("Concat", crossed, deep, axis=1) if r["kind"] == "dcn_v2" else deep
    return g.run(g.dense(x, w["ranker.weight"], w["ranker.bias"]), [len(flat) // width, width])


if what == "ranker":
    full_ms, out = ranker()
    print(json.dumps({"full_ms": full_ms, "outputs": [out]}))
else:
    (full_ms, first), (last_ms, second) = encoder(False), encoder(True)
    print(json.dumps({"full_ms": full_ms, "last_ms": last_ms, "outputs": [first, second]}))
