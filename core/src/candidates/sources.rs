//! Which generators brought a candidate.

/// A way by which an item becomes a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generator {
    /// Nearest to the user's vector.
    Nearest,
    /// Similar to items that the user chose last.
    Similar,
    /// Popular in the context.
    Popular,
    /// New in the catalogue.
    New,
    /// A rule or an exposure of the plan asks for it.
    Rule,
}

impl Generator {
    /// All generators, in the order in which they are asked.
    pub const ALL: [Self; 5] = [Self::Nearest, Self::Similar, Self::Popular, Self::New, Self::Rule];

    /// Its name, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Similar => "similar",
            Self::Popular => "popular",
            Self::New => "new",
            Self::Rule => "rule",
        }
    }
}

/// A set of generators in one byte.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sources(u8);

impl Sources {
    /// Adds `generator`.
    pub fn add(&mut self, generator: Generator) {
        self.0 |= 1 << generator as u8;
    }

    /// Whether `generator` is in the set.
    #[must_use]
    pub fn has(self, generator: Generator) -> bool {
        self.0 & (1 << generator as u8) != 0
    }

    /// The set as it is kept: a bit for each generator, in the order of their declaration.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.0
    }

    /// The set of these bits, unless one is of no generator.
    #[must_use]
    pub fn of_bits(bits: u8) -> Option<Self> {
        let all = Generator::ALL.iter().fold(0, |all, generator| all | 1 << *generator as u8);
        (bits & !all == 0).then_some(Self(bits))
    }

    /// The generators of the set.
    pub fn iter(self) -> impl Iterator<Item = Generator> {
        Generator::ALL.into_iter().filter(move |generator| self.has(*generator))
    }
}
