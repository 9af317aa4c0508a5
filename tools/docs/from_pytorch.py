"""From a PyTorch state dict to a folder that `noctule pack` takes.

    python from_pytorch.py STATE CATALOGUE PLAN OUT [ITEM_WEIGHT]

STATE is what torch.save(model.state_dict(), ...) wrote, or a .npz of the same names (then PyTorch
is not needed). ITEM_WEIGHT names the item factors in it, [items, d], in the catalogue's order.
"""
import json, pathlib, shutil, sys

state_path, catalogue, plan, out = map(pathlib.Path, sys.argv[1:5])
name = sys.argv[5] if len(sys.argv) > 5 else "item_factors.weight"
if state_path.suffix == ".npz":
    import numpy
    from safetensors.numpy import save_file
    items = numpy.ascontiguousarray(numpy.load(state_path)[name], "float32")
else:
    import torch
    from safetensors.torch import save_file
    items = torch.load(state_path, map_location="cpu", weights_only=True)[name].float().contiguous()

out.mkdir(parents=True, exist_ok=True)
save_file({"embedding": items}, out / "items.safetensors")
shutil.copyfile(catalogue, out / "catalogue.jsonl")
(out / "pack.json").write_text(json.dumps({
    "app": "town", "name": "town", "version": 1,
    "architecture": {
        "name": "matrix_factorization", "dimensions": items.shape[1],
        # How a phone computes its user from what the user chose: tune these on held-out users.
        "unobserved_weight": 0.1, "regularization": 0.05, "regularization_exponent": 1.0,
        "context_weight": 2.0, "ranker_features": ["fold_in"],
    },
    "plan": json.loads(plan.read_text()),
    "lineage": {"state": state_path.name},
}, indent=2))
print(f"{items.shape[0]} items of {items.shape[1]} dimensions in {out}")
