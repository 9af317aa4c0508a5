"""Makes clicks.json: lists with clicks, and what PyClick finds in them.

    git clone https://github.com/markovi/PyClick && PYTHONPATH=PyClick python make.py   # in this folder

Only numbers come from PyClick (commit 98e7e46). Its log-likelihood of the cascade model takes
marginal for conditional probabilities and is not used; the lists have second clicks, so that the
true one is minus infinity, which stands as null.
"""
import json, pathlib
import numpy as np
from pyclick.click_models.CM import CM
from pyclick.click_models.DCM import DCM
from pyclick.click_models.Evaluation import LogLikelihood, Perplexity
from pyclick.click_models.Inference import EMInference
from pyclick.click_models.PBM import PBM
from pyclick.click_models import Evaluation
from pyclick.search_session.SearchResult import SearchResult
from pyclick.search_session.SearchSession import SearchSession

HERE = pathlib.Path(__file__).parent
DOCUMENTS, LENGTH, ITERATIONS = 8, 6, 40
Evaluation.RANK_MAX = LENGTH
random = np.random.default_rng(20261128)


def lists(count):
    """Clicks with a bit of every model in them."""
    made = []
    for _ in range(count):
        looking, one = 1.0, []
        for position, document in enumerate(random.permutation(DOCUMENTS)[:LENGTH]):
            click = random.random() < looking * (0.1 + 0.08 * document)
            one.append((int(document), int(click)))
            looking *= 0.5 if click else 0.9
        made.append(one)
    return made


def sessions(lists):
    made = []
    for one in lists:
        session = SearchSession("query")
        session.web_results = [SearchResult(str(document), click) for document, click in one]
        made.append(session)
    return made


def found(model, positions=None):
    model.train(sessions(train))
    attraction = model.params[model.param_names.attr]
    held = sessions(held_out)
    value = {
        "attraction": [attraction.get("query", str(d)).value() for d in range(DOCUMENTS)],
        "log_likelihood": LogLikelihood().evaluate(model, held),
        "perplexities": Perplexity().evaluate(model, held)[1],
    }
    if positions is not None:
        at = model.params[positions]
        value["positions"] = [at.get(p).value() for p in range(LENGTH)]
    return value


train, held_out = lists(300), lists(80)
position_based, dependent = PBM(), DCM()
position_based._inference = EMInference(ITERATIONS)
golden = {
    "train": train,
    "held_out": held_out,
    "iterations": ITERATIONS,
    "position_based": found(position_based, position_based.param_names.exam),
    "cascade": found(CM()) | {"log_likelihood": None},
    "dependent": found(dependent, dependent.param_names.cont),
}
assert any(sum(click for _, click in one) > 1 for one in held_out)
(HERE / "clicks.json").write_text(json.dumps(golden) + "\n")
