//! The sections that tell a demonstration's story.

use std::fmt::Write as _;

use noctule_pages::escape;

use super::story::{ItemStory, Making, PhoneStory, ReasonStory, SlateStory};

/// What one phone shows, and why.
pub(super) fn phone(html: &mut String, phone: &PhoneStory) {
    html.push_str("<section>\n<h2>What one phone shows</h2>\n");
    let taste = phone.taste.as_ref().map_or(String::new(), |taste| format!(" {}", escape(taste)));
    let _ = write!(html, "<p>{}{taste}</p>\n<div class=\"slates\">\n", escape(&phone.owner));
    for slate in &phone.slates {
        slate_card(html, slate);
    }
    html.push_str(
        "</div>\n<p class=\"soft\">Percentages are shares of the score, taken apart exactly: they \
         sum to 100\u{a0}%.</p>\n</section>\n",
    );
}

fn slate_card(html: &mut String, slate: &SlateStory) {
    let about: Vec<String> =
        [&slate.clock, &slate.provenance].into_iter().flatten().map(|text| escape(text)).collect();
    let _ = write!(
        html,
        "<article class=\"slate\"><header><h3>{}</h3><small>{}</small></header>\n\
         <ol class=\"items\">\n",
        escape(&slate.moment),
        about.join(" · ")
    );
    for item in &slate.items {
        item_row(html, item);
    }
    html.push_str("</ol></article>\n");
}

fn item_row(html: &mut String, item: &ItemStory) {
    let detail = item
        .detail
        .as_ref()
        .map_or(String::new(), |detail| format!("<small>{}</small>", escape(detail)));
    let _ = write!(html, "<li><div class=\"item\">{}</div>{detail}", escape(&item.title));
    if !item.reasons.is_empty() {
        shares(html, &item.reasons);
        html.push_str("<ul class=\"reasons\">");
        for ReasonStory { text, share } in &item.reasons {
            let sign = if *share < 0.0 { "\u{2212}" } else { "" };
            let _ = write!(
                html,
                "<li><span>{}</span><b>{sign}{:.0}\u{a0}%</b></li>",
                escape(text),
                share.abs() * 100.0
            );
        }
        html.push_str("</ul>");
    }
    html.push_str("</li>\n");
}

/// The shares as one bar. What speaks against an item has no room in it and stands in the list.
fn shares(html: &mut String, reasons: &[ReasonStory]) {
    let positive = || reasons.iter().map(|reason| reason.share).filter(|share| *share > 0.0);
    let total: f64 = positive().sum();
    if total <= 0.0 || !total.is_finite() {
        return;
    }
    html.push_str("<div class=\"shares\" aria-hidden=\"true\">");
    for share in positive() {
        let _ = write!(html, "<i style=\"width:{:.1}%\"></i>", share / total * 100.0);
    }
    html.push_str("</div>");
}

/// How the page was made.
pub(super) fn making(html: &mut String, making: &Making) {
    html.push_str("<section>\n<h2>How this was made</h2>\n<dl>\n");
    let mut entry = |name: &str, value: &str| {
        let _ = writeln!(html, "<dt>{}</dt><dd>{value}</dd>", escape(name));
    };
    if let Some(command) = &making.command {
        entry("Command", &format!("<code>{}</code>", escape(command)));
    }
    if let Some(seed) = making.seed {
        entry("Seed", &seed.to_string());
    }
    for (name, value) in &making.facts {
        entry(name, &escape(value));
    }
    for (name, seconds) in &making.durations {
        entry(name, &format!("{seconds:.1}\u{a0}s"));
    }
    html.push_str("</dl>\n</section>\n");
}
