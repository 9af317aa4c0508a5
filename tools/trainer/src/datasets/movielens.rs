//! The MovieLens layout: `ratings.csv` (userId, movieId, rating, timestamp in Unix seconds) and
//! `movies.csv` (movieId, title, genres separated by `|`), as GroupLens publishes them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use noctule_core::base::ItemId;
use noctule_core::base::limits::ITEMS_MAX;
use noctule_core::catalogue::{AttributeValue, Item};

use super::table::{Encoding, Row, Table, shortened};
use super::{Interaction, Interactions, Names, ReadCounts};
use crate::{Error, Result};

/// Ratings from here count as "liked it": 4 of 5 stars, the usual binarisation of MovieLens
/// (for instance Liang et al., WWW 2018).
pub const POSITIVE_RATING: f64 = 4.0;

/// Reads `ratings.csv` and `movies.csv` in `directory`. Every film of `movies.csv` is in the
/// catalogue; ratings below [`POSITIVE_RATING`] and repeated pairs are counted and left out.
///
/// # Errors
/// Typed errors that name the file, line and column: see [`Error`].
pub fn read_movielens(directory: &Path) -> Result<Interactions> {
    let mut counts = ReadCounts::default();
    let (items, index) = read_movies(&directory.join("movies.csv"), &mut counts)?;
    let path = directory.join("ratings.csv");
    let columns = ["userId", "movieId", "rating", "timestamp"];
    let mut table = Table::open(&path, Encoding::Utf8, &columns)?;
    let (mut users, mut events, mut seen) = (Names::default(), Vec::new(), HashSet::new());
    while let Some(row) = table.next_row()? {
        let (rating, at_ms) = (row.number(2)?, milliseconds(&row)?);
        let Some(item) = index.get(row.text(1)).copied() else {
            let reason = format!("{:?} is not in movies.csv", shortened(row.text(1)));
            return Err(row.error(1, reason));
        };
        if !(0.0..=5.0).contains(&rating) {
            return Err(row.error(2, format!("{rating} is not between 0 and 5")));
        }
        let user = users.index(user_name(&row)?);
        if !seen.insert((user, item)) {
            counts.duplicates += 1;
        } else if rating < POSITIVE_RATING {
            counts.not_positive += 1;
        } else {
            events.push(Interaction { user, item, at_ms: Some(at_ms), context: None, weight: 1.0 });
        }
    }
    Ok(Interactions { users: users.names, places: Vec::new(), items, events, counts })
}

fn user_name<'a>(row: &'a Row<'_>) -> Result<&'a str> {
    match row.text(0) {
        "" => Err(row.error(0, "is empty")),
        name => Ok(name),
    }
}

fn milliseconds(row: &Row<'_>) -> Result<i64> {
    let seconds: i64 = row.value(3)?;
    seconds.checked_mul(1_000).ok_or_else(|| row.error(3, "is out of range"))
}

fn read_movies(path: &Path, counts: &mut ReadCounts) -> Result<(Vec<Item>, HashMap<String, u32>)> {
    let mut table = Table::open(path, Encoding::Utf8, &["movieId", "title", "genres"])?;
    let (mut items, mut index) = (Vec::new(), HashMap::new());
    while let Some(row) = table.next_row()? {
        let id = ItemId::new(row.text(0)).map_err(|error| row.error(0, error.to_string()))?;
        if index.contains_key(row.text(0)) {
            counts.duplicates += 1;
            continue;
        }
        if items.len() == ITEMS_MAX {
            let (path, limit) = (path.to_path_buf(), ITEMS_MAX as u64);
            return Err(Error::TooLarge { path, what: "number of films", found: limit + 1, limit });
        }
        let genres = row.text(2).split('|').map(str::trim);
        let genres: Vec<String> = genres
            .filter(|genre| !genre.is_empty() && *genre != "(no genres listed)")
            .map(str::to_owned)
            .collect();
        let mut attributes = BTreeMap::new();
        if !genres.is_empty() {
            attributes.insert("genres".to_owned(), AttributeValue::Words(genres));
        }
        index.insert(row.text(0).to_owned(), items.len() as u32);
        let title = row.text(1).to_owned();
        items.push(Item { id, title, attributes, place: None, hours: Vec::new(), available: true });
    }
    Ok((items, index))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(movies: &[u8], ratings: &[u8]) -> Result<Interactions> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("movies.csv"), movies).unwrap();
        std::fs::write(directory.path().join("ratings.csv"), ratings).unwrap();
        read_movielens(directory.path())
    }

    const MOVIES: &[u8] = b"movieId,title,genres\n1,\"Story, A (1995)\",Comedy|Drama\n2,B,\n";

    #[test]
    fn liked_films_become_events_and_the_rest_is_counted() {
        let ratings = b"userId,movieId,rating,timestamp\n7,2,4.0,10\n7,1,2.5,11\n7,2,5.0,12\n";
        let data = read(MOVIES, ratings).unwrap();
        assert_eq!(data.users, ["7"]);
        assert_eq!(data.items[0].title, "Story, A (1995)");
        assert_eq!(data.items[0].words("genres").collect::<Vec<_>>(), ["Comedy", "Drama"]);
        assert_eq!(data.counts, ReadCounts { duplicates: 1, not_positive: 1 });
        let event = data.events[0];
        assert_eq!((data.events.len(), event.item, event.at_ms), (1, 1, Some(10_000)));
    }

    #[test]
    fn an_unknown_film_a_rating_out_of_range_and_a_bad_time_are_errors_of_their_field() {
        for (row, name) in
            [("7,9,4,1", "movieId"), ("7,1,50,1", "rating"), ("7,1,4,1e9", "timestamp")]
        {
            let ratings = format!("userId,movieId,rating,timestamp\n{row}\n");
            let error = read(MOVIES, ratings.as_bytes()).unwrap_err();
            assert!(
                matches!(&error, Error::Field { line: 2, field, .. } if field == name),
                "{error}"
            );
        }
        assert!(matches!(read(MOVIES, b""), Err(Error::Empty { .. })));
    }
}
