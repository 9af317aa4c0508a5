"""Why an item stands where it does: a published slate, computed again.

    from noctule.replay import replay
    slate = replay("home-lunch.replay", "release")
    slate.equal            # byte for byte what was published
    slate.candidates[0]    # a dict: features, score, moves, position, propensity, reasons
    slate.to_pandas()      # one row a candidate

A bundle is personal data: delete it when the question is answered.
"""

import dataclasses
import json
import os
import pathlib

from . import _notebook

ReplayError = _notebook.ReplayError

# Longer than any bundle: what is longer is none, and is not read.
_BYTES_MAX = 64 << 20


@dataclasses.dataclass(frozen=True)
class Replayed:
    """A slate that was computed again, and what became of every candidate."""

    surface: str
    context: str
    generation: int
    created_ms: int
    release: str
    arm: str | None
    personalised: bool
    equal: bool
    differences: list
    unmet: list
    candidates: list

    def slots(self):
        """The candidates that are in the slate, by position."""
        placed = [one for one in self.candidates if one["position"] is not None]
        return sorted(placed, key=lambda one: one["position"])

    def to_pandas(self):
        """One row a candidate; features of one value are columns `feature.NAME`."""
        import pandas

        rows = []
        for one in self.candidates:
            row = {name: value for name, value in one.items() if name != "features"}
            for name, values in one["features"].items():
                row[f"feature.{name}"] = values[0] if len(values) == 1 else values
            rows.append(row)
        return pandas.DataFrame(rows)


def replay(bundle, release):
    """Computes the slate of `bundle` (bytes, or the path of a file) again from the release in the
    directory `release`. Raises `ReplayError` for what is no bundle, was changed, or is of another
    release; a slate that comes out otherwise is told by `equal` and `differences`."""
    if not isinstance(bundle, (bytes, bytearray, memoryview)):
        with pathlib.Path(bundle).open("rb") as file:
            bundle = file.read(_BYTES_MAX)
    told = _notebook.replay(bytes(bundle), os.fspath(release))
    return Replayed(**json.loads(told))
