"""Makes shapley.json: random games, and their values by the exact explainer of shap.

    pip install shap && python make.py            # in this folder

A game is a function of the players that are present; its worths stand in the order of their bits.
"""
import json, pathlib
import numpy as np
import shap

HERE = pathlib.Path(__file__).parent
random = np.random.default_rng(20261125)
cases = []
for players in list(range(1, 7)) * 2:
    worth = random.normal(size=2**players).round(6)

    def game(present):
        return worth[(np.asarray(present) @ (1 << np.arange(players))).astype(int)]

    masker = shap.maskers.Independent(np.zeros((1, players)))
    found = shap.explainers.Exact(game, masker)(np.ones((1, players)))
    cases.append({"worth": worth.tolist(), "values": found.values[0].tolist()})
(HERE / "shapley.json").write_text(json.dumps(cases) + "\n")
