//! A JVM of 32-bit Arm under QEMU, and the library for it: where an address has four bytes, as on
//! phones of armeabi-v7a.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Native;
use crate::cache;
use crate::cargo::{Workspace, output_of, shown, succeeds};
use crate::cross::Cross;
use crate::error::{Error, Result};

const CROSS: Cross = Cross {
    target: "armv7-unknown-linux-gnueabihf",
    compiler: "arm-linux-gnueabihf-gcc",
    emulators: ["qemu-arm", "qemu-arm-static"],
    packages: &["gcc-arm-linux-gnueabihf", "libc6-dev-armhf-cross", "qemu-user"],
};
const DEBIAN: &str = "bookworm";
const JVM: &str = "openjdk-17-jre-headless";
/// Where Debian puts it.
const BIN: &str = "usr/lib/jvm/java-17-openjdk-armhf/bin";
/// Where everything lies that the tests read and write: in memory. QEMU gives a program of 32 bits
/// the places in a folder that the file system tells, and those of ext4 have 64 bits.
pub(super) const PLACE: &str = "/dev/shm/noctule-armv7";

/// Builds the library and finds or makes the JVM; the inner error says why that cannot be done.
pub(super) fn make_ready(workspace: &Workspace) -> Result<std::result::Result<Native, String>> {
    let emulator = CROSS.make_ready()?;
    let Some(root) = cache::folder("java-armv7") else {
        return Ok(Err("HOME does not say where to keep a JVM".to_owned()));
    };
    if !root.exists()
        && let Err(reason) = make(&root)?
    {
        return Ok(Err(reason));
    }
    let temporary = Path::new(PLACE).join("tmp");
    fs::create_dir_all(&temporary)
        .map_err(|source| Error::Write { path: temporary.clone(), source })?;
    let java = wrap(&root, emulator, &temporary)?;
    let mut build = CROSS.cargo(workspace, &["build", "--locked", "-p", "noctule-ffi", "--lib"]);
    if !succeeds(&mut build)? {
        return Err(Error::Command { command: shown(&build), message: "see above".to_owned() });
    }
    let target = workspace.metadata(true)?.target_directory;
    let folder = target.join(CROSS.target).join("debug");
    Ok(Ok(Native { folder, java: Some(java) }))
}

/// Unpacks the JVM and what it needs at `root`; nothing of it is run, or installed here.
fn make(root: &Path) -> Result<std::result::Result<(), String>> {
    println!("unpacking a JVM of 32-bit Arm at {}: 120 MB to download, once", root.display());
    let aside = cache::unfinished(root)?;
    let mut tool = Command::new("apt-get");
    tool.args(["install", "-y", "-q", "--no-install-recommends", "debootstrap"]);
    let mut base = Command::new("debootstrap");
    base.args(["--foreign", "--arch=armhf", "--variant=minbase"]);
    base.arg(format!("--include={JVM}")).arg(DEBIAN).arg(&aside);
    for mut step in [tool, base] {
        if !succeeds(&mut step)? {
            return Ok(Err("debootstrap, which takes root, brought no JVM; see above".to_owned()));
        }
    }
    // The first stage unpacks the base only, and leaves the rest as packages.
    let packages = aside.join("var/cache/apt/archives");
    let found = fs::read_dir(&packages)
        .map_err(|source| Error::Read { path: packages.clone(), source })?
        .filter_map(|entry| Some(entry.ok()?.path()));
    for package in found.filter(|path| path.extension().is_some_and(|end| end == "deb")) {
        output_of(Command::new("dpkg-deb").arg("-x").arg(package).arg(&aside))?;
    }
    cache::finish(&aside, root)?;
    Ok(Ok(()))
}

/// A program that starts the JVM under `emulator`, at the place of the JVM itself: tests start
/// others from there.
fn wrap(root: &Path, emulator: &str, temporary: &Path) -> Result<PathBuf> {
    let (java, real) = (root.join(BIN).join("java"), root.join(BIN).join("java.real"));
    if !real.exists() {
        fs::rename(&java, &real).map_err(|source| Error::Write { path: real.clone(), source })?;
    }
    // Not by Java's helper, which is a program for Arm that the kernel does not start.
    let text = format!(
        "#!/bin/sh\nexec {emulator} -L '{}' '{}' -Djava.io.tmpdir='{}' \
         -Djdk.lang.Process.launchMechanism=VFORK \"$@\"\n",
        root.display(),
        real.display(),
        temporary.display()
    );
    let failed = |source| Error::Write { path: java.clone(), source };
    fs::write(&java, text).map_err(failed)?;
    fs::set_permissions(&java, fs::Permissions::from_mode(0o755)).map_err(failed)?;
    Ok(java)
}
