//! The page of a study of retraining.

use std::fmt::Write as _;

use noctule_core::base::Day;

use noctule_pages::{confidence, count};

use super::charts::{self, Series};
use super::markup::{difference, interval, number};
use super::{Frame, figure, list, page, table_end, table_head};
use crate::study::{Study, StudyPoint};

/// What a point is called.
type Label = dyn Fn(&StudyPoint) -> String;

/// Draws the page of `study` of the data called `name`.
#[must_use]
pub fn study_page(name: &str, study: &Study) -> String {
    let mut sections = String::new();
    if !study.warnings.is_empty() {
        sections.push_str("<section>\n<h2>What to know</h2>\n");
        list(&mut sections, &study.warnings);
        sections.push_str("</section>\n");
    }
    let model = study.settings.model.name();
    let k = study.settings.evaluation.k;
    let days = |point: &StudyPoint| format!("{} days", point.at);
    let share = |point: &StudyPoint| format!("{} %", point.at * 100.0);
    let parts: [(&str, &str, &[StudyPoint], &Label); 2] = [
        ("As the model ages", "Age", &study.ages, &days),
        ("With a shorter history", "Newest part", &study.shares, &share),
    ];
    for (title, column, points, text) in parts {
        if points.is_empty() {
            continue;
        }
        let _ = writeln!(sections, "<section>\n<h2>{title}</h2>");
        // Equal steps: ages of a week and a quarter would lie at the two ends otherwise.
        let names: Vec<(f64, String)> =
            points.iter().enumerate().map(|(at, point)| (at as f64, text(point))).collect();
        let series = [
            series(model, points, |point| point.ndcg),
            series("popularity", points, |point| point.popularity),
        ];
        let label = format!("NDCG@{k} by {}", column.to_lowercase());
        let caption = format!("{label}; bands are intervals.");
        figure(&mut sections, &charts::lines(&label, &series, &names), &caption);
        table(&mut sections, column, points, text, k);
        sections.push_str("</section>\n");
    }
    let lead = vec![format!(
        "Tested on {} users who chose from {} to {}. What a user's device knows is as fresh for \
         every age; only the model is older.",
        count(study.users as u64),
        Day::at(study.from_ms, 0),
        Day::at(study.to_ms, 0)
    )];
    let footer = format!(
        "Intervals hold the truth in {} of all studies; users are drawn anew. What is lost is \
         compared user by user.",
        confidence(study.settings.bootstrap.confidence)
    );
    let title = format!("Retraining on {name} – Noctule");
    let headline = study_headline(study);
    let frame = Frame {
        title: &title,
        about: name,
        headline: &headline,
        verdict: None,
        lead: &lead,
        footer: &footer,
    };
    page(&frame, &sections)
}

/// The result in one sentence.
#[must_use]
pub fn study_headline(study: &Study) -> String {
    let fresh = study.ages.first().map_or(0.0, |point| point.ndcg.value + point.lost.value);
    let clear = study.ages.iter().find(|point| point.lost.low > 0.0);
    match (clear, study.ages.last()) {
        (Some(point), _) => format!(
            "A model that is {} days old loses {:.1}\u{a0}% of the NDCG of a fresh one, the \
             youngest age at which the loss is clear.",
            point.at,
            100.0 * point.lost.value / fresh.max(f64::MIN_POSITIVE)
        ),
        (None, Some(oldest)) => {
            format!("Up to an age of {} days no loss is clear.", oldest.at)
        }
        (None, None) => "No age could be studied.".into(),
    }
}

fn series(
    name: &str,
    points: &[StudyPoint],
    estimate: impl Fn(&StudyPoint) -> crate::evaluation::Estimate,
) -> Series {
    let places = points.iter().enumerate();
    Series {
        name: name.to_owned(),
        points: places.map(|(at, point)| (at as f64, estimate(point).value)).collect(),
        ends: points.iter().map(|point| (estimate(point).low, estimate(point).high)).collect(),
    }
}

fn table(html: &mut String, column: &str, points: &[StudyPoint], text: &Label, k: usize) {
    let ndcg = format!("NDCG@{k}");
    let head = [column, "Training events", "Items known", &ndcg, "Lost", "Popularity"];
    table_head(html, "Against a fresh model on all history", &head.map(String::from));
    for point in points {
        let _ = writeln!(
            html,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{:.1}\u{a0}%</td><td>{}<small>{}</small>\
             </td><td>{}<small>{} to {}</small></td><td>{}</td></tr>",
            text(point),
            count(point.events as u64),
            point.known_items * 100.0,
            number(point.ndcg.value),
            interval(&point.ndcg),
            difference(point.lost.value),
            difference(point.lost.low),
            difference(point.lost.high),
            number(point.popularity.value)
        );
    }
    table_end(html);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::Estimate;
    use crate::study::StudySettings;

    fn point(at: f64, ndcg: f64, lost: f64) -> StudyPoint {
        let estimate =
            |value: f64| Estimate { value, low: value - 0.01, high: value + 0.01, users: 9 };
        StudyPoint {
            at,
            events: 1_000,
            known_items: 0.9,
            ndcg: estimate(ndcg),
            lost: estimate(lost),
            popularity: estimate(0.05),
        }
    }

    fn study(ages: Vec<StudyPoint>) -> Study {
        Study {
            settings: StudySettings::default(),
            from_ms: 0,
            to_ms: 86_400_000,
            users: 9,
            new_users: 0,
            ages,
            shares: Vec::new(),
            warnings: vec!["<b>".into()],
        }
    }

    #[test]
    fn the_headline_names_the_first_age_at_which_the_loss_is_clear() {
        let ages = vec![point(0.0, 0.2, 0.0), point(7.0, 0.19, 0.01), point(30.0, 0.15, 0.05)];
        let headline = study_headline(&study(ages));
        assert!(headline.contains("30 days old loses 25.0"), "{headline}");
        let none = study_headline(&study(vec![point(0.0, 0.2, 0.0), point(7.0, 0.2, 0.0)]));
        assert!(none.contains("age of 7 days no loss"), "{none}");
    }

    #[test]
    fn a_page_is_whole_and_what_comes_from_outside_is_escaped() {
        let page = study_page("<script>", &study(vec![point(0.0, 0.2, 0.0), point(7.0, 0.1, 0.1)]));
        assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
        assert!(
            !page.contains("<script") && !page.contains("<b>&lt;") && page.contains("&lt;b&gt;")
        );
        assert!(!page.contains("http") && !page.contains("NaN"));
    }
}
