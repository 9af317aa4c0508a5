"""Golden values of fairness by fairlearn, scikit-learn, SciPy and NumPy, as fairness.json.

pip install numpy scipy scikit-learn fairlearn
python make.py > fairness.json
"""

import json

import numpy
from fairlearn.metrics import MetricFrame
from scipy.stats import entropy
from sklearn.metrics import ndcg_score, recall_score

K, ITEMS, USERS, GROUPS = 5, 40, 60, 3
random = numpy.random.default_rng(11)


def ndcg(order, targets):
    """NDCG@K of the targets in a ranking of all items."""
    relevant = numpy.array([[1.0 if item in targets else 0.0 for item in range(ITEMS)]])
    scores = numpy.zeros((1, ITEMS))
    scores[0, order] = numpy.arange(ITEMS, 0, -1)
    return float(ndcg_score(relevant, scores, k=K))


def gap(values):
    return max(values) - min(values)


item_groups = [int(group) for group in random.integers(0, GROUPS, ITEMS)]
user_groups = [int(group) for group in random.integers(0, GROUPS, USERS)]
# Rankings lean towards group 0, so that the groups are served unlike.
users = []
for _ in range(USERS):
    scores = random.normal(0, 1, ITEMS) - 0.7 * numpy.array(item_groups)
    order = [int(item) for item in numpy.argsort(-scores)]
    targets = [int(item) for item in random.choice(ITEMS, int(random.integers(1, 4)), replace=False)]
    targets.sort(key=order.index)
    users.append({"targets": targets, "ranks": [order.index(item) + 1 for item in targets],
                  "best": order[:K], "order": order})

found = [(user, item, rank <= K) for user, row in enumerate(users)
         for item, rank in zip(row["targets"], row["ranks"])]
hits = numpy.array([int(hit) for _, _, hit in found])


def recalls(groups):
    """Recall by group and its largest difference, by fairlearn."""
    frame = MetricFrame(metrics=recall_score, y_true=numpy.ones(len(found)), y_pred=hits,
                        sensitive_features=groups)
    return [float(frame.by_group[group]) for group in range(GROUPS)], float(frame.difference())


by_item, item_gap = recalls([item_groups[item] for _, item, _ in found])
by_user, user_gap = recalls([user_groups[user] for user, _, _ in found])
exposure = numpy.zeros(GROUPS)
for row in users:
    for place, item in enumerate(row["best"]):
        exposure[item_groups[item]] += 1 / numpy.log2(place + 2)
catalogue = numpy.bincount(item_groups, minlength=GROUPS).astype(float)
wanted = numpy.bincount([item_groups[item] for _, item, _ in found], minlength=GROUPS).astype(float)
rates = exposure / catalogue
ndcg_users = [float(numpy.mean([ndcg(row["order"], row["targets"]) for row, group
                                in zip(users, user_groups) if group == own]))
              for own in range(GROUPS)]
ndcg_items = [float(numpy.mean([ndcg(users[user]["order"], [item]) for user, item, _ in found
                                if item_groups[item] == own])) for own in range(GROUPS)]
print(json.dumps({
    "k": K, "item_groups": item_groups, "user_groups": user_groups,
    "users": [{name: row[name] for name in ("targets", "ranks", "best")} for row in users],
    "items": {
        "ndcg": ndcg_items, "ndcg_gap": gap(ndcg_items), "opportunity": by_item,
        "opportunity_gap": item_gap, "exposure": list(exposure / exposure.sum()),
        "parity": float(rates.min() / rates.max()),
        "from_catalogue": float(entropy(exposure, catalogue)),
        "from_wanted": float(entropy(exposure, wanted))},
    "of_users": {"ndcg": ndcg_users, "ndcg_gap": gap(ndcg_users), "opportunity": by_user,
                 "opportunity_gap": user_gap},
}))
