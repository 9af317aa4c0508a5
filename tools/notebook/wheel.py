"""Packs a folder as a wheel: `wheel.py FOLDER VERSION OUT`, with the package `noctule` in FOLDER.

A wheel is a zip with a folder of metadata: see "Binary distribution format" of packaging.python.org.
"""

import base64
import hashlib
import pathlib
import sys
import sysconfig
import zipfile

PAGE = """\
Metadata-Version: 2.1
Name: noctule
Version: {version}
Summary: Noctule for notebooks: the library of phones, replay of slates, feedback of the collector
License: MIT OR Apache-2.0
Requires-Python: >=3.10
Provides-Extra: feedback
Requires-Dist: pyarrow>=14; extra == "feedback"
Provides-Extra: pandas
Requires-Dist: pandas>=2; extra == "pandas"
"""
# The same bytes for the same contents.
TIME = (1980, 1, 1, 0, 0, 0)


def main(folder, version, out):
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    tag = f"py3-none-{platform}"
    info = f"noctule-{version}.dist-info"
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    files[f"{info}/METADATA"] = PAGE.format(version=version).encode()
    generator = "Wheel-Version: 1.0\nGenerator: noctule\nRoot-Is-Purelib: false\n"
    files[f"{info}/WHEEL"] = f"{generator}Tag: {tag}\n".encode()
    record = "".join(f"{name},{digest(data)},{len(data)}\n" for name, data in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    out.mkdir(parents=True, exist_ok=True)
    wheel = out / f"noctule-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, TIME)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    print(wheel)


def digest(data):
    sha256 = hashlib.sha256(data).digest()
    return "sha256=" + base64.urlsafe_b64encode(sha256).rstrip(b"=").decode()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3]))
