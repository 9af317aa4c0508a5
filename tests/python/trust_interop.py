"""Repositories between python-tuf and Noctule.

    python trust_interop.py write DIR   python-tuf writes good and broken repositories below DIR
    python trust_interop.py read DIR    python-tuf's client refreshes from the repository in DIR

`write` is deterministic: `DIR/good` is what lies in core/src/trust/golden.
"""

import hashlib
import json
import pathlib
import sys
import tempfile
from datetime import datetime, timezone

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    Metadata, MetaFile, Role, Root, Snapshot, TargetFile, Targets, Timestamp,
)
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

UNTIL = datetime(2036, 1, 1, tzinfo=timezone.utc)


def signer(seed):
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


ANN, BOB, EVE, ONLINE, NEW_ONLINE = (signer(seed) for seed in (1, 2, 3, 9, 10))


def root_of(version, online, keys=(ANN, BOB, EVE)):
    root = Root(version=version, expires=UNTIL, consistent_snapshot=True)
    for name, members, threshold in (
        ("root", keys, 2), ("targets", (ANN, BOB), 2), ("snapshot", (online,), 1),
        ("timestamp", (online,), 1),
    ):
        root.roles[name] = Role([], threshold)
        for member in members:
            root.add_key(member.public_key, name)
    return root


def signed(content, *signers):
    metadata = Metadata(content)
    for one in signers:
        metadata.sign(one, append=True)
    return metadata.to_bytes()


def repository(edit_targets=None, targets_signers=(ANN, BOB), online=NEW_ONLINE, expires=UNTIL):
    """The files of a repository with two roots and one release, by path."""
    manifest = b"the manifest of town@8"
    digest = hashlib.sha256(manifest).hexdigest()
    target = TargetFile.from_data(f"blobs/{digest}", manifest, ["sha256"])
    target.unrecognized_fields["custom"] = {
        "noctule": {"kind": "release", "name": "town", "version": 8, "percent": 100,
                    "halted": False},
        "note": 'quotes " and \\ and é',
    }
    targets = Targets(version=3, expires=UNTIL, targets={f"blobs/{digest}": target})
    if edit_targets:
        edit_targets(targets)
    targets_bytes = signed(targets, *targets_signers)
    meta = MetaFile.from_data(3, targets_bytes, ["sha256"])
    snapshot_bytes = signed(Snapshot(version=4, expires=UNTIL, meta={"targets.json": meta}), online)
    meta = MetaFile.from_data(4, snapshot_bytes, ["sha256"])
    timestamp_bytes = signed(Timestamp(version=5, expires=expires, snapshot_meta=meta), online)
    return {
        "metadata/1.root.json": signed(root_of(1, ONLINE), ANN, BOB),
        "metadata/2.root.json": signed(root_of(2, NEW_ONLINE), ANN, EVE),
        "metadata/3.targets.json": targets_bytes,
        "metadata/4.snapshot.json": snapshot_bytes,
        "metadata/timestamp.json": timestamp_bytes,
        f"blobs/{digest}": manifest,
    }


def tampered(path, change):
    files = repository()
    document = json.loads(files[path])
    change(document)
    files[path] = json.dumps(document).encode()
    return files


def broken():
    """Repositories that no client may accept."""
    past = datetime(2020, 1, 1, tzinfo=timezone.utc)
    return {
        "bad-one-of-two-signatures": repository(targets_signers=(ANN,)),
        "bad-stranger": repository(targets_signers=(EVE, ONLINE)),
        "bad-old-online-key": repository(online=ONLINE),
        "bad-expired": repository(expires=past),
        "bad-changed-timestamp": tampered(
            "metadata/timestamp.json", lambda d: d["signed"].update(version=6)),
        "bad-changed-targets": tampered(
            "metadata/3.targets.json", lambda d: d["signed"].update(version=4)),
        "bad-root-by-one": {**repository(), "metadata/2.root.json":
                            signed(root_of(2, NEW_ONLINE), ANN)},
        "bad-root-skips": {**repository(), "metadata/2.root.json":
                           signed(root_of(3, NEW_ONLINE), ANN, BOB)},
    }


def write(folder):
    for name, files in {"good": repository(), **broken()}.items():
        for path, content in files.items():
            place = folder / name / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)


class Folder(FetcherInterface):
    """Fetches from a folder."""

    def __init__(self, folder):
        self.folder = folder

    def _fetch(self, url):
        from tuf.api.exceptions import DownloadHTTPError
        place = self.folder / url.removeprefix("https://repository/")
        if not place.is_file():
            raise DownloadHTTPError("absent", 404)
        return iter([place.read_bytes()])


def read(folder):
    """Refreshes, downloads every target, and prints the targets it found."""
    with tempfile.TemporaryDirectory() as scratch:
        local = pathlib.Path(scratch)
        updater = Updater(
            metadata_dir=str(local / "metadata"),
            metadata_base_url="https://repository/metadata/",
            target_dir=str(local),
            target_base_url="https://repository/",
            fetcher=Folder(folder),
            config=UpdaterConfig(prefix_targets_with_hash=False),
            bootstrap=(folder / "metadata/1.root.json").read_bytes(),
        )
        updater.refresh()
        names = sorted(updater._trusted_set.targets.targets)
        for name in names:
            info = updater.get_targetinfo(name)
            updater.download_target(info, str(local / "blob"))
        print(json.dumps(names))


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](pathlib.Path(sys.argv[2]))
