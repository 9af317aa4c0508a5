//! Where a Swift comes from: the path, or a Debian of its own below a cache folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::cargo::{output_of, succeeds};
use crate::error::Result;

/// The oldest Swift that the package can be built with.
const SWIFT: u32 = 6;
/// Names another folder for the Debian with Swift.
const PLACE: &str = "NOCTULE_SWIFT";
/// The release of Debian that has a fitting Swift, and what is installed in it.
const DEBIAN: &str = "trixie";
const PACKAGES: [&str; 3] = ["swiftlang", "libc6-dev", "libstdc++-14-dev"];

/// Runs `$4 …` in the root `$1`, in the folder `$2`, with the folders up to `--` mounted at the
/// places that they have outside. Started in a mount namespace of its own: nothing is left mounted,
/// however it ends. Swift finds its libraries through `/proc`.
const ENTER: &str = "set -e
root=$1 work=$2; shift 2
mount --bind /proc \"$root/proc\"
mount --bind /dev \"$root/dev\"
while [ \"$1\" != -- ]; do
    mkdir -p \"$root$1\"
    mount --bind \"$1\" \"$root$1\"
    shift
done
shift
exec chroot \"$root\" sh -c 'cd \"$0\" && exec \"$@\"' \"$work\" \"$@\"";

/// A Swift that can be run.
#[derive(Debug)]
pub(super) enum Toolchain {
    /// On the path.
    Here,
    /// In the Debian below this folder.
    Debian(PathBuf),
}

impl Toolchain {
    /// Finds one or makes it; the inner error is the reason why there is none.
    pub(super) fn find() -> Result<std::result::Result<Self, String>> {
        let told = output_of(Command::new("swift").arg("--version"));
        if told.ok().and_then(|told| version(&told)).is_some_and(|major| major >= SWIFT) {
            return Ok(Ok(Self::Here));
        }
        let Some(place) = place() else {
            return Ok(Err(format!("neither HOME nor {PLACE} says where to keep a Swift")));
        };
        if !is_root() {
            return Ok(Err(format!(
                "there is no Swift {SWIFT} on the path, and only root can \
                                   enter one of its own"
            )));
        }
        // A link to a place that is only there within.
        let is_there = place.join("usr/bin/swift").symlink_metadata().is_ok();
        if !is_there && let Err(reason) = make(&place)? {
            return Ok(Err(reason));
        }
        Ok(Ok(Self::Debian(place)))
    }

    /// `program`, which starts in the folder `work` and sees `folders` where they are.
    pub(super) fn command(&self, program: &str, work: &Path, folders: &[&Path]) -> Command {
        let place = match self {
            Self::Here => {
                let mut command = Command::new(program);
                command.current_dir(work);
                return command;
            }
            Self::Debian(place) => place,
        };
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", ENTER, "sh"]).arg(place).arg(work);
        command.args(outermost(folders)).arg("--").arg(program);
        command.env("HOME", "/root").env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.env_remove("TMPDIR");
        command
    }
}

impl std::fmt::Display for Toolchain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Here => f.write_str("the Swift on the path"),
            Self::Debian(place) => write!(f, "the Swift in {}", place.display()),
        }
    }
}

/// The folders that lie in no other one: a mount within a mount would be written into the outer.
fn outermost<'a>(folders: &[&'a Path]) -> Vec<&'a Path> {
    let mut outermost: Vec<&Path> = Vec::new();
    for folder in folders {
        let inside = folders.iter().any(|other| other != folder && folder.starts_with(other));
        if !inside && !outermost.contains(folder) {
            outermost.push(folder);
        }
    }
    outermost
}

/// The major version in what `swift --version` says.
fn version(told: &str) -> Option<u32> {
    let behind = told.split("Swift version ").nth(1)?;
    behind.split(['.', ' ']).next()?.parse().ok()
}

fn place() -> Option<PathBuf> {
    std::env::var_os(PLACE).map(PathBuf::from).or_else(|| cache::folder("swift"))
}

fn is_root() -> bool {
    output_of(Command::new("id").arg("-u")).is_ok_and(|told| told.trim() == "0")
}

/// Makes a Debian with Swift at `place`, whole or not at all.
fn make(place: &Path) -> Result<std::result::Result<(), String>> {
    if output_of(Command::new("apt-get").arg("--version")).is_err() {
        return Ok(Err("there is no Swift, and only on a Debian can one be made".to_owned()));
    }
    println!(
        "making a Debian {DEBIAN} with Swift at {}: 535 MB to download, 2.5 GB unpacked, once",
        place.display()
    );
    let aside = cache::unfinished(place)?;
    let mut tool = Command::new("apt-get");
    tool.args(["install", "-y", "-q", "--no-install-recommends", "debootstrap"]);
    let mut base = Command::new("debootstrap");
    base.args(["--variant=minbase", DEBIAN]).arg(&aside);
    let mut packages = Toolchain::Debian(aside.clone()).command("apt-get", Path::new("/"), &[]);
    packages.env("DEBIAN_FRONTEND", "noninteractive");
    packages.args(["install", "-y", "-q", "--no-install-recommends"]).args(PACKAGES);
    for mut step in [tool, base, packages] {
        if !succeeds(&mut step)? {
            return Ok(Err("a Debian with Swift could not be made; see above".to_owned()));
        }
    }
    cache::finish(&aside, place)?;
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_swift_says() {
        assert_eq!(version("Swift version 6.0.3 (swift-6.0.3-RELEASE)\nTarget: x"), Some(6));
        let apple = "swift-driver version: 1.1 Apple Swift version 5.10.1 (swiftlang-5.10)";
        assert_eq!(version(apple), Some(5));
        assert_eq!(version("OpenStack Object Storage"), None);
    }

    #[test]
    fn a_folder_within_another_is_not_mounted_again() {
        let folders = ["/r", "/r/target", "/t", "/rr", "/t"].map(Path::new);
        assert_eq!(outermost(&folders), ["/r", "/t", "/rr"].map(Path::new));
    }
}
