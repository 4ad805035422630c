//! `/shop/badge.svg`: what runs and how it is, small enough for a README.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header;
use staunch_control::ServiceView;

use super::pages::escape;
use crate::app::Shared;
use crate::problem::Answer;

/// Widths are estimates: an image cannot measure its text.
const PER_CHARACTER: usize = 7;
const PADDING: usize = 12;

pub(super) async fn badge(State(app): State<Shared>, Path(name): Path<String>) -> Answer<Response> {
    let (_, view) = app.view(&name)?;
    let (says, colour) = state(&view);
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], draw(&view.name, &says, colour)).into_response())
}

fn state(view: &ServiceView) -> (String, &'static str) {
    let version = view.stable.as_deref().unwrap_or("no version");
    if let Some(rollout) = view.rollout.as_ref().filter(|rollout| rollout.active) {
        let percent = view.weight.ratio() * 100.0;
        return (format!("{version} → {} {percent:.0} %", rollout.to), "#0b57b0");
    }
    match view.health.as_str() {
        "healthy" => (format!("{version} healthy"), "#14713d"),
        other => (format!("{version} {other}"), "#b3261e"),
    }
}

fn draw(left: &str, right: &str, colour: &str) -> String {
    let wide = |text: &str| text.chars().count() * PER_CHARACTER + PADDING;
    let (first, second) = (wide(left), wide(right));
    let (whole, middle) = (first + second, first + second / 2);
    let (left, right, centre) = (escape(left), escape(right), first / 2);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{whole}\" height=\"20\" role=\"img\" aria-label=\"{left}: {right}\">\
<clipPath id=\"r\"><rect width=\"{whole}\" height=\"20\" rx=\"4\"/></clipPath><g clip-path=\"url(#r)\">\
<rect width=\"{first}\" height=\"20\" fill=\"#3a3f4a\"/><rect x=\"{first}\" width=\"{second}\" height=\"20\" fill=\"{colour}\"/></g>\
<g fill=\"#fff\" text-anchor=\"middle\" font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\">\
<text x=\"{centre}\" y=\"14\">{left}</text><text x=\"{middle}\" y=\"14\">{right}</text></g></svg>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::draw;

    #[test]
    fn a_label_cannot_become_markup() {
        let drawn = draw("shop", "<script>v1</script> healthy", "#14713d");
        assert!(!drawn.contains("<script>") && drawn.contains("&lt;script&gt;"), "{drawn}");
        assert!(drawn.starts_with("<svg ") && drawn.trim_end().ends_with("</svg>"));
    }
}
