/// A number for a sentence: four significant digits.
pub(super) fn brief(value: f64) -> String {
    let short = format!("{value:.3e}").parse().unwrap_or(value);
    format!("{short:?}").trim_end_matches(".0").to_owned()
}
