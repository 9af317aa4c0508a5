//! Groups of items or users that ought to be served alike.

/// Which side is grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Items.
    Items,
    /// Users.
    Users,
}

/// A group of each item or user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    /// Which side.
    pub side: Side,
    /// Names of the groups.
    pub names: Vec<String>,
    /// The group of each, by index; none where it is not known.
    pub of: Vec<Option<u16>>,
}
