//! A text in which every change has to find its place.

use super::Result;

pub(super) struct Text(String);

impl Text {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }

    /// Puts `new` in the place of `old`, which is there once.
    pub(super) fn replace(&mut self, old: &str, new: &str) -> Result<()> {
        let at = self.place_of(old)?;
        self.0.replace_range(at..at + old.len(), new);
        Ok(())
    }

    /// Puts `new` in the place of what begins with `from`, which is there once, and ends before the
    /// next `to`; gives what was there.
    pub(super) fn replace_between(&mut self, from: &str, to: &str, new: &str) -> Result<String> {
        let begins = self.place_of(from)?;
        let Some(length) = self.0[begins..].find(to) else { return Err(missing(to, 0)) };
        let was = self.0[begins..begins + length].to_owned();
        self.0.replace_range(begins..begins + length, new);
        Ok(was)
    }

    fn place_of(&self, what: &str) -> Result<usize> {
        let mut places = self.0.match_indices(what);
        match (places.next(), places.count()) {
            (Some((at, _)), 0) => Ok(at),
            (first, more) => Err(missing(what, more + usize::from(first.is_some()))),
        }
    }
}

fn missing(what: &str, count: usize) -> Box<dyn std::error::Error> {
    format!("the generator writes otherwise, {count} times and not once: {what}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_once_is_replaced() {
        let mut text = Text::new("a b c".to_owned());
        text.replace("b", "x").unwrap();
        assert_eq!(text.into_string(), "a x c");
    }

    #[test]
    fn what_is_missing_or_twice_there_is_an_error() {
        for text in ["a c", "a b b c"] {
            assert!(Text::new(text.to_owned()).replace("b", "x").is_err(), "{text}");
        }
    }

    #[test]
    fn a_span_ends_before_its_end_and_is_given_back() {
        let mut text = Text::new("one [two] three]".to_owned());
        assert_eq!(text.replace_between("[", "]", "<").unwrap(), "[two");
        assert_eq!(text.into_string(), "one <] three]");
    }
}
