//! The command line.

use clap::{Parser, Subcommand};

use crate::commands::{
    answers, audit, checks, collect, compare, data, delta, doctor, evaluate, feedback, forget,
    import, inspect, night, pack, recommend, record, registry, replay, report, retrain_study,
    simulate, starter, train, trust, update, verify,
};
use crate::demo;

/// Recommendations that are made on the phone, at night, while it charges.
#[derive(Debug, Parser)]
#[command(
    name = "noctule",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  noctule demo                              the whole story, from a town to a report
  noctule demo --data ml-latest-small       the same on your own data
  noctule simulate town town                data to try the other commands on
  noctule train town --output model
  noctule pack --new-key release.key
  noctule pack model --app town --key release.key --output release
  noctule night profile --app town --release release --public-key release.key.pub
  noctule recommend profile --app town --surface home

Exit codes: 0 done, 1 failed, 2 wrong usage, 65 a release failed its own checks."
)]
pub(crate) struct Arguments {
    /// Print results as JSON on standard output.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play one night from end to end: town, training, phones, collector, report.
    Demo(demo::Demo),
    /// Train a model on a directory of interactions.
    Train(train::Train),
    /// Measure models on the last choice of each user.
    Evaluate(evaluate::Evaluate),
    /// Show what a data set looks like, and what its splits leak.
    Data(data::Data),
    /// Test whether one run is better than another for the same users.
    Compare(compare::Compare),
    /// Find out how often to retrain, from your own data.
    RetrainStudy(retrain_study::RetrainStudy),
    /// Make a model of weights that were trained elsewhere.
    Import(import::Import),
    /// Pack and sign a release, or make a new key.
    Pack(pack::Pack),
    /// Write what changed between two releases.
    Delta(delta::Delta),
    Starter(starter::Starter),
    /// Verify a release as a phone would, and put its checks to it.
    Verify(verify::Verify),
    /// Run the checks of a release, or draft some.
    Checks(checks::ChecksCommand),
    /// Make, rotate and sign the root of a repository.
    Trust(trust::Trust),
    /// Show what a release consists of.
    Inspect(inspect::Inspect),
    /// Keep releases in a folder or an object store.
    Registry(registry::Registry),
    /// Run the night job on a profile.
    Night(night::Night),
    /// Say what is wrong with a profile, and what to do.
    Doctor(doctor::Doctor),
    /// Fetch and install the newest release that a repository offers.
    Update(update::Update),
    /// Ask a profile for recommendations.
    Recommend(recommend::Recommend),
    /// Record feedback events in a profile.
    Record(record::Record),
    /// Take feedback over HTTP and write Parquet.
    Collect(collect::Collect),
    /// Delete everything of installations from what a collector wrote.
    ForgetInstallation(forget::ForgetInstallation),
    /// Export a slate with everything it was made from, with the user's consent.
    ExportReplay(replay::ExportReplay),
    /// Compute a published slate again, and show why each item stands where it does.
    Replay(replay::Replay),
    /// Report on the feedback that a collector wrote.
    Report(report::Report),
    /// Count feedback and its acceptance by any columns.
    Feedback(feedback::Feedback),
    /// Say what arrived of the feedback, what is missing, how late, and whose clock is off.
    Audit(audit::Audit),
    Answers(answers::Answers),
    /// Make a town, or let a fleet of phones live in it.
    Simulate(simulate::Simulate),
}
