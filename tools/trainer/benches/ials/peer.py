"""ALS of implicit: the peer of the bench `ials`.

    python peer.py FOLDER EPOCHS DIMENSIONS CONFIDENCE REGULARIZATION THREADS cg|exact

FOLDER holds pairs (little-endian u32 of user and item) and gets users.f32 and items.f32. Prints one
line of JSON with the seconds of the fit.
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

folder, epochs, dimensions = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
confidence, regularization, threads = float(sys.argv[4]), float(sys.argv[5]), int(sys.argv[6])
pairs = np.fromfile(folder / "pairs", "<u4").reshape(-1, 2)
users, items = json.loads((folder / "sizes.json").read_text())
values = np.full(len(pairs), confidence, np.float32)
matrix = sparse.csr_matrix((values, (pairs[:, 0], pairs[:, 1])), shape=(users, items))
model = AlternatingLeastSquares(
    factors=dimensions, regularization=regularization, alpha=1.0, iterations=epochs,
    use_cg=sys.argv[7] == "cg", num_threads=threads, random_state=1, use_gpu=False)
begun = time.perf_counter()
model.fit(matrix, show_progress=False)
seconds = time.perf_counter() - begun
model.user_factors.astype("<f4").tofile(folder / "users.f32")
model.item_factors.astype("<f4").tofile(folder / "items.f32")
print(json.dumps({"seconds": seconds}))
