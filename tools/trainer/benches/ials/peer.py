"""ALS of implicit: the peer of the bench `ials`.

    python peer.py FOLDER EPOCHS DIMENSIONS CONFIDENCE REGULARIZATION THREADS cg|exact

FOLDER holds pairs (little-endian u32 of user and item). EPOCHS are one or more, with commas, the
last the most: after each, users-EPOCH.f32 and items-EPOCH.f32 are written. Prints one line of JSON
with the seconds of the fit, of the clock and of the processor.
"""
import json
import os
import pathlib
import sys
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as implicit asks for: it has threads of its own

import numpy as np
import scipy.sparse as sparse
from implicit.als import AlternatingLeastSquares

folder, dimensions = pathlib.Path(sys.argv[1]), int(sys.argv[3])
epochs = [int(epoch) for epoch in sys.argv[2].split(",")]
confidence, regularization, threads = float(sys.argv[4]), float(sys.argv[5]), int(sys.argv[6])
pairs = np.fromfile(folder / "pairs", "<u4").reshape(-1, 2)
users, items = json.loads((folder / "sizes.json").read_text())
values = np.full(len(pairs), confidence, np.float32)
matrix = sparse.csr_matrix((values, (pairs[:, 0], pairs[:, 1])), shape=(users, items))
model = AlternatingLeastSquares(
    factors=dimensions, regularization=regularization, alpha=1.0, iterations=epochs[-1],
    use_cg=sys.argv[7] == "cg", num_threads=threads, random_state=1, use_gpu=False)


def write(epoch, *_):
    if epoch + 1 in epochs:
        model.user_factors.astype("<f4").tofile(folder / f"users-{epoch + 1}.f32")
        model.item_factors.astype("<f4").tofile(folder / f"items-{epoch + 1}.f32")


begun, cpu = time.perf_counter(), time.process_time()
model.fit(matrix, show_progress=False, callback=write if len(epochs) > 1 else None)
seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
write(epochs[-1] - 1)
print(json.dumps({"seconds": seconds, "cpu": cpu}))
