//! Pages: runs, data and studies as self-contained HTML.
//!
//! Nothing is loaded from anywhere: styles and charts are in the file, and there is no script. A
//! page follows the reader's colour scheme and fits a phone's screen.

mod charts;
mod data;
mod fairness;
mod figures;
mod markup;
mod origin;
mod quantisation;
mod run;
mod study;

use std::fmt::Write as _;

pub use data::data_page;
pub use run::run_page;
pub use study::{study_headline, study_page};

use markup::escape;

/// What every page has around its sections.
struct Frame<'a> {
    title: &'a str,
    /// Right in the head line.
    about: &'a str,
    headline: &'a str,
    verdict: Option<&'a str>,
    lead: &'a [String],
    /// Below everything: how figures were made.
    footer: &'a str,
}

/// A page of `sections`, which are HTML already; the texts of the frame are escaped here. Writing
/// to a string cannot fail, here and in the sections.
fn page(frame: &Frame<'_>, sections: &str) -> String {
    let mut html = String::with_capacity(sections.len() + (16 << 10));
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n\
         <style>\n{}</style>\n</head>\n<body>\n<div class=\"sky\">\n\
         <header>\n<svg viewBox=\"0 0 24 24\" aria-hidden=\"true\">\
         <path d=\"M21 14.6A9.2 9.2 0 1 1 10.9 2.8a7.4 7.4 0 0 0 10.1 11.8z\"/></svg>\
         <b>Noctule</b><span class=\"about\">{}</span>\n</header>\n<main>\n\
         <section class=\"hero\">\n<h1>{}</h1>\n",
        escape(frame.title),
        include_str!("style.css"),
        escape(frame.about),
        escape(frame.headline),
    );
    if let Some(verdict) = frame.verdict {
        let _ = writeln!(html, "<p class=\"verdict\">{}</p>", escape(verdict));
    }
    for sentence in frame.lead {
        let _ = writeln!(html, "<p class=\"lead\">{}</p>", escape(sentence));
    }
    let _ = write!(
        html,
        "</section>\n{sections}</main>\n<footer>\n<p>{}</p>\n</footer>\n</div>\n</body>\n</html>\n",
        escape(frame.footer)
    );
    html
}

fn table_head(html: &mut String, caption: &str, columns: &[String]) {
    let _ = write!(
        html,
        "<div class=\"scroll\"><table>\n<caption>{}</caption>\n<thead><tr>",
        escape(caption)
    );
    for column in columns {
        let _ = write!(html, "<th scope=\"col\">{}</th>", escape(column));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
}

fn table_end(html: &mut String) {
    html.push_str("</tbody></table></div>\n");
}

/// A name with the dot of its colour.
fn key(colour: usize, name: &str) -> String {
    format!("<span class=\"key c{}\">{}</span>", colour % charts::COLOURS, escape(name))
}

fn figure(html: &mut String, chart: &str, caption: &str) {
    let _ = writeln!(html, "<figure>{chart}<figcaption>{}</figcaption></figure>", escape(caption));
}

fn list(html: &mut String, lines: &[String]) {
    html.push_str("<ul class=\"warnings\">\n");
    for line in lines {
        let _ = writeln!(html, "<li>{}</li>", escape(line));
    }
    html.push_str("</ul>\n");
}

fn percent_of(confidence: f64) -> String {
    let percent = (confidence * 1_000.0).round() / 10.0;
    format!("{percent}\u{a0}%")
}
