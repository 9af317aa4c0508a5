"""The installed wheel, against a release and a real collector; `cargo dev wheel` runs it."""

import http.client
import importlib.util
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import time
import unittest

from noctule import feedback, recommender
from noctule.recommender import (
    Budget,
    CancelToken,
    Config,
    Consent,
    DataConsent,
    EventKind,
    FeedbackEvent,
    Network,
    Recommender,
    RecommendRequest,
    TransferOutcome,
)
from noctule.replay import ReplayError, replay

WORLD = pathlib.Path(os.environ["NOCTULE_WORLD"])
COMMAND = os.environ["NOCTULE_COMMAND"]
HAS_ARROW = importlib.util.find_spec("pyarrow") is not None
HAS_PANDAS = importlib.util.find_spec("pandas") is not None


class WithProfile(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = pathlib.Path(scratch.name)
        key = (WORLD / "release.key.pub").read_text().strip()
        self.phone = Recommender.open(
            Config(
                directory=str(self.scratch / "profile"),
                app="town",
                consent=DataConsent.FULL,
                trusted_keys=[key],
            )
        )
        self.addCleanup(self.phone.close)
        self.phone.install_release(str(WORLD / "release"))
        self.phone.run_night(Budget(), CancelToken(), None)
        self.slate = self.phone.recommend(RecommendRequest(surface="home"))

    def bundle(self):
        return self.phone.export_replay("home", self.slate.context, Consent.GIVEN)


class Replaying(WithProfile):
    def test_a_published_slate_comes_out_byte_for_byte_with_every_stage(self):
        told = replay(self.bundle(), WORLD / "release")
        self.assertTrue(told.equal)
        self.assertEqual(told.differences, [])
        self.assertEqual((told.surface, told.context), ("home", self.slate.context))
        placed = [(one["item"], one["propensity"]) for one in told.slots()]
        shown = [(item.item, item.propensity) for item in self.slate.items]
        self.assertEqual(placed, shown)
        self.assertGreater(len(told.candidates), len(shown))
        for one in told.candidates:
            self.assertTrue(one["features"])
        for one, item in zip(told.slots(), self.slate.items, strict=True):
            self.assertEqual(len(one["reasons"]), len(item.reasons))

    def test_a_bundle_is_read_from_its_file_too(self):
        path = self.scratch / "home.replay"
        path.write_bytes(self.bundle())
        self.assertTrue(replay(path, str(WORLD / "release")).equal)

    def test_what_is_no_bundle_was_changed_or_is_of_another_release_is_refused(self):
        changed = bytearray(self.bundle())
        changed[len(changed) // 2] ^= 1
        for bundle in (b"", b"something else", bytes(changed)):
            with self.assertRaises(ReplayError):
                replay(bundle, WORLD / "release")
        with self.assertRaises(ReplayError) as caught:
            replay(self.bundle(), WORLD / "release-2")
        self.assertIn("town@1", str(caught.exception))

    @unittest.skipUnless(HAS_PANDAS, "pandas is not installed")
    def test_the_candidates_are_a_table_for_pandas(self):
        told = replay(self.bundle(), WORLD / "release")
        table = told.to_pandas()
        self.assertEqual(len(table), len(told.candidates))
        self.assertEqual(int(table.position.notna().sum()), len(self.slate.items))
        self.assertTrue(any(name.startswith("feature.") for name in table.columns))


@unittest.skipUnless(HAS_ARROW, "pyarrow is not installed")
class ReadingFeedback(WithProfile):
    def collect(self, output):
        """A collector, and the port it listens on."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        arguments = ["--output", output, "--app", "town", "--address", f"127.0.0.1:{port}"]
        process = subprocess.Popen([COMMAND, "collect", *arguments], stderr=subprocess.DEVNULL)
        self.addCleanup(process.kill)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return process, port
            except OSError:
                time.sleep(0.05)
        self.fail("the collector does not listen")

    def send(self, port):
        """Everything that the phone has to send."""
        while (transfer := self.phone.next_transfer(Network.UNMETERED)).is_UPLOAD():
            request = transfer.request
            connection = http.client.HTTPConnection("127.0.0.1", port)
            headers = {header.name: header.value for header in request.headers}
            connection.request("POST", request.path, request.body, headers)
            answer = connection.getresponse()
            outcome = TransferOutcome.ANSWER(answer.status, answer.read())
            self.phone.transfer_finished(request.id, outcome)

    def event(self, kind, at):
        item = self.slate.items[at]
        return FeedbackEvent(
            kind=kind,
            item=item.item,
            surface="home",
            context=self.slate.context,
            position=item.position if kind.is_IMPRESSION() else None,
            generation=self.slate.generation,
            propensity=item.propensity if kind.is_IMPRESSION() else None,
        )

    def test_what_phones_sent_is_read_once_with_its_propensities(self):
        output = self.scratch / "feedback"
        process, port = self.collect(output)
        shown = [self.event(EventKind.IMPRESSION(), at) for at in range(5)]
        self.phone.record([*shown, self.event(EventKind.CONVERSION(), 1)], None)
        self.send(port)
        process.terminate()
        process.wait(60)
        table = feedback.read(output, "town")
        self.assertEqual(table.num_rows, 6)
        seen = {row["item"]: row for row in table.to_pylist() if row["kind"] == "impression"}
        for item in self.slate.items[:5]:
            # The collector reads the numbers of JSON to the last bit but one.
            found = seen[item.item]["propensity"]
            self.assertAlmostEqual(found, item.propensity, delta=1e-15)
        # The same file twice is the same events once.
        part = next((output / "app=town").rglob("*.parquet"))
        part.with_name("part-again.parquet").write_bytes(part.read_bytes())
        self.assertEqual(feedback.read(output, "town").num_rows, 6)
        day = table.column("day")[0].as_py()
        self.assertTrue(re.fullmatch(r"\d{4}-\d\d-\d\d", day))
        self.assertEqual(feedback.read(output, "town", since=day, until=day).num_rows, 6)
        self.assertEqual(feedback.read(output, "town", until="1999-12-31").num_rows, 0)
        rates = feedback.rates(table, by=["context"]).to_pylist()
        self.assertEqual(len(rates), 1)
        self.assertEqual((rates[0]["impressions"], rates[0]["accepted"]), (5, 1))
        weight = sum(1 / item.propensity for item in self.slate.items[:5])
        self.assertAlmostEqual(rates[0]["weighted_impressions"], weight)

    def test_a_folder_without_the_app_or_of_another_version_is_refused(self):
        import pyarrow
        import pyarrow.parquet

        with self.assertRaises(feedback.FeedbackError):
            feedback.read(self.scratch, "town")
        folder = self.scratch / "app=town" / "day=2026-01-01"
        folder.mkdir(parents=True)
        foreign = pyarrow.table({"installation": ["a"], "sequence": [1]})
        pyarrow.parquet.write_table(foreign, folder / "part-1.parquet")
        with self.assertRaises(feedback.FeedbackError):
            feedback.read(self.scratch, "town")


class Packaged(unittest.TestCase):
    def test_the_library_lies_in_the_installed_package(self):
        self.assertIn("site-packages", recommender.__file__)
