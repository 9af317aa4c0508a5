"""Other libraries searching the same matrix for the same queries, on the number of threads asked.

Started by the benchmark with a folder that holds items.f32 and queries.f32 (row-major, little
endian) and the numbers of items, dimensions, best items and threads. Answers on standard output:
first one line of JSON with the peers that are installed here, then for each line "peer first count"
on standard input the milliseconds that the peer took for these queries at once, and what it found.
"""

import json
import os
import sys
import time

folder, items, dimensions, k, threads = sys.argv[1], *map(int, sys.argv[2:6])
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(threads)

import numpy as np  # noqa: E402 (after the number of threads is set)

matrix = np.fromfile(os.path.join(folder, "items.f32"), np.float32).reshape(items, dimensions)
queries = np.fromfile(os.path.join(folder, "queries.f32"), np.float32).reshape(-1, dimensions)


def numpy_peer():
    def search(some):
        scores = some @ matrix.T
        best = np.argpartition(scores, items - k, axis=1)[:, items - k :]
        order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1)
        return np.take_along_axis(best, order, 1)

    return np.__version__, search


def onnxruntime_peer():
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper

    if items * dimensions * 4 > 1 << 30:
        raise ImportError("the matrix is too large for one ONNX file")
    weight = onnx.numpy_helper.from_array(np.ascontiguousarray(matrix.T), "items")
    wanted = onnx.numpy_helper.from_array(np.array([k], np.int64), "k")
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["query", "items"], ["scores"]),
            helper.make_node("TopK", ["scores", "k"], ["values", "indices"], axis=1),
        ],
        "top_k",
        [helper.make_tensor_value_info("query", TensorProto.FLOAT, [None, dimensions])],
        [helper.make_tensor_value_info("indices", TensorProto.INT64, [None, k])],
        [weight, wanted],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return onnxruntime.__version__, lambda some: session.run(["indices"], {"query": some})[0]


def faiss_peer(make):
    import faiss

    faiss.omp_set_num_threads(threads)
    index = make(faiss)
    if not index.is_trained:
        index.train(matrix)
    index.add(matrix)
    return faiss.__version__, lambda some: index.search(some, k)[1]


def faiss_flat_peer():
    return faiss_peer(lambda faiss: faiss.IndexFlatIP(dimensions))


def faiss_sq8_peer():
    def make(faiss):
        kind = faiss.ScalarQuantizer.QT_8bit
        return faiss.IndexScalarQuantizer(dimensions, kind, faiss.METRIC_INNER_PRODUCT)

    return faiss_peer(make)


def implicit_peer():
    import implicit
    from implicit.cpu.topk import topk

    return implicit.__version__, lambda some: topk(matrix, some, k, num_threads=threads)[0]


def litert_peer():
    """An int8 matrix product with float scores, then the best of them by TopK."""
    import ai_edge_litert
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.interpreter import Interpreter

    model = litert_model(schema)
    interpreter = Interpreter(model_content=model, num_threads=threads)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]

    def search(some):
        found = []
        for query in some:
            interpreter.set_tensor(source, query[None, :])
            interpreter.invoke()
            scores = interpreter.get_tensor(target)[0]
            best = np.argpartition(scores, items - k)[items - k :]
            found.append(best[np.argsort(-scores[best])])
        return np.array(found)

    return getattr(ai_edge_litert, "__version__", "installed"), search


def litert_model(schema):
    """A fully connected layer of int8 weights, one scale a row, over a query of float32."""
    import flatbuffers

    def tensor(name, shape, kind, buffer, scale=None):
        made = schema.TensorT()
        made.name, made.shape, made.type, made.buffer = name, shape, kind, buffer
        if scale is not None:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale = scale
            made.quantization.zeroPoint = np.zeros(len(scale), np.int64)
            made.quantization.quantizedDimension = 0
        return made

    scale = np.maximum(np.abs(matrix).max(axis=1) / 127, 1e-20).astype(np.float32)
    codes = np.round(matrix / scale[:, None]).astype(np.int8)
    weights, empty = schema.BufferT(), schema.BufferT()
    weights.data = codes.reshape(-1).view(np.uint8)
    graph = schema.SubGraphT()
    graph.tensors = [
        tensor("query", [1, dimensions], schema.TensorType.FLOAT32, 0),
        tensor("items", [items, dimensions], schema.TensorType.INT8, 1, scale),
        tensor("scores", [1, items], schema.TensorType.FLOAT32, 0),
    ]
    graph.inputs, graph.outputs = [0], [2]
    layer = schema.OperatorT()
    layer.opcodeIndex, layer.inputs, layer.outputs = 0, [0, 1, -1], [2]
    layer.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    layer.builtinOptions = schema.FullyConnectedOptionsT()
    graph.operators = [layer]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version = 9
    model = schema.ModelT()
    model.version, model.operatorCodes = 3, [code]
    model.subgraphs, model.buffers = [graph], [empty, weights]
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


KINDS = {
    "numpy": (numpy_peer, True),
    "onnxruntime": (onnxruntime_peer, True),
    "faiss_flat": (faiss_flat_peer, True),
    "implicit": (implicit_peer, True),
    "faiss_sq8": (faiss_sq8_peer, False),
    "litert_int8": (litert_peer, False),
}

ready, installed = {}, {}
for name, (make, exact) in KINDS.items():
    try:
        version, ready[name] = make()
        installed[name] = {"version": version, "exact": exact}
    except Exception as error:  # whatever keeps a peer from starting is what its row says
        installed[name] = {"missing": f"{type(error).__name__}: {error}"[:200]}
print(json.dumps(installed), flush=True)

for line in sys.stdin:
    name, first, count = line.split()
    some = queries[int(first) : int(first) + int(count)]
    begun = time.perf_counter()
    found = ready[name](some)
    taken = (time.perf_counter() - begun) * 1e3
    print(json.dumps({"ms": taken, "found": np.asarray(found).tolist()}), flush=True)
