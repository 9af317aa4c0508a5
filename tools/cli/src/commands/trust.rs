//! `noctule trust`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};
use noctule_core::base::{Clock, Day, SystemClock};
use noctule_releases::trust::{Role, RootPlan, draft_root, newest_root, sign_file, status};
use noctule_releases::{PublicKey, SecretKey};
use serde_json::json;

use crate::error::{Error, Result};
use crate::output::Output;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Make, rotate and sign the root of a repository.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  noctule trust init repository --key root=ann.key.pub --key root=bob.key.pub --threshold root=2 \\
    --key targets=ann.key.pub --key snapshot=online.key.pub --key timestamp=online.key.pub
  noctule trust sign repository/metadata/1.root.json --key ann.key
  noctule trust rotate repository --remove online.key.pub --add snapshot=new.key.pub \\
    --add timestamp=new.key.pub
  noctule trust status repository")]
pub(crate) struct Trust {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write the first root file, for its holders to sign.
    Init {
        /// Folder of the repository.
        repository: PathBuf,
        /// A role's public key, as ROLE=FILE; once for each key.
        #[arg(long, value_name = "ROLE=FILE", required = true)]
        key: Vec<String>,
        /// How many keys of a role must sign, as ROLE=NUMBER; 1 where not given.
        #[arg(long, value_name = "ROLE=NUMBER")]
        threshold: Vec<String>,
        /// Days for which the root is valid.
        #[arg(long, default_value_t = 365)]
        days: u32,
    },
    /// Write the next root file, for holders of the old and of the new root keys to sign.
    Rotate {
        /// Folder of the repository.
        repository: PathBuf,
        /// A public key to add to a role, as ROLE=FILE.
        #[arg(long, value_name = "ROLE=FILE")]
        add: Vec<String>,
        /// A public key to take from every role.
        #[arg(long, value_name = "FILE")]
        remove: Vec<PathBuf>,
        /// How many keys of a role must sign, as ROLE=NUMBER.
        #[arg(long, value_name = "ROLE=NUMBER")]
        threshold: Vec<String>,
        /// Days for which the root is valid.
        #[arg(long, default_value_t = 365)]
        days: u32,
    },
    /// Add a signature to a metadata file.
    Sign {
        /// The metadata file.
        file: PathBuf,
        /// The secret key.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// Refresh as a device would that was built with the first root.
    Status {
        /// Folder of the repository.
        repository: PathBuf,
    },
}

/// Makes, rotates, signs or looks.
pub(crate) fn run(asked: &Trust, output: Output) -> Result<()> {
    match &asked.what {
        What::Init { repository, key, threshold, days } => {
            let mut plan = RootPlan::first(expires_ms(*days));
            change(&mut plan, key, &[], threshold)?;
            draft(repository, &plan, output)
        }
        What::Rotate { repository, add, remove, threshold, days } => {
            let newest = newest_root(repository).map_err(Error::failed("rotate"))?;
            let mut plan = newest.1.next(expires_ms(*days));
            change(&mut plan, add, remove, threshold)?;
            draft(repository, &plan, output)
        }
        What::Sign { file, key } => {
            let key = SecretKey::load(key).map_err(Error::failed("sign"))?;
            let id = sign_file(file, &key).map_err(Error::failed("sign"))?;
            let text = format!("signed {} with {id}", file.display());
            output.print(&json!({"file": file, "keyid": id}), &text)
        }
        What::Status { repository } => show(repository, output),
    }
}

fn draft(repository: &std::path::Path, plan: &RootPlan, output: Output) -> Result<()> {
    let path = draft_root(repository, plan).map_err(Error::failed("write the root"))?;
    let (keys, threshold) = plan.role(Role::Root);
    let text =
        format!("{}: {threshold} of {} root keys have to sign it", path.display(), keys.len());
    output.print(&json!({"file": path, "version": plan.version, "threshold": threshold}), &text)
}

fn show(repository: &std::path::Path, output: Output) -> Result<()> {
    let now_ms = SystemClock::default().now_ms();
    let found = status(repository, now_ms).map_err(Error::failed("read the repository"))?;
    let mut text = String::new();
    for (role, version) in &found.versions {
        let version = version.map_or_else(|| "none".to_owned(), |version| version.to_string());
        text.push_str(&format!("{}: version {version}\n", role.name()));
    }
    text.push_str(&format!("first expiry: {}\n", Day::at(found.expires_ms, 0)));
    let versions: serde_json::Map<String, serde_json::Value> = found
        .versions
        .iter()
        .map(|(role, version)| (role.name().to_owned(), json!(version)))
        .collect();
    let json = json!({
        "versions": versions, "expires_ms": found.expires_ms, "problem": found.problem
    });
    output.print(&json, &text)?;
    match found.problem {
        None => Ok(()),
        Some(problem) => Err(Error::at("refresh", repository, problem)),
    }
}

fn change(
    plan: &mut RootPlan,
    add: &[String],
    remove: &[PathBuf],
    thresholds: &[String],
) -> Result<()> {
    for path in remove {
        plan.remove(&PublicKey::load(path).map_err(Error::failed("read a key"))?);
    }
    for text in add {
        let (role, path) = pair(text)?;
        let key = PublicKey::load(path.as_ref()).map_err(Error::failed("read a key"))?;
        plan.add(role, key);
    }
    for text in thresholds {
        let (role, number) = pair(text)?;
        let number = u64::from_str(number).map_err(Error::failed("read a threshold"))?;
        plan.set_threshold(role, number);
    }
    Ok(())
}

/// `ROLE=VALUE`.
fn pair(text: &str) -> Result<(Role, &str)> {
    let found = text.split_once('=').and_then(|(name, value)| {
        let role = Role::ALL.into_iter().find(|role| role.name() == name)?;
        Some((role, value))
    });
    let reason = "ROLE=VALUE is needed, ROLE being root, targets, snapshot or timestamp";
    found.ok_or_else(|| Error::failed("read the command line")(format!("{text}: {reason}")))
}

fn expires_ms(days: u32) -> i64 {
    SystemClock::default().now_ms().saturating_add(i64::from(days) * DAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_and_a_value_are_told_apart() {
        assert_eq!(pair("root=a=b").unwrap(), (Role::Root, "a=b"));
        assert!(pair("mirrors=a").is_err() && pair("root").is_err());
    }
}
