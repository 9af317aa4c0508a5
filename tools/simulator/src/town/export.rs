//! Writing the town as data: the layout that the trainer reads.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use super::Town;
use crate::world::World;
use crate::{Error, Result};

impl Town {
    /// Writes `catalogue.jsonl` (one item a line), `interactions.csv`
    /// (`user,item,at_ms,context,weight`) and `users.csv` (`user,latitude,longitude`) into
    /// `directory`, which is made where it is missing. People with phones are in none of them.
    ///
    /// # Errors
    /// [`Error::File`] when the operating system refuses.
    pub fn write_directory(&self, directory: &Path) -> Result<()> {
        std::fs::create_dir_all(directory)
            .map_err(Error::file(directory, "making the directory"))?;
        write(&directory.join("catalogue.jsonl"), |file| {
            for item in self.items() {
                serde_json::to_writer(&mut *file, item)?;
                file.write_all(b"\n")?;
            }
            Ok(())
        })?;
        write(&directory.join("interactions.csv"), |file| {
            writeln!(file, "user,item,at_ms,context,weight")?;
            for visit in self.training() {
                let item = &self.items()[visit.item as usize].id;
                let context = visit.context.and_then(|at| self.plan.contexts.get(usize::from(at)));
                let context = context.map_or("", |context| context.id.as_str());
                let (user, at_ms) = (Self::resident_name(visit.user), visit.at_ms);
                writeln!(file, "{user},{item},{at_ms},{context},{}", visit.weight)?;
            }
            Ok(())
        })?;
        write(&directory.join("users.csv"), |file| {
            writeln!(file, "user,latitude,longitude")?;
            for (user, person) in (0..).zip(&self.residents) {
                let home = person.home;
                let name = Self::resident_name(user);
                writeln!(file, "{name},{},{}", home.latitude, home.longitude)?;
            }
            Ok(())
        })
    }

    /// The name of a person of [`World::training`].
    #[must_use]
    pub fn resident_name(user: u32) -> String {
        format!("u{user:05}")
    }
}

fn write(
    path: &Path,
    body: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<()> {
    let mut file = BufWriter::new(File::create(path).map_err(Error::file(path, "creating"))?);
    body(&mut file).and_then(|()| file.flush()).map_err(Error::file(path, "writing"))
}
