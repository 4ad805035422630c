//! A drawing as text: lines, bands and words, in colours that work on light and dark pages. No scripts.

/// Distinguishable with any colour sight (Okabe and Ito, 2008), in the order of the curves.
const COLORS: [&str; 5] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00"];
const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#333}.title{font-weight:600;font-size:14px}\
    .axis{stroke:#888;fill:none}.grid{stroke:#8883;fill:none}.curve{fill:none;stroke-width:2}.band{stroke:none;\
    opacity:.2}.mark{stroke:#888;stroke-dasharray:4 3;fill:none}\
    @media(prefers-color-scheme:dark){text{fill:#ddd}.axis,.mark{stroke:#999}}";

pub(crate) fn color(index: usize) -> &'static str {
    COLORS[index % COLORS.len()]
}

/// A drawing under construction, in pixels.
#[derive(Debug)]
pub(crate) struct Svg {
    body: String,
    width: f64,
    height: f64,
}

impl Svg {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self { body: String::new(), width, height }
    }

    pub(crate) fn text(&mut self, x: f64, y: f64, class: &str, anchor: &str, words: &str) {
        let words = escaped(words);
        self.add(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" class="{class}" text-anchor="{anchor}">{words}</text>"#
        ));
    }

    pub(crate) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.add(format_args!(
            r#"<line class="{class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#
        ));
    }

    /// A colour's sample beside its name.
    pub(crate) fn sample(&mut self, x: f64, y: f64, color: &str) {
        self.add(format_args!(r#"<rect x="{x:.1}" y="{y:.1}" width="14" height="4" fill="{color}"/>"#));
    }

    pub(crate) fn curve(&mut self, color: &str, points: &[(f64, f64)]) {
        let path = path(points.iter());
        self.add(format_args!(r#"<path class="curve" stroke="{color}" d="{path}"/>"#));
    }

    /// The area between two curves.
    pub(crate) fn band(&mut self, color: &str, low: &[(f64, f64)], high: &[(f64, f64)]) {
        let path = path(low.iter().chain(high.iter().rev()));
        self.add(format_args!(r#"<path class="band" fill="{color}" d="{path}Z"/>"#));
    }

    pub(crate) fn finish(self) -> String {
        let Self { body, width, height } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" role=\"img\">\n<style>{STYLE}</style>\n{body}</svg>\n"
        )
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        self.body.push_str(&element.to_string());
        self.body.push('\n');
    }
}

fn path<'a>(points: impl Iterator<Item = &'a (f64, f64)>) -> String {
    let finite = points.filter(|(x, y)| x.is_finite() && y.is_finite());
    let words: Vec<String> = finite.map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
    if words.is_empty() { String::new() } else { format!("M{}", words.join("L")) }
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_words_and_what_is_not_finite_is_not_drawn() {
        let mut svg = Svg::new(10.0, 10.0);
        svg.text(1.0, 2.0, "title", "start", "a < b & c");
        svg.curve(color(0), &[(0.0, 1.0), (f64::NAN, 2.0), (3.0, f64::INFINITY), (4.0, 5.0)]);
        let text = svg.finish();
        assert!(text.contains("a &lt; b &amp; c") && text.contains(r#"d="M0.0 1.0L4.0 5.0""#), "{text}");
        assert!(!text.contains("NaN") && !text.contains("inf") && !text.contains("script"), "{text}");
    }
}
