"""The library without a release: what it answers, refuses and tells."""

import json
import threading
import unittest

from noctule import (
    Budget,
    CancelToken,
    Conditions,
    DataConsent,
    EmptyReason,
    EventKind,
    FeedbackEvent,
    FindingLevel,
    GeoPoint,
    ListenerError,
    Network,
    NightOutcome,
    NightStep,
    NotYetReason,
    Recommender,
    RecommenderError,
    RecommendRequest,
    RunOutcome,
    Thermal,
    Tier,
    TransferOutcome,
)
from recommender_case import Listener, RecommenderTest, raising


class WithoutRelease(RecommenderTest):
    def test_a_night_is_an_outcome_and_an_answer_says_why_it_is_empty(self):
        report = self.night()
        self.assertEqual(report.outcome, NightOutcome.NO_RELEASE())
        answer = self.home()
        self.assertEqual(answer.items, [])
        self.assertEqual(answer.tier, Tier.EMPTY)
        self.assertEqual(answer.empty_reason, EmptyReason.NO_RELEASE)

    def conditions(self, **changes):
        fields = {
            "battery_percent": 80,
            "charging": True,
            "idle": True,
            "foreground": False,
            "thermal": Thermal.NOMINAL,
            "power_save": False,
            "free_storage_bytes": None,
            "utc_offset_minutes": 0,
        }
        return Conditions(**(fields | changes))

    def test_the_schedule_says_why_not_and_the_journal_and_the_doctor_tell(self):
        decision = self.recommender.schedule(self.conditions())
        self.assertTrue(decision.is_NOT_YET())
        self.assertEqual(decision.reason, NotYetReason.NO_RELEASE)
        self.assertGreater(decision.earliest_ms, 0)
        token = CancelToken()
        token.cancel_because("device is low on battery")
        self.night(cancel=token)
        journal = self.recommender.journal()
        refused = [(refusal.reason, refusal.count) for refusal in journal.refusals]
        self.assertEqual(refused, [(NotYetReason.NO_RELEASE, 1)])
        run = journal.runs[0]
        self.assertEqual(run.outcome, RunOutcome.ENDED(NightOutcome.NO_RELEASE()))
        self.assertEqual(run.stop_told, "device is low on battery")
        self.assertEqual(run.conditions, "battery 80 %, charging, idle")
        diagnosis = self.recommender.doctor()
        worst = diagnosis.findings[0]
        self.assertEqual((worst.level, worst.about), (FindingLevel.PROBLEM, "release"))
        self.assertGreater(diagnosis.database_bytes, 0)

    def test_a_budget_of_no_thread_is_refused(self):
        with self.assertRaises(RecommenderError.InvalidInput) as caught:
            self.night(budget=Budget(threads=0))
        self.assertEqual(caught.exception.field, "budget.threads")

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
        directory.mkdir()
        database = directory / "noctule.sqlite"
        database.write_bytes(b"no database " * 1_000)
        with self.assertRaises(RecommenderError.Storage) as caught:
            Recommender.open(self.config(directory=str(directory)))
        self.assertIn(database.name, caught.exception.reason)
        self.assertEqual(database.read_bytes(), b"no database " * 1_000)

    def test_a_profile_whose_database_is_spoiled_begins_anew_and_says_what_is_lost(self):
        self.like("luna")
        self.recommender.close()
        (database,) = (self.scratch / "profile").glob("*.sqlite")
        database.write_bytes(b"no database " * 1_000)
        recommender = Recommender.open(self.config())
        status = recommender.status()
        self.assertEqual((status.lost, status.recorded), (1, 1))
        self.assertIn("made anew", status.damaged[0])
        recommender.close()

    def like(self, item):
        return self.recommender.record([FeedbackEvent(kind=EventKind.LIKE(), item=item)])

    def test_without_consent_nothing_is_stored_and_opening_gives_none_back(self):
        self.assertTrue(self.like("luna").stored)
        self.recommender.set_consent(DataConsent.NOT_GIVEN)
        receipt = self.like("sol")
        self.assertEqual((receipt.stored, receipt.last_sequence), (False, 0))
        self.assertEqual(self.recommender.status().recorded, 0)
        self.recommender.close()
        self.recommender = Recommender.open(self.config())
        self.assertEqual(self.recommender.consent(), DataConsent.NOT_GIVEN)
        self.recommender.set_consent(DataConsent.ON_DEVICE)
        self.assertTrue(self.like("sol").stored)
        self.assertTrue(self.recommender.next_transfer(Network.UNMETERED).is_DONE())

    def test_a_withdrawal_asks_for_the_deletion_until_the_pseudonym_is_named(self):
        self.like("luna")
        installation = self.recommender.status().installation
        self.assertEqual(
            self.recommender.next_transfer(Network.UNMETERED).request.path, "/v1/batches"
        )
        self.recommender.set_consent(DataConsent.NOT_GIVEN)
        self.assertEqual(self.recommender.status().deletions_pending, 1)
        request = self.recommender.next_transfer(Network.METERED).request
        self.assertEqual(request.path, "/v1/deletions")
        self.assertEqual(json.loads(request.body)["installation"], installation)
        answer = json.dumps({"installation": installation}).encode()
        self.recommender.transfer_finished(request.id, TransferOutcome.ANSWER(200, answer))
        self.assertEqual(self.recommender.status().deletions_pending, 0)

    def test_the_export_tells_what_was_recorded_and_not_what_was_forgotten(self):
        self.like("luna")
        forgotten = self.like("sol").last_sequence
        self.assertEqual(self.recommender.forget_events([forgotten, 99]), 1)
        path = self.scratch / "export.json"
        self.recommender.export_to(str(path))
        document = json.loads(path.read_text())
        self.assertEqual([event["item"] for event in document["tables"]["events"]], ["luna"])
        with self.assertRaises(RecommenderError.InvalidInput) as caught:
            self.recommender.export_to(str(self.scratch / "profile" / "export.json"))
        self.assertEqual(caught.exception.field, "path")

    def test_after_closing_every_call_says_so(self):
        self.recommender.close()
        self.recommender.close()
        calls = [
            self.home,
            self.night,
            self.recommender.status,
            lambda: self.recommender.next_transfer(Network.UNMETERED),
            lambda: self.recommender.cancel_delivery(),
            self.recommender.rollback,
            self.recommender.erase,
            lambda: self.recommender.set_consent(DataConsent.NOT_GIVEN),
            lambda: self.recommender.forget_events([1]),
            lambda: self.recommender.export_to(str(self.scratch / "export.json")),
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

    def test_a_suspended_recommender_serves_refuses_to_write_and_goes_on(self):
        self.recommender.suspend()
        self.assertEqual(self.home().items, [])
        with self.assertRaises(RecommenderError.Suspended):
            self.recommender.record([FeedbackEvent(kind=EventKind.CLICK(), item="a")])
        self.recommender.resume()
        self.recommender.record([FeedbackEvent(kind=EventKind.CLICK(), item="a")])
        self.assertEqual(self.recommender.status().recorded, 1)

    def test_a_zone_that_does_not_exist_is_refused(self):
        self.recommender.set_utc_offset(-360)
        with self.assertRaises(RecommenderError.InvalidInput) as caught:
            self.recommender.set_utc_offset(100_000)
        self.assertEqual(caught.exception.field, "utc_offset_minutes")
        self.recommender.set_utc_offset(None)

    def test_a_cancelled_token_says_so(self):
        token = CancelToken()
        self.assertFalse(token.is_cancelled())
        token.cancel()
        self.assertTrue(token.is_cancelled())

    def test_a_directory_without_a_release_is_refused_with_the_file(self):
        with self.assertRaises(RecommenderError.ReleaseRefused) as caught:
            self.recommender.install_release(str(self.scratch))
        self.assertEqual(caught.exception.file, "manifest.json")


if __name__ == "__main__":
    unittest.main()
