//! A process to which something happens in the middle of its work: its disk fails, or the power
//! goes. What it was promised it says on its standard output; what is refused it bears.

use std::path::Path;

use noctule_core::Result;
use noctule_core::base::{Budget, CancelToken, Clock, NoProgress, Seed, SeededRandom};
use noctule_core::feedback::{Durability, FeedbackEvent};
use noctule_core::upload::{Network, Transfer};
use noctule_tests::collector::{acknowledgement, delivered, lines};
use noctule_tests::phone::event;
use noctule_tests::{Phone, Town};

use crate::say;

/// Pieces of work of one life.
const STEPS: usize = 24;

/// Works on the profile in `directory` and ends.
pub(crate) fn live(directory: &Path, releases: &Path, seed: u64, now_ms: i64) {
    let phone = match Phone::open_at(directory, now_ms) {
        Ok(phone) => phone,
        Err(error) => return say(&format!("refused to open: {error}")),
    };
    say("ready");
    let random = SeededRandom::new(Seed(seed));
    let mut worker = Worker { phone, random, number: seed << 24 };
    for step in 0..STEPS {
        worker.phone.clock.set(worker.phone.clock.now_ms() + 60_000);
        let done = match step {
            8 => worker.night(),
            14 => worker.install(releases),
            15 => worker.night(),
            _ if step % 5 == 4 => worker.transfer(),
            _ => worker.record(),
        };
        if let Err(error) = done {
            say(&format!("refused {error}"));
        }
    }
    worker.phone.close();
    say("done");
}

struct Worker {
    phone: Phone,
    random: SeededRandom,
    /// A number that no event had before.
    number: u64,
}

impl Worker {
    fn record(&mut self) -> Result<()> {
        let safe = self.random.chance(0.5);
        let durability = if safe { Durability::PowerLoss } else { Durability::ProcessEnd };
        let count = 1 + self.random.below(6);
        let first = self.number;
        let kind = if safe { "like" } else { "impression" };
        let events: Vec<FeedbackEvent> = (0..count as u64)
            .map(|at| FeedbackEvent {
                generation: Some(first + at),
                ..event(kind, &Town::item(self.random.below(70)))
            })
            .collect();
        self.number += count as u64;
        let receipt = self.phone.record_as(durability, &events)?;
        let word = if safe { "safe" } else { "kept" };
        say(&format!("{word} {} {} {first}", receipt.first_sequence, receipt.last_sequence));
        Ok(())
    }

    fn night(&mut self) -> Result<()> {
        let report = self.phone.run_night(Budget::unlimited(), &CancelToken::new(), &NoProgress)?;
        say(&format!("night {:?}", report.outcome));
        Ok(())
    }

    fn install(&mut self, releases: &Path) -> Result<()> {
        let release = self.phone.install_release(&releases.join("2"))?;
        say(&format!("installed {}", release.version));
        Ok(())
    }

    fn transfer(&mut self) -> Result<()> {
        let Transfer::Upload(request) = self.phone.next_transfer(Network::Unmetered)? else {
            return Ok(());
        };
        let lines = lines(&request);
        for line in &lines[1..] {
            let event = delivered(line);
            let number = event.generation.unwrap();
            say(&format!("delivered {} {} {number}", line["sequence"], event.id));
        }
        let acknowledged = acknowledgement(&request.id, lines.len() - 1);
        self.phone.transfer_finished(&request.id, &acknowledged)
    }
}
