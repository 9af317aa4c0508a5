"""Writes the golden catalogue beside this file with numpy and the safetensors package."""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

HERE = Path(__file__).resolve().parent

def text(name, rows):
    rows = [row.encode() for row in rows]
    lengths = np.array([len(row) for row in rows], np.uint16)
    ends = np.concatenate([[0], np.cumsum(lengths, dtype=np.uint64)]).astype(np.uint64)
    anchors = np.append(ends[:-1][::64], ends[-1])
    return {
        f"{name}.bytes": np.frombuffer(b"".join(rows), np.uint8),
        f"{name}.lengths": lengths,
        f"{name}.anchors": anchors,
    }

def main():
    ids = ["luna", "sol", "árbol"] + [f"place-{n}" for n in range(70)]
    count = len(ids)

    def column(dtype, *values):
        return np.array([*values, *[0] * (count - len(values))], dtype)

    order = sorted(range(count), key=lambda row: ids[row].encode())
    save_file(
        {
            **text("id", ids),
            **text("title", [f"Title of {name}" for name in ids]),
            "order": np.array(order, np.uint32),
            "available": column(np.uint8, 1, 0, 1),
            "place.present": column(np.uint8, 0, 1),
            "place.latitude": column(np.float64, 0, 22.5),
            "place.longitude": column(np.float64, 0, -100.25),
            "hours.codes": column(np.uint32, 2, 0, 1),
            "hours.ends": np.array([1, 3], np.uint32),
            "hours.spans": np.array([[0, 60, 120], [1, 0, 1440], [2, 1200, 60]], np.uint16),
            **text("attribute.names", ["vegan", "price", "street", "kinds"]),
            "attribute.kinds": np.array([0, 1, 2, 3], np.uint8),
            "attribute.0.flags": column(np.uint8, 2, 1),
            "attribute.1.present": column(np.uint8, 1),
            "attribute.1.numbers": column(np.float64, 12.5),
            "attribute.2.codes": column(np.uint16, 2),
            **text("attribute.2.words", ["Calle Uno", "Calle Dós"]),
            "attribute.3.codes": column(np.uint8, 2, 1),
            "attribute.3.ends": np.array([0, 2], np.uint32),
            "attribute.3.lists": np.array([1, 0], np.uint8),
            **text("attribute.3.words", ["thai", "fish"]),
        },
        HERE / "catalogue.safetensors",
    )

if __name__ == "__main__":
    main()
