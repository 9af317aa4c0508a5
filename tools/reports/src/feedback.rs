//! Feedback in memory: rows of numbers, and one table of the words in them.

use std::collections::HashMap;
use std::sync::Arc;

/// A word of a [`Feedback`]: an installation, an item, a kind, …
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Word(u32);

/// One feedback event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FeedbackRow {
    /// The installation.
    pub installation: Word,
    /// Number of the event within the installation, from 1.
    pub sequence: u64,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// What happened.
    pub kind: Word,
    /// To which item.
    pub item: Word,
    /// On which surface.
    pub surface: Option<Word>,
    /// In which context.
    pub context: Option<Word>,
    /// Position in the slate, from 0.
    pub position: Option<u32>,
    /// Generation of the slate.
    pub generation: Option<u64>,
    /// Propensity of the slot.
    pub propensity: Option<f64>,
    /// Arm of the experiment.
    pub arm: Option<Word>,
    /// The experiment.
    pub experiment: Option<Word>,
}

/// The feedback of one app, in the order of installations and sequence numbers.
#[derive(Debug, Clone, Default)]
pub struct Feedback {
    app: String,
    words: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
    rows: Vec<FeedbackRow>,
    sorted: bool,
}

impl Feedback {
    /// No feedback of `app` yet.
    #[must_use]
    pub fn new(app: impl Into<String>) -> Self {
        Self { app: app.into(), sorted: true, ..Self::default() }
    }

    /// The app.
    #[must_use]
    pub fn app(&self) -> &str {
        &self.app
    }

    /// The word for `text`, added when it is new.
    pub fn word(&mut self, text: &str) -> Word {
        if let Some(number) = self.numbers.get(text) {
            return Word(*number);
        }
        let text: Arc<str> = Arc::from(text);
        // Rows are bounded below 2^28 with at most seven words each, so that 32 bits do.
        let number = self.words.len() as u32;
        self.words.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        Word(number)
    }

    /// The word for `text`, if any row may hold it.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<Word> {
        self.numbers.get(text).copied().map(Word)
    }

    /// The text of a word of this feedback; empty for a word of another.
    #[must_use]
    pub fn text(&self, word: Word) -> &str {
        self.words.get(word.0 as usize).map_or("", |text| text)
    }

    /// Adds a row.
    pub fn push(&mut self, row: FeedbackRow) {
        let key = |row: &FeedbackRow| (row.installation, row.sequence);
        self.sorted &= self.rows.last().is_none_or(|last| key(last) <= key(&row));
        self.rows.push(row);
    }

    /// Puts the rows in order; reading does it by itself.
    pub fn sort(&mut self) {
        if !self.sorted {
            self.rows.sort_by_key(|row| (row.installation, row.sequence));
            self.sorted = true;
        }
    }

    /// All rows, repeated ones included.
    #[must_use]
    pub fn rows(&self) -> &[FeedbackRow] {
        &self.rows
    }

    /// The rows without those that repeat the installation and number of one before.
    pub fn distinct(&self) -> impl Iterator<Item = &FeedbackRow> {
        let before = std::iter::once(None).chain(self.rows.iter().map(Some));
        self.rows.iter().zip(before).filter_map(|(row, before)| {
            let repeats = before.is_some_and(|before| {
                (before.installation, before.sequence) == (row.installation, row.sequence)
            });
            (!repeats).then_some(row)
        })
    }
}
