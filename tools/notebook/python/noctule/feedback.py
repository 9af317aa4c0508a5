"""The collector's Parquet as an Arrow table; needs pyarrow.

    from noctule import feedback
    table = feedback.read("feedback", app="town")    # pyarrow.Table, each event once
    feedback.rates(table, by=["arm", "context"])     # impressions, acceptances, off-policy weight
    table.to_pandas()

`tools/docs/feedback-schema.md` says what each column means.
"""

import pathlib

_VERSION = b"noctule.feedback"


class FeedbackError(Exception):
    """A folder that the collector did not write, or wrote in a later version."""


def read(folder, app, since=None, until=None, columns=None):
    """The events of `app` in the collector's output `folder`, each once, as a `pyarrow.Table`.

    `since` and `until` are days (`YYYY-MM-DD`, UTC), both included. `columns` limits what is read;
    `installation`, `sequence` and `day` always come along.
    """
    import pyarrow.compute as pc
    import pyarrow.dataset as ds

    place = pathlib.Path(folder) / f"app={app}"
    if not place.is_dir():
        raise FeedbackError(f"{place}: there is no feedback of this app")
    dataset = ds.dataset(place, format="parquet", partitioning=_days(), exclude_invalid_files=False)
    for file in dataset.files[:1]:
        _check_version(file)
    if columns is not None:
        columns = list(dict.fromkeys([*columns, "installation", "sequence", "day"]))
    day = pc.field("day")
    wanted = None if since is None else day >= since
    if until is not None:
        wanted = day <= until if wanted is None else wanted & (day <= until)
    return _once(dataset.to_table(columns=columns, filter=wanted))


def rates(table, by=("arm", "context")):
    """Impressions, how many were accepted by a conversion of the same slate on the same day, and
    the sum of inverse propensities of each, by the columns `by`: `weighted_impressions` and
    `weighted_accepted` are what a policy that shows every item alike would have had of them. An
    impression without a propensity has no weight. A `pyarrow.Table` in the order of `by`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    by = list(by)
    key = ["installation", "day", "surface", "context", "item"]
    taken, named = set(), set()
    conversions = table.filter(pc.field("kind") == "conversion").select([*key, "generation"])
    for row in conversions.to_pylist():
        one = tuple(row[name] for name in key)
        (taken if row["generation"] is None else named).add((one, row["generation"]))
    groups = {}
    needed = list(dict.fromkeys([*by, *key, "generation", "propensity"]))
    for row in table.filter(pc.field("kind") == "impression").select(needed).to_pylist():
        one = tuple(row[name] for name in key)
        accepted = (one, None) in taken or (one, row["generation"]) in named
        weight = 1 / row["propensity"] if row["propensity"] else 0.0
        sums = groups.setdefault(tuple(row[name] for name in by), [0, 0, 0.0, 0.0])
        sums[0] += 1
        sums[1] += accepted
        sums[2] += weight
        sums[3] += weight * accepted
    ordered = sorted(groups.items(), key=lambda group: [(v is not None, v) for v in group[0]])
    names = ["impressions", "accepted", "weighted_impressions", "weighted_accepted"]
    columns = {name: [group[at] for group, _ in ordered] for at, name in enumerate(by)}
    columns |= {name: [sums[at] for _, sums in ordered] for at, name in enumerate(names)}
    return pa.table(columns)


def _days():
    import pyarrow as pa
    import pyarrow.dataset as ds

    return ds.partitioning(pa.schema([("day", pa.string())]), flavor="hive")


def _check_version(file):
    import pyarrow.parquet as pq

    version = (pq.read_schema(file).metadata or {}).get(_VERSION)
    if version != b"1":
        raise FeedbackError(f"{file}: version 1 of feedback is read here, this is {version!r}")


def _once(table):
    """The first row of each (installation, sequence): the collector may have stored one twice."""
    import pyarrow as pa

    numbered = table.append_column("_row", pa.array(range(table.num_rows), pa.int64()))
    first = numbered.group_by(["installation", "sequence"]).aggregate([("_row", "min")])
    return table.take(first.column("_row_min").combine_chunks().sort())
