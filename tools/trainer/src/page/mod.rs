//! Pages: runs, data and studies as self-contained HTML.

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

use noctule_pages::escape;

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
    let mut html = String::with_capacity(sections.len() + 1_024);
    let headline = escape(frame.headline);
    let _ = write!(html, "<section class=\"hero\">\n<h1>{headline}</h1>\n");
    if let Some(verdict) = frame.verdict {
        let _ = writeln!(html, "<p class=\"verdict\">{}</p>", escape(verdict));
    }
    for sentence in frame.lead {
        let _ = writeln!(html, "<p class=\"lead\">{}</p>", escape(sentence));
    }
    html.push_str("</section>\n");
    html.push_str(sections);
    let page = noctule_pages::Page {
        title: frame.title,
        about: &escape(frame.about),
        style: include_str!("style.css"),
        sections: &html,
        footer: &format!("<p>{}</p>\n", escape(frame.footer)),
    };
    page.html()
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
