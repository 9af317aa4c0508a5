//! What a demonstration tells beside the numbers.

/// The story of a run: what one phone shows, and how the numbers came about.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DemoStory {
    /// Sentences under the headline: what was played, in plain words.
    pub introduction: Vec<String>,
    /// One phone, and what it shows.
    pub phone: Option<PhoneStory>,
    /// What happened to the feedback between phone and Parquet.
    pub journey: Vec<JourneyStep>,
    /// How the page was made.
    pub making: Making,
}

/// What one phone shows at some moments of a day.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PhoneStory {
    /// Whose phone it is, in a few words (`A phone of the model arm`).
    pub owner: String,
    /// What its user likes, as the simulation knows and the phone does not.
    pub taste: Option<String>,
    /// The slates side by side.
    pub slates: Vec<SlateStory>,
}

/// One slate.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SlateStory {
    /// When (`Breakfast`).
    pub moment: String,
    /// By which clock (`Tuesday, 8:10`).
    pub clock: Option<String>,
    /// Where it came from (`fresh slate, made 5 h ago, no network`).
    pub provenance: Option<String>,
    /// The items in order.
    pub items: Vec<ItemStory>,
}

/// One recommended item.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ItemStory {
    /// Its title.
    pub title: String,
    /// What it is (`Ramen, 400 m, open until 22:00`).
    pub detail: Option<String>,
    /// Why it is there, the strongest reason first.
    pub reasons: Vec<ReasonStory>,
}

/// A reason and its part of the score.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReasonStory {
    /// In words (`because you liked Casa Luna`).
    pub text: String,
    /// Its share of the score; the shares of an item's reasons sum to 1, and one that speaks
    /// against the item is negative.
    pub share: f64,
}

/// One station of the feedback on its way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JourneyStep {
    /// What was counted (`acknowledged by the phones' disks`).
    pub label: String,
    /// How many events.
    pub events: u64,
}

/// How the page was made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Making {
    /// The command that makes it again.
    pub command: Option<String>,
    /// The seed.
    pub seed: Option<u64>,
    /// Name and value of everything else worth telling (`phones`, `120`).
    pub facts: Vec<(String, String)>,
    /// Name and seconds of each stage, in the order in which they ran.
    pub durations: Vec<(String, f64)>,
}
