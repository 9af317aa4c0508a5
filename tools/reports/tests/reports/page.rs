//! The page and the other outputs.

use noctule_reports::{
    AbReport, AbSettings, DemoStory, ItemStory, JourneyStep, Making, Page, PhoneStory, ReasonStory,
    SlateStory, ab_report, headline, render_csv, render_html,
};

use crate::fixture::{Event, Phone, feedback};

const HOSTILE: &str = "<script>alert(\"1\")</script>&'";

/// A report of two arms over three days, whose names are what `names` says.
fn report(names: [&'static str; 2]) -> AbReport {
    let phones = (0..20).map(|index| {
        let mut phone = Phone::new(index.to_string(), names[index % 2]);
        for day in 0..3 {
            phone.show(day, "breakfast", &["cafe", "bakery"]);
            // The first arm accepts more, and more every day.
            if (index as i64 / 2 + day) % (if index % 2 == 0 { 4 - day } else { 5 }) == 0 {
                phone.event("conversion", day, "breakfast", "cafe");
            }
        }
        phone
    });
    let events: Vec<Event> = phones.flat_map(|phone| phone.events).collect();
    let settings = AbSettings { control: Some(names[1].into()), ..AbSettings::default() };
    ab_report(&feedback(&events), &settings).unwrap()
}

fn story(text: &str) -> DemoStory {
    let text = || text.to_owned();
    let reasons =
        vec![ReasonStory { text: text(), share: 1.2 }, ReasonStory { text: text(), share: -0.2 }];
    let item = ItemStory { title: text(), detail: Some(text()), reasons };
    DemoStory {
        introduction: vec![text()],
        phone: Some(PhoneStory {
            owner: text(),
            taste: Some(text()),
            slates: vec![SlateStory {
                moment: text(),
                clock: Some(text()),
                provenance: Some(text()),
                items: vec![item],
            }],
        }),
        journey: vec![JourneyStep { label: text(), events: 1_234_567 }],
        making: Making {
            command: Some(text()),
            seed: Some(7),
            facts: vec![(text(), text())],
            durations: vec![(text(), 1.25)],
        },
    }
}

/// Tags of a page in order, without attributes and without those that close themselves.
fn tags(html: &str) -> Vec<String> {
    let body = &html[html.find("<body>").unwrap()..];
    body.split('<')
        .skip(1)
        .filter(|tag| !tag.split('>').next().unwrap().ends_with('/'))
        .map(|tag| tag.split([' ', '>', '\n']).next().unwrap().to_owned())
        .collect()
}

#[test]
fn everything_foreign_is_escaped() {
    let report = report([HOSTILE, "<b>"]);
    let html = render_html(&Page { title: HOSTILE, report: &report, story: Some(&story(HOSTILE)) });
    assert!(!html.contains("<script"), "a script came in");
    assert!(!tags(&html).contains(&"b>".to_owned()));
    assert!(html.contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;"));
}

#[test]
fn the_page_loads_nothing_and_runs_nothing() {
    let report = report(["model", "baseline"]);
    let html = render_html(&Page { title: "Town", report: &report, story: Some(&story("x")) });
    for foreign in ["http:", "https:", "src=", "@import", "url(", "<script", "<link", " on"] {
        let found = html.find(foreign).map(|at| &html[at.saturating_sub(30)..at + 20]);
        let in_words = found.is_some_and(|_| foreign == " on");
        assert!(found.is_none() || in_words, "{foreign}: {found:?}");
    }
}

#[test]
fn every_tag_is_closed_in_its_turn() {
    let report = report(["model", "baseline"]);
    for story in [None, Some(&story("x"))] {
        let html = render_html(&Page { title: "Town", report: &report, story });
        let mut open: Vec<String> = Vec::new();
        for tag in tags(&html) {
            match tag.strip_prefix('/') {
                Some("html") => {}
                Some(closed) => assert_eq!(open.pop().as_deref(), Some(closed)),
                None => open.push(tag),
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }
}

#[test]
fn the_page_can_be_read_without_seeing_it() {
    let report = report(["model", "baseline"]);
    let html = render_html(&Page { title: "Town", report: &report, story: Some(&story("x")) });
    assert!(html.contains("<html lang=\"en\">") && html.contains("<title>Town</title>"));
    assert_eq!(html.matches("<table>").count(), html.matches("<caption>").count());
    let charts = html.matches("<svg class=\"chart").count();
    assert!(charts >= 6, "{charts}");
    assert_eq!(charts, html.matches("role=\"img\" aria-label=\"").count());
    assert_eq!(html.matches("<h1>").count(), 1);
    assert!(html.contains("prefers-color-scheme: dark"));
}

#[test]
fn the_numbers_of_the_report_are_on_the_page() {
    let report = report(["model", "baseline"]);
    let html = render_html(&Page { title: "Town", report: &report, story: None });
    for arm in &report.arms {
        let rate = arm.acceptance.unwrap();
        assert!(html.contains(&format!("{:.1}\u{a0}%", rate.value * 100.0)));
        let interval = (rate.low.unwrap() * 100.0, rate.high.unwrap() * 100.0);
        assert!(html.contains(&format!("{:.1} to {:.1}\u{a0}%", interval.0, interval.1)));
    }
    assert!(html.contains(&headline(&report)));
    assert!(!html.contains("How this was made"), "there is no story to tell");
}

#[test]
fn feedback_without_an_experiment_gives_a_page_that_says_so() {
    let report = ab_report(&feedback(&[]), &AbSettings::default()).unwrap();
    let html = render_html(&Page { title: "Town", report: &report, story: None });
    assert!(html.contains("No experiment ran"));
    assert!(!html.contains("NaN") && !html.contains("inf"), "{html}");
    assert_eq!(render_csv(&report).lines().count(), 1);
}

#[test]
fn json_and_csv_hold_the_same_rates() {
    let report = report(["model", "baseline"]);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!((&json["schema"], &json["days"][0]), (&1.into(), &"2026-11-20".into()));
    let csv = render_csv(&report);
    let columns = csv.lines().next().unwrap().split(',').count();
    assert!(csv.lines().all(|line| line.split(',').count() == columns));
    for (index, arm) in report.arms.iter().enumerate() {
        let prefix = format!("{},acceptance,,{},{},", arm.name, arm.accepted, arm.visits);
        let row = csv.lines().find(|line| line.starts_with(&prefix)).unwrap();
        let value: f64 = row.split(',').nth(5).unwrap().parse().unwrap();
        assert_eq!(json["arms"][index]["acceptance"]["value"].as_f64(), Some(value));
    }
    assert!(csv.contains("model,acceptance_minus_control,baseline,,,"));
}

#[test]
fn the_same_feedback_gives_the_same_bytes() {
    let render = || {
        let report = report(["model", "baseline"]);
        render_html(&Page { title: "Town", report: &report, story: None }) + &render_csv(&report)
    };
    assert_eq!(render(), render());
}
