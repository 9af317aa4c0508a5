"""A new profile for each test, opened through the generated bindings.

Needs the module `noctule` on PYTHONPATH (`cargo dev python` writes it). The full path also needs a
release, in NOCTULE_RELEASE, and the public key that signed it, in NOCTULE_KEY:
`tests/tests/python.rs` packs one and runs all tests of this folder.
"""

import os
import pathlib
import tempfile
import threading
import unittest

from noctule import (
    Budget,
    CancelToken,
    Config,
    DataConsent,
    ProgressListener,
    Recommender,
    RecommendRequest,
)

RELEASE = os.environ.get("NOCTULE_RELEASE")
KEY = os.environ.get("NOCTULE_KEY")


class Listener(ProgressListener):
    """Keeps what it heard and then does `action`."""

    def __init__(self, action=lambda: None):
        self.heard = []
        self.threads = set()
        self.action = action

    def on_progress(self, step, done, total):
        self.heard.append((step, done, total))
        self.threads.add(threading.get_ident())
        self.action()


def raising(error):
    """A listener that throws `error`."""

    def throw():
        raise error

    return Listener(throw)


class RecommenderTest(unittest.TestCase):
    """A new profile for each test."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = pathlib.Path(scratch.name)
        self.recommender = Recommender.open(self.config())
        self.addCleanup(lambda: self.recommender.close())

    def config(self, **changes):
        fields = {
            "directory": str(self.scratch / "profile"),
            "app": "town",
            "consent": DataConsent.FULL,
            "trusted_keys": [KEY] if KEY else [],
        }
        return Config(**(fields | changes))

    def night(self, progress=None, cancel=None, budget=None):
        cancel = cancel or CancelToken()
        return self.recommender.run_night(budget or Budget(), cancel, progress)

    def home(self, **fields):
        return self.recommender.recommend(RecommendRequest(surface="home", **fields))
