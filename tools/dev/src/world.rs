//! What the tests from Kotlin and Swift need of the other side: a release, and a repository that
//! offers a newer one.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::cargo::succeeds;
use crate::error::{Error, Result};

/// Slots of the surface `home`: as many as the budget of `recommend` is for.
const SLOTS: u32 = 20;

/// Makes everything anew below `world`, since releases expire and formats change; false when a
/// command failed.
pub(crate) fn make(noctule: &Path, world: &Path) -> Result<bool> {
    if world.exists() {
        fs::remove_dir_all(world).map_err(writing(world))?;
    }
    fs::create_dir_all(world.join("keys")).map_err(writing(world))?;
    let town = "simulate town town --restaurants 120 --residents 300 --weeks 6";
    if !run(noctule, world, town)? {
        return Ok(false);
    }
    widen(&world.join("town/plan.json"))?;
    for line in [
        "train town --output model --dimensions 16 --epochs 3",
        "pack --new-key release.key",
        "pack --new-key keys/targets.key",
        "pack --new-key keys/online.key",
        "pack model --app town --version 1 --key release.key --output release",
        "pack model --app town --version 2 --key release.key --output release-2",
        "starter model --items 60 --key release.key --output starter",
        "trust init ceremony --key root=release.key.pub --key targets=keys/targets.key.pub \
         --key snapshot=keys/online.key.pub --key timestamp=keys/online.key.pub",
        "trust sign ceremony/metadata/1.root.json --key release.key",
        "registry --at shelf init --root ceremony/metadata/1.root.json",
        "registry --at shelf --keys keys publish release-2 --public-key release.key.pub \
         --percent 100",
    ] {
        if !run(noctule, world, line)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A longer surface, a second one, and places that are never shut: the tests run at any hour.
fn widen(path: &Path) -> Result<()> {
    let text = fs::read(path).map_err(|source| Error::Read { path: path.to_path_buf(), source })?;
    let what = || path.display().to_string();
    let mut plan: Value =
        serde_json::from_slice(&text).map_err(|source| Error::Json { what: what(), source })?;
    plan["only_open"] = json!(false);
    plan["fatigue_impressions"] = json!(0);
    plan["surfaces"][0]["length"] = json!(SLOTS);
    let mut second = plan["surfaces"][0].clone();
    second["id"] = json!("lunch");
    second["length"] = json!(5);
    if let Some(surfaces) = plan["surfaces"].as_array_mut() {
        surfaces.push(second);
    }
    fs::write(path, plan.to_string()).map_err(writing(path))
}

fn run(noctule: &Path, world: &Path, line: &str) -> Result<bool> {
    let mut command = Command::new(noctule);
    command.current_dir(world).args(line.split_whitespace());
    let fine = succeeds(command.stdout(Stdio::null()).stderr(Stdio::null()))?;
    if !fine {
        // Once more, to be read.
        return succeeds(Command::new(noctule).current_dir(world).args(line.split_whitespace()));
    }
    Ok(fine)
}

fn writing(path: &Path) -> impl Fn(std::io::Error) -> Error {
    let path = path.to_path_buf();
    move |source| Error::Write { path: path.clone(), source }
}
