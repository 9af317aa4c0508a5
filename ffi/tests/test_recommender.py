"""The library as an app sees it, through the generated bindings.

Needs the module `noctule` on PYTHONPATH (`cargo dev python` writes it). The full path also needs a
release, in NOCTULE_RELEASE, and the public key that signed it, in NOCTULE_KEY:
`tests/tests/python.rs` packs one and runs this file.
"""

import gzip
import json
import os
import pathlib
import shutil
import tempfile
import threading
import unittest

from noctule import (
    Budget,
    CancelToken,
    Config,
    EmptyReason,
    EventKind,
    FeedbackEvent,
    GeoPoint,
    ListenerError,
    NightOutcome,
    NightStep,
    ProgressListener,
    Recommender,
    RecommenderError,
    RecommendRequest,
    StopReason,
    Tier,
    TransferOutcome,
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
            "trusted_keys": [KEY] if KEY else [],
        }
        return Config(**(fields | changes))

    def night(self, progress=None, cancel=None, budget=None):
        cancel = cancel or CancelToken()
        return self.recommender.run_night(budget or Budget(), cancel, progress)

    def home(self, **fields):
        return self.recommender.recommend(RecommendRequest(surface="home", **fields))


class WithoutRelease(RecommenderTest):
    def test_a_night_is_an_outcome_and_an_answer_says_why_it_is_empty(self):
        report = self.night()
        self.assertEqual(report.outcome, NightOutcome.NO_RELEASE())
        answer = self.home()
        self.assertEqual(answer.items, [])
        self.assertEqual(answer.tier, Tier.EMPTY)
        self.assertEqual(answer.empty_reason, EmptyReason.NO_RELEASE)

    def test_what_was_recorded_has_a_receipt_and_is_there_after_a_restart(self):
        events = [FeedbackEvent(kind=EventKind.CLICK(), item=item) for item in ("luna", "sol")]
        receipt = self.recommender.record(events)
        self.assertEqual((receipt.first_sequence, receipt.last_sequence), (1, 2))
        self.recommender.close()
        self.recommender = Recommender.open(self.config())
        self.assertEqual(self.recommender.status().recorded, 2)
        self.assertEqual(self.night().learned_events, 2)

    def test_a_negative_position_is_a_typed_error_that_names_the_field(self):
        good = FeedbackEvent(kind=EventKind.IMPRESSION(), item="luna", position=0)
        bad = FeedbackEvent(kind=EventKind.IMPRESSION(), item="luna", position=-1)
        with self.assertRaises(RecommenderError.InvalidInput) as caught:
            self.recommender.record([good, bad])
        self.assertEqual(caught.exception.field, "events[1].position")
        self.assertIn("between 0 and", caught.exception.reason)
        self.assertIsInstance(caught.exception, Exception)
        self.assertEqual(self.recommender.status().recorded, 0)

    def test_what_is_no_identifier_is_named(self):
        with self.assertRaises(RecommenderError.InvalidInput) as caught:
            self.recommender.record([FeedbackEvent(kind=EventKind.LIKE(), item="")])
        self.assertEqual(caught.exception.field, "events[0].item")
        with self.assertRaises(RecommenderError.InvalidInput) as caught:
            self.recommender.recommend(RecommendRequest(surface="a\nb"))
        self.assertEqual(caught.exception.field, "surface")
        with self.assertRaises(RecommenderError.InvalidInput) as caught:
            self.recommender.set_place(GeoPoint(latitude=91.0, longitude=0.0))
        self.assertEqual(caught.exception.field, "latitude")

    def test_a_configuration_that_cannot_be_is_named(self):
        cases = {
            "trusted_keys[0]": {"trusted_keys": ["not a key"]},
            "utc_offset_minutes": {"utc_offset_minutes": 2_000},
            "plan.surfaces": {"plan": '{"surfaces": 1}'},
            "app": {"app": ""},
            "directory": {"directory": str(self.scratch / "no" / "such" / "parent")},
        }
        for field, changes in cases.items():
            with self.subTest(field), self.assertRaises(RecommenderError.InvalidInput) as caught:
                Recommender.open(self.config(**changes))
            self.assertEqual(caught.exception.field, field)

    def test_a_second_recommender_of_the_same_directory_is_refused(self):
        with self.assertRaises(RecommenderError.AlreadyRunning):
            Recommender.open(self.config())
        self.assertEqual(self.recommender.status().recorded, 0)

    def test_a_file_that_is_no_database_is_refused_and_kept(self):
        directory = self.scratch / "other"
        Recommender.open(self.config(directory=str(directory))).close()
        (database,) = directory.glob("*.sqlite")
        for leftover in directory.glob(database.name + "-*"):
            leftover.unlink()
        database.write_bytes(b"no database " * 1_000)
        with self.assertRaises(RecommenderError.Storage) as caught:
            Recommender.open(self.config(directory=str(directory)))
        self.assertIn(database.name, caught.exception.reason)
        self.assertEqual(database.read_bytes(), b"no database " * 1_000)

    def test_after_closing_every_call_says_so(self):
        self.recommender.close()
        self.recommender.close()
        calls = [
            self.home,
            self.night,
            self.recommender.status,
            self.recommender.next_transfer,
            self.recommender.erase,
            lambda: self.recommender.set_place(None),
            lambda: self.recommender.install_release(str(self.scratch)),
            lambda: self.recommender.record([FeedbackEvent(kind=EventKind.LIKE(), item="luna")]),
            lambda: self.recommender.transfer_finished("a", TransferOutcome.NO_ANSWER("b")),
        ]
        for call in calls:
            with self.assertRaises(RecommenderError.Closed):
                call()

    def test_the_listener_hears_on_the_thread_of_the_night(self):
        listener = Listener()
        self.assertIsNone(self.night(listener).listener_failure)
        self.assertIn((NightStep.LEARNING, 1, 1), listener.heard)
        self.assertEqual(listener.threads, {threading.get_ident()})

    def test_a_listener_that_throws_is_left_alone_and_the_night_goes_on(self):
        for error in (ValueError("the screen is gone"), ListenerError.Failed("the screen is gone")):
            listener = raising(error)
            report = self.night(listener)
            self.assertEqual(len(listener.heard), 1)
            self.assertEqual(report.outcome, NightOutcome.NO_RELEASE())
            self.assertIn("the screen is gone", report.listener_failure)

    def test_a_cancelled_token_says_so(self):
        token = CancelToken()
        self.assertFalse(token.is_cancelled())
        token.cancel()
        self.assertTrue(token.is_cancelled())

    def test_a_directory_without_a_release_is_refused_with_the_file(self):
        with self.assertRaises(RecommenderError.ReleaseRefused) as caught:
            self.recommender.install_release(str(self.scratch))
        self.assertEqual(caught.exception.file, "manifest.json")


@unittest.skipUnless(RELEASE and KEY, "NOCTULE_RELEASE and NOCTULE_KEY are not set")
class WithRelease(RecommenderTest):
    def setUp(self):
        super().setUp()
        self.release = self.recommender.install_release(RELEASE)

    def test_from_the_night_to_the_upload_and_back(self):
        self.assertEqual(self.home().tier, Tier.BASELINE)
        self.recommender.set_place(GeoPoint(latitude=22.15, longitude=-100.98))
        self.recommender.record([FeedbackEvent(kind=EventKind.LIKE(), item="item-0")])
        report = self.night()
        self.assertEqual((report.outcome, report.remaining), (NightOutcome.FINISHED(), 0))
        self.assertGreater(report.published, 0)
        answer = self.home(limit=5)
        self.assertEqual((answer.tier, len(answer.items)), (Tier.FRESH, 5))
        self.assertEqual(answer.release, f"{self.release.name}@{self.release.version}")
        self.check_reasons(answer.items)

        first = answer.items[0]
        shown = {
            "item": first.item,
            "surface": answer.surface,
            "context": answer.context,
            "position": first.position,
            "generation": answer.generation,
            "propensity": first.propensity,
        }
        kinds = [EventKind.IMPRESSION(), EventKind.CLICK(), EventKind.CUSTOM("shared")]
        receipt = self.recommender.record([FeedbackEvent(kind=kind, **shown) for kind in kinds])
        self.assertEqual((receipt.first_sequence, receipt.last_sequence), (2, 4))

        request = self.recommender.next_transfer().request
        self.assertEqual(request.path, "/v1/batches")
        headers = {header.name.lower(): header.value for header in request.headers}
        self.assertEqual(headers["content-encoding"], "gzip")
        header, *events = map(json.loads, gzip.decompress(request.body).splitlines())
        kinds = ["like", "impression", "click", "shared"]
        self.assertEqual([event["kind"] for event in events], kinds)
        self.assertEqual(events[1]["propensity"], first.propensity)

        answer = {"batch_id": header["batch_id"], "accepted": 4, "repeated": 0, "rejected": []}
        body = json.dumps(answer).encode()
        outcome = TransferOutcome.ANSWER(status=200, body=body)
        self.recommender.transfer_finished(request.id, outcome)
        self.assertTrue(self.recommender.next_transfer().is_DONE())
        self.assertEqual(self.recommender.status().pending_events, 0)
        self.assertEqual(self.night().learned_events, 3)

    def check_reasons(self, items):
        for item in items:
            total = sum(reason.contribution for reason in item.reasons)
            self.assertAlmostEqual(total, item.score, places=4)
        because = [r.kind for item in items for r in item.reasons if r.kind.is_BECAUSE_OF()]
        self.assertTrue(because)
        self.assertEqual({kind.item for kind in because}, {"item-0"})

    def test_without_an_answer_the_transfer_waits_and_keeps_its_events(self):
        self.recommender.record([FeedbackEvent(kind=EventKind.CLICK(), item="item-1")])
        request = self.recommender.next_transfer().request
        self.recommender.transfer_finished(request.id, TransferOutcome.NO_ANSWER("no network"))
        waiting = self.recommender.next_transfer()
        self.assertTrue(waiting.is_WAIT())
        self.assertGreater(waiting.until_ms, 0)
        self.assertEqual(self.recommender.status().pending_events, 1)

    def test_a_token_cancelled_in_the_night_stops_it_and_the_next_goes_on(self):
        token = CancelToken()
        report = self.night(Listener(token.cancel), token)
        self.assertEqual(report.outcome, NightOutcome.STOPPED(StopReason.CANCELLED))
        self.assertGreater(report.remaining, 0)
        after = self.night()
        self.assertEqual(after.outcome, NightOutcome.FINISHED())
        self.assertEqual(after.published, report.remaining)

    def test_a_night_without_time_stops_at_once(self):
        report = self.night(budget=Budget(wall_ms=0))
        self.assertEqual(report.outcome, NightOutcome.STOPPED(StopReason.OUT_OF_TIME))

    def test_a_second_night_at_the_same_time_is_refused(self):
        refused = []

        def again():
            try:
                self.night()
            except RecommenderError.AlreadyRunning as error:
                refused.append(error)

        report = self.night(Listener(again))
        self.assertEqual(report.outcome, NightOutcome.FINISHED())
        self.assertTrue(refused)

    def test_a_release_that_was_changed_is_refused_with_the_file(self):
        changed = self.scratch / "changed"
        shutil.copytree(RELEASE, changed)
        with open(changed / "catalogue.jsonl", "r+b") as file:
            file.write(b" ")
        with self.assertRaises(RecommenderError.ReleaseRefused) as caught:
            Recommender.open(self.config(directory=str(self.scratch / "new"))).install_release(
                str(changed)
            )
        self.assertEqual(caught.exception.file, "catalogue.jsonl")

    def test_erasing_forgets_the_user_and_keeps_the_release(self):
        before = self.recommender.status()
        self.recommender.record([FeedbackEvent(kind=EventKind.LIKE(), item="item-2")])
        self.recommender.erase()
        after = self.recommender.status()
        self.assertEqual((after.recorded, after.pending_events), (0, 0))
        self.assertEqual(after.release, before.release)
        self.assertNotEqual(after.installation, before.installation)


if __name__ == "__main__":
    unittest.main()
