//! The report as one self-contained HTML page.

mod axes;
mod charts;
mod markup;
mod numbers;
mod phone;
mod story;

use std::fmt::Write as _;

pub use story::{DemoStory, ItemStory, JourneyStep, Making, PhoneStory, ReasonStory, SlateStory};

use crate::report::{AbReport, Comparison, Withheld};
use markup::{percent, points, points_interval, rate_interval};
use noctule_pages::{confidence, escape};

/// What a page shows.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// Title of the document.
    pub title: &'a str,
    /// The numbers.
    pub report: &'a AbReport,
    /// What a demonstration adds to them.
    pub story: Option<&'a DemoStory>,
}

/// Draws the page.
///
/// Every text that comes from outside is escaped.
///
/// ```
/// use noctule_reports::{AbSettings, Feedback, Page, ab_report, render_html};
/// let report = ab_report(&Feedback::new("town"), &AbSettings::default())?;
/// let html = render_html(&Page { title: "Town", report: &report, story: None });
/// assert!(html.starts_with("<!doctype html>"));
/// # Ok::<(), noctule_reports::Error>(())
/// ```
#[must_use]
pub fn render_html(page: &Page<'_>) -> String {
    let Page { title, report, story } = *page;
    let mut html = String::with_capacity(64 << 10);
    hero(&mut html, report, story);
    numbers::arms(&mut html, report);
    numbers::nights(&mut html, report);
    if let Some(phone) = story.and_then(|story| story.phone.as_ref()) {
        phone::phone(&mut html, phone);
    }
    numbers::places(&mut html, report);
    numbers::coverage(&mut html, report);
    numbers::journey(&mut html, report, story.map_or(&[], |story| &story.journey));
    if let Some(story) = story {
        phone::making(&mut html, &story.making);
    }
    let page = noctule_pages::Page {
        title,
        about: &about(report),
        style: include_str!("style.css"),
        sections: &html,
        footer: &footer(report),
    };
    page.html()
}

/// What the page is about, as HTML.
fn about(report: &AbReport) -> String {
    let days = match (report.days.first(), report.days.last()) {
        (Some(first), Some(last)) if first == last => format!(" · {first}"),
        (Some(first), Some(last)) => format!(" · <span class=\"days\">{first} to {last}</span>"),
        _ => String::new(),
    };
    let experiment =
        report.experiment.as_ref().map_or(String::new(), |name| format!(" · {}", escape(name)));
    format!("{}{experiment}{days}", escape(&report.app))
}

fn hero(html: &mut String, report: &AbReport, story: Option<&DemoStory>) {
    let _ = write!(html, "<section class=\"hero\">\n<h1>{}</h1>\n", escape(&headline(report)));
    let main = report.comparisons.first();
    if let Some(verdict) = main.and_then(|comparison| verdict(report, comparison)) {
        let _ = writeln!(html, "<p class=\"verdict\">{}</p>", escape(&verdict));
    }
    for sentence in story.map_or(&[][..], |story| &story.introduction) {
        let _ = writeln!(html, "<p class=\"lead\">{}</p>", escape(sentence));
    }
    html.push_str("</section>\n");
}

/// What is left out of the report, if anything is.
#[must_use]
pub fn withheld(report: &AbReport) -> Option<String> {
    let Withheld { installations_min, arms, parts } = report.withheld;
    (arms + parts > 0).then(|| {
        format!(
            "Left out for having fewer than {installations_min} installations: {arms} arms, \
             {parts} days, contexts and positions of others."
        )
    })
}

/// The result in one sentence.
#[must_use]
pub fn headline(report: &AbReport) -> String {
    if let Some(Comparison { arm, control, acceptance, .. }) = report.comparisons.first() {
        let rate = |name: &String| {
            let arm = report.arms.iter().find(|arm| arm.name == *name);
            arm.and_then(|arm| arm.acceptance.as_ref())
                .map_or("–".into(), |rate| percent(rate.value))
        };
        let (of_arm, of_control) = (rate(arm), rate(control));
        let unclear = if acceptance.excludes_zero() { "" } else { ", no clear difference yet" };
        return format!(
            "Slates of the {arm} arm were accepted in {of_arm} of visits, those of {control} in \
             {of_control}{unclear}."
        );
    }
    match report.arms.as_slice() {
        [] if report.withheld.arms > 0 => "No arm has enough installations to tell of it.".into(),
        [] => "No experiment ran in this feedback, so there are no arms to compare.".into(),
        [arm, ..] => {
            let rate = arm.acceptance.as_ref();
            let number = rate.map_or("–".into(), |rate| percent(rate.value));
            let interval = rate.map_or("–".into(), rate_interval);
            format!("Of the visits in the {} arm {number} were accepted ({interval}).", arm.name)
        }
    }
}

fn verdict(report: &AbReport, comparison: &Comparison) -> Option<String> {
    let estimate = &comparison.acceptance;
    estimate.low?;
    Some(format!(
        "{} points, {} interval {}",
        points(estimate.value),
        confidence(report.confidence),
        points_interval(estimate)
    ))
}

/// How the figures were made, as HTML.
fn footer(report: &AbReport) -> String {
    let mut html = String::new();
    if let Some(sentence) = withheld(report) {
        let _ = writeln!(html, "<p>{}</p>", escape(&sentence));
    }
    let _ = writeln!(
        html,
        "<p>A visit is one showing of a slate to one installation. It is accepted when \
         an event of the kind <code>{}</code> follows for an item it showed. Intervals hold the \
         truth in {} of all reports; they treat installations, not visits, as independent (delta \
         method, Student’s t). Changes over time compare each installation with itself.</p>",
        escape(&report.accepted_by),
        confidence(report.confidence)
    );
    html
}
