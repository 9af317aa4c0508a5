"""Golden values by SciPy, scikit-learn, ir-measures (trec_eval) and ranx, as metrics.json.

pip install numpy scipy scikit-learn ir-measures ranx
python make.py > metrics.json
"""

import itertools
import json

import ir_measures
import numpy
from ir_measures import AP, RR, Success, nDCG, P, R
from ranx import Qrels, Run, evaluate
from scipy import stats
from sklearn.metrics import brier_score_loss, roc_auc_score

K = 10
random = numpy.random.default_rng(7)


def ranking():
    """One user: targets among ranked items, each metric by two libraries where both have it."""
    items, targets = int(random.integers(12, 80)), int(random.integers(1, 9))
    chosen = sorted(int(item) for item in random.choice(items, targets, replace=False))
    ranks = [item + 1 for item in chosen]
    qrels = {"q": {f"i{item}": 1 for item in chosen}}
    run = {"q": {f"i{item}": float(items - item) for item in range(items)}}
    names = {"hit": Success @ K, "ndcg": nDCG @ K, "recall": R @ K, "precision": P @ K,
             "average_precision": AP @ K, "reciprocal_rank": RR}
    found = ir_measures.calc_aggregate(list(names.values()), qrels, run)
    values = {name: found[measure] for name, measure in names.items()}
    others = {"ndcg": f"ndcg@{K}", "recall": f"recall@{K}", "precision": f"precision@{K}",
              "reciprocal_rank": "mrr", "hit": f"hit_rate@{K}"}
    ranx = evaluate(Qrels(qrels), Run(run), list(others.values()))
    for name, other in others.items():
        assert abs(values[name] - ranx[other]) < 1e-9, (name, values[name], ranx[other])
    labels = [1 if item in chosen else 0 for item in range(items)]
    values["auc"] = roc_auc_score(labels, [-item for item in range(items)])
    return {"ranked": items, "ranks": ranks, "values": values}


def paired(count, ties):
    """Differences of two runs with the tests of SciPy."""
    values = random.normal(0.02, 0.1, count)
    if ties:
        values = numpy.round(values, 1)
    values = values.tolist()
    wilcoxon = stats.wilcoxon(values, zero_method="wilcox", correction=False, method="asymptotic")
    case = {"differences": values,
            "wilcoxon": {"statistic": float(wilcoxon.statistic), "p": float(wilcoxon.pvalue)}}
    if count <= 12:
        result = stats.permutation_test(
            (values,), lambda x, axis: numpy.mean(x, axis=axis), permutation_type="samples",
            n_resamples=numpy.inf, vectorized=True)
        case["randomisation"] = {"statistic": float(result.statistic), "p": float(result.pvalue)}
    return case


def bootstrap():
    """The percentile interval, from far more resamples than a run makes."""
    values = random.exponential(0.2, 200)
    result = stats.bootstrap((values,), numpy.mean, n_resamples=200_000, method="percentile",
                             confidence_level=0.95, random_state=3)
    interval = result.confidence_interval
    return {"values": values.tolist(), "low": float(interval.low), "high": float(interval.high)}


def calibration():
    """Probabilities, weights and outcomes; the error by its definition in NumPy."""
    p = random.uniform(0, 1, 400)
    happened = random.uniform(0, 1, 400) < p ** 1.5
    weights = random.uniform(0.5, 2, 400)
    bins = numpy.minimum((p * 10).astype(int), 9)
    error = sum(abs(numpy.average((p - happened)[bins == b], weights=weights[bins == b]))
                * weights[bins == b].sum() for b in range(10)) / weights.sum()
    return {"probabilities": p.tolist(), "happened": happened.tolist(),
            "weights": weights.tolist(), "error": float(error),
            "brier": brier_score_loss(happened, p, sample_weight=weights),
            "auc": roc_auc_score(happened, p, sample_weight=weights)}


def ease():
    """Weights by the inverse of NumPy, as in the paper."""
    x = (random.uniform(0, 1, (60, 25)) < 0.2).astype(float)
    p = numpy.linalg.inv(x.T @ x + 3.0 * numpy.eye(25))
    b = -p / numpy.diag(p)
    numpy.fill_diagonal(b, 0.0)
    pairs = [[int(user), int(item)] for user, item in zip(*numpy.nonzero(x))]
    return {"users": 60, "items": 25, "lambda": 3.0, "pairs": pairs, "weights": b.tolist()}


def gini():
    """Half the mean difference of all pairs over the mean."""
    values = sorted(int(value) for value in random.zipf(1.7, 60))
    total = sum(abs(a - b) for a, b in itertools.product(values, values))
    return {"values": values, "gini": total / (2 * len(values) * sum(values))}


print(json.dumps({
    "k": K,
    "rankings": [ranking() for _ in range(40)],
    "paired": [paired(count, ties) for count, ties in
               [(9, False), (12, False), (12, True), (40, False), (200, True), (500, False)]],
    "bootstrap": bootstrap(),
    "calibration": calibration(),
    "ease": ease(),
    "gini": gini(),
}, indent=None))
