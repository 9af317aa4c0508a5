"""The library with a release: from the night to the upload and back."""

import gzip
import json
import shutil
import unittest

from noctule import (
    Budget,
    CancelToken,
    Conditions,
    Consent,
    EventKind,
    FeedbackEvent,
    GeoPoint,
    Network,
    NightOutcome,
    Recommender,
    RecommenderError,
    RunReason,
    StopReason,
    Thermal,
    Tier,
    TransferOutcome,
    WidgetPolicy,
    widget_slate,
    widget_slates,
)
from recommender_case import KEY, RELEASE, Listener, RecommenderTest


@unittest.skipUnless(RELEASE and KEY, "NOCTULE_RELEASE and NOCTULE_KEY are not set")
class WithRelease(RecommenderTest):
    def setUp(self):
        super().setUp()
        self.release = self.recommender.install_release(RELEASE)

    def test_a_widget_reads_the_slates_while_the_recommender_has_the_database(self):
        path = str(self.scratch / "profile" / "noctule.slates")
        self.assertEqual(widget_slates(path, 0), [])
        self.recommender.close()
        policy = WidgetPolicy(surfaces=["home"], slots_max=3)
        self.recommender = Recommender.open(self.config(widget=policy))
        self.night()
        answer = self.home(context="part-1")
        slates = widget_slates(path, 0)
        shown = next(slate for slate in slates if slate.context == "part-1")
        self.assertEqual(len(slates), 3)
        self.assertEqual(shown.generation, answer.generation)
        self.assertEqual(
            [(slot.item, slot.title) for slot in shown.slots],
            [(item.item, item.title) for item in answer.items[:3]],
        )
        self.assertEqual((shown.begins[0], shown.minutes, shown.tier), (480, 480, Tier.FRESH))
        noon = 11 * 3_600_000
        self.assertEqual(widget_slate(path, "home", noon, 0), shown)
        self.assertNotEqual(widget_slate(path, "home", noon, 600), shown)
        self.assertIsNone(widget_slate(path, "elsewhere", noon, 0))
        hidden = FeedbackEvent(kind=EventKind.HIDE(), item=shown.slots[0].item)
        self.recommender.record([hidden])
        items = {slot.item for slate in widget_slates(path, 0) for slot in slate.slots}
        self.assertNotIn(hidden.item, items)
        with open(path, "r+b") as file:
            file.write(b"x")
        with self.assertRaises(RecommenderError.Storage):
            widget_slates(path, 0)

    def test_a_slate_is_exported_with_consent_only(self):
        self.night()
        with self.assertRaises(RecommenderError.InvalidInput) as caught:
            self.recommender.export_replay("home", "part-0", Consent.NOT_GIVEN)
        self.assertEqual(caught.exception.field, "replay")
        bundle = self.recommender.export_replay("home", "part-0", Consent.GIVEN)
        self.assertTrue(bundle.startswith(b"noctrply"))

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

        request = self.recommender.next_transfer(Network.UNMETERED).request
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
        self.assertTrue(self.recommender.next_transfer(Network.UNMETERED).is_DONE())
        self.assertEqual(self.recommender.status().pending_events, 0)
        self.assertEqual(self.night().learned_events, 3)

    def check_reasons(self, items):
        for item in items:
            total = sum(reason.contribution for reason in item.reasons)
            self.assertAlmostEqual(total, item.score, places=4)
        because = [r.kind for item in items for r in item.reasons if r.kind.is_BECAUSE_OF()]
        self.assertTrue(because)
        self.assertEqual({kind.item for kind in because}, {"item-0"})

    def test_a_reason_that_is_taken_away_is_gone_at_the_next_read(self):
        self.recommender.record([FeedbackEvent(kind=EventKind.LIKE(), item="item-0")])
        self.night()
        self.check_reasons(self.home().items)
        self.recommender.forget_items(["item-0"])
        reasons = [reason for item in self.home().items for reason in item.reasons]
        self.assertTrue(reasons)
        self.assertFalse([reason for reason in reasons if reason.kind.is_BECAUSE_OF()])
        self.assertTrue(all(reason.standard_error == 0 for reason in reasons))

    def test_the_schedule_lets_a_new_release_have_its_night_and_gives_its_budget(self):
        ready = Conditions(
            battery_percent=None,
            charging=True,
            idle=True,
            foreground=False,
            thermal=Thermal.NOMINAL,
            power_save=False,
            free_storage_bytes=None,
            utc_offset_minutes=0,
            allowed_ms=60_000,
        )
        decision = self.recommender.schedule(ready)
        self.assertTrue(decision.is_RUN())
        self.assertEqual(decision.why, RunReason.NEW_RELEASE)
        self.assertEqual(decision.budget.wall_ms, 60_000)
        report = self.night(budget=decision.budget)
        self.assertEqual(report.outcome, NightOutcome.FINISHED())
        self.assertTrue(self.recommender.schedule(ready).is_NOT_YET())
        self.assertEqual(self.recommender.journal().runs[0].published, report.published)

    def test_without_an_answer_the_transfer_waits_and_keeps_its_events(self):
        self.recommender.record([FeedbackEvent(kind=EventKind.CLICK(), item="item-1")])
        request = self.recommender.next_transfer(Network.UNMETERED).request
        self.recommender.transfer_finished(request.id, TransferOutcome.NO_ANSWER("no network"))
        waiting = self.recommender.next_transfer(Network.UNMETERED)
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
        with open(changed / "catalogue.safetensors", "r+b") as file:
            file.write(b" ")
        with self.assertRaises(RecommenderError.ReleaseRefused) as caught:
            Recommender.open(self.config(directory=str(self.scratch / "new"))).install_release(
                str(changed)
            )
        self.assertEqual(caught.exception.file, "catalogue.safetensors")

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
