//! Small changes: aliases, tags, roll-outs, halts.

use super::publish::check_percent;
use super::reference::{Reference, check_alias, check_word};
use super::{Registry, State};
use crate::{Error, Result};

/// The alias that a promoted version loses when it has it.
pub const CHALLENGER: &str = "challenger";

impl Registry {
    /// Points `alias` of the line at a version; an alias points at one version at a time.
    ///
    /// # Errors
    /// [`Error::Reference`] for an alias that is none, [`Error::NotInRegistry`], and those of a
    /// commit: [`Error::Store`], [`Error::Contended`].
    pub fn alias(&self, reference: &Reference, alias: &str) -> Result<State> {
        check_alias(alias).map_err(|reason| Error::reference(alias, reason))?;
        self.change(&format!("alias {reference} {alias}"), |state| {
            point(state, reference, alias).map(|_| ())
        })
    }

    /// Takes `alias` away from the line; its version stays.
    ///
    /// # Errors
    /// [`Error::NotInRegistry`], and those of a commit.
    pub fn remove_alias(&self, name: &str, alias: &str) -> Result<State> {
        self.change(&format!("remove the alias {name}@{alias}"), |state| {
            let line = state.lines.get_mut(name);
            let removed = line.and_then(|line| line.aliases.remove(alias));
            removed.map(|_| ()).ok_or_else(|| Error::not_in_registry(format!("{name}@{alias}")))
        })
    }

    /// Sets the tag `key` of a version, or removes it when there is no value.
    ///
    /// # Errors
    /// [`Error::Reference`] for a key that is none, [`Error::NotInRegistry`], and those of a
    /// commit.
    pub fn tag(&self, reference: &Reference, key: &str, value: Option<&str>) -> Result<State> {
        check_word(key).map_err(|reason| Error::reference(key, reason))?;
        self.change(&format!("tag {reference} {key}"), |state| {
            let (_, version) = state.resolve_mut(reference)?;
            match value {
                Some(value) => version.tags.insert(key.to_owned(), value.to_owned()),
                None => version.tags.remove(key),
            };
            Ok(())
        })
    }

    /// Points `alias` at a version, offers it to every device and takes [`CHALLENGER`] off it.
    ///
    /// # Errors
    /// As [`Self::alias`]; [`Error::Halted`] for a version that is halted.
    pub fn promote(&self, reference: &Reference, alias: &str) -> Result<State> {
        check_alias(alias).map_err(|reason| Error::reference(alias, reason))?;
        self.change(&format!("promote {reference} to {alias}"), |state| {
            let (release, version) = state.resolve_mut(reference)?;
            if version.halted {
                return Err(Error::Halted { release: release.to_string() });
            }
            version.percent = 100;
            let number = point(state, reference, alias)?;
            let line = state.lines.get_mut(&reference.name);
            let aliases = line.map(|line| &mut line.aliases);
            if let Some(aliases) = aliases.filter(|_| alias != CHALLENGER) {
                aliases.retain(|name, target| name != CHALLENGER || *target != number);
            }
            Ok(())
        })
    }

    /// Offers a version to `percent` of the devices: 0, or one of [`super::ROLLOUT_STEPS`].
    ///
    /// # Errors
    /// [`Error::Reference`] for another percentage, [`Error::NotInRegistry`],
    /// [`Error::Halted`], and those of a commit.
    pub fn roll_out(&self, reference: &Reference, percent: u8) -> Result<State> {
        check_percent(percent)?;
        self.change(&format!("roll out {reference} to {percent} %"), |state| {
            let (release, version) = state.resolve_mut(reference)?;
            if version.halted {
                return Err(Error::Halted { release: release.to_string() });
            }
            version.percent = percent;
            Ok(())
        })
    }

    /// Stops a version: it is offered to nobody, and devices that run it go back.
    ///
    /// # Errors
    /// [`Error::NotInRegistry`], and those of a commit.
    pub fn halt(&self, reference: &Reference) -> Result<State> {
        self.set_halted(reference, true, "halt")
    }

    /// Takes a halt back; the version is offered again to as many as before.
    ///
    /// # Errors
    /// [`Error::NotInRegistry`], and those of a commit.
    pub fn resume(&self, reference: &Reference) -> Result<State> {
        self.set_halted(reference, false, "resume")
    }

    fn set_halted(&self, reference: &Reference, halted: bool, what: &str) -> Result<State> {
        self.change(&format!("{what} {reference}"), |state| {
            state.resolve_mut(reference)?.1.halted = halted;
            Ok(())
        })
    }

    fn change(&self, what: &str, change: impl FnMut(&mut State) -> Result<()>) -> Result<State> {
        let (state, ()) = self.commit(what, change)?;
        self.after_commit()?;
        Ok(state)
    }
}

/// Points `alias` at the version; gives its number.
fn point(state: &mut State, reference: &Reference, alias: &str) -> Result<u64> {
    let number = state.resolve(reference)?.0.version;
    let line = state.lines.get_mut(&reference.name);
    let line = line.ok_or_else(|| Error::not_in_registry(reference))?;
    line.aliases.insert(alias.to_owned(), number);
    Ok(number)
}
