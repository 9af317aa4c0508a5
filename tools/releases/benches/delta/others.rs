//! What other programs make of the same files, where they are installed.

use std::path::Path;
use std::process::{Command, Stdio};

use noctule_releases::MadeDelta;

/// Bytes of `zstd -19 --long=27 --patch-from` of every file that has an older one of its name.
pub(crate) fn zstd_patch(old: &Path, new: &Path, made: &MadeDelta) -> crate::Result<Option<u64>> {
    sum(made, |name| {
        let mut command = Command::new("zstd");
        command.args(["-19", "--long=27", "-q", "-c"]);
        command.arg(format!("--patch-from={}", old.join(name).display())).arg(new.join(name));
        command
    })
}

/// Bytes of `xz -1` of every file: no delta, the least that whole files take on the way.
pub(crate) fn xz(new: &Path, made: &MadeDelta) -> crate::Result<Option<u64>> {
    sum(made, |name| {
        let mut command = Command::new("xz");
        command.args(["-1", "-q", "-c"]).arg(new.join(name));
        command
    })
}

/// A size, or that there is none.
pub(crate) fn shown(bytes: Option<u64>) -> String {
    bytes.map_or("-".to_owned(), |bytes| bytes.to_string())
}

/// Bytes that the commands write for all files; none where the program is not installed or fails.
fn sum(made: &MadeDelta, command: impl Fn(&str) -> Command) -> crate::Result<Option<u64>> {
    let mut total = 0;
    for file in &made.files {
        let started = command(&file.name).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let Ok(mut child) = started else { return Ok(None) };
        if let Some(mut stdout) = child.stdout.take() {
            total += std::io::copy(&mut stdout, &mut std::io::sink())?;
        }
        if !child.wait()?.success() {
            return Ok(None);
        }
    }
    Ok(Some(total))
}
