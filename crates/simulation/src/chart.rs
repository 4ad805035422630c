//! Results as a drawing: when the rules take the canary back, and one rollout's evidence as it grows.

use crate::path::{Path, Point};
use crate::svg::{Svg, color};
use crate::trial::{Results, TakenBack};

const WIDTH: f64 = 760.0;
const PANEL: f64 = 260.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 44.0;

/// Three panels: how many rollouts each rule has taken back by when, one rollout's evidence of harm with its limit, and
/// the first gate's estimates with their bands.
pub fn chart(results: &Results, path: &Path) -> String {
    let mut svg = Svg::new(WIDTH, 3.0 * PANEL);
    let world = &results.summary.world;
    taken_back(&mut svg, results, world.horizon_secs);
    evidence(&mut svg, path);
    bands(&mut svg, path);
    svg.finish()
}

/// A panel's place and scales.
struct Panel {
    top: f64,
    x: Scale,
    y: Scale,
}

/// From values to pixels.
#[derive(Clone, Copy)]
struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
    from: f64,
    to: f64,
}

impl Scale {
    fn place(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            libm::log(value.max(self.low) / self.low) / libm::log(self.high / self.low)
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Round values within: powers of ten, or steps of 1, 2 or 5 times one.
    fn ticks(&self) -> Vec<f64> {
        let power = |exponent: f64| libm::pow(10.0, exponent);
        if self.logarithmic {
            let (first, last) = (libm::log10(self.low).ceil(), libm::log10(self.high).floor());
            return (0..=(last - first).max(0.0) as u32).map(|step| power(first + f64::from(step))).collect();
        }
        let span = self.high - self.low;
        let unit = power(libm::log10(span / 4.0).floor());
        let step =
            [1.0, 2.0, 5.0, 10.0].map(|times| times * unit).into_iter().find(|step| span / step <= 5.0);
        let step = step.unwrap_or(span);
        let first = (self.low / step).ceil();
        let count = (self.high / step).floor() - first;
        (0..=count.clamp(0.0, 20.0) as u32).map(|at| (first + f64::from(at)) * step).collect()
    }
}

impl Panel {
    fn new(svg: &mut Svg, number: u32, title: &str, x: (f64, f64), y: (f64, f64), logarithmic: bool) -> Self {
        let top = f64::from(number) * PANEL;
        // A span of nothing cannot be divided by.
        let wide = |(low, high): (f64, f64)| if high > low { (low, high) } else { (low, low + 1.0) };
        let ((x_low, x_high), (y_low, y_high)) = (wide(x), wide(y));
        let x = Scale { low: x_low, high: x_high, logarithmic, from: LEFT, to: WIDTH - RIGHT };
        let y =
            Scale { low: y_low, high: y_high, logarithmic: false, from: top + PANEL - BOTTOM, to: top + TOP };
        svg.text(LEFT, top + 20.0, "title", "start", title);
        Self { top, x, y }
    }

    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (self.x.place(x), self.y.place(y))
    }

    fn axes(&self, svg: &mut Svg, x_words: impl Fn(f64) -> String, y_words: impl Fn(f64) -> String) {
        let (bottom, right) = (self.y.from, self.x.to);
        for tick in self.y.ticks() {
            let y = self.y.place(tick);
            svg.line("grid", (LEFT, y), (right, y));
            svg.text(LEFT - 6.0, y + 4.0, "", "end", &y_words(tick));
        }
        for tick in self.x.ticks() {
            svg.text(self.x.place(tick), bottom + 18.0, "", "middle", &x_words(tick));
        }
        svg.line("axis", (LEFT, bottom), (right, bottom));
        svg.line("axis", (LEFT, self.y.to), (LEFT, bottom));
    }

    /// Names of the curves under the title.
    fn legend(&self, svg: &mut Svg, names: &[String]) {
        let mut x = LEFT;
        for (index, name) in names.iter().enumerate() {
            svg.sample(x, self.top + 29.0, color(index));
            svg.text(x + 18.0, self.top + 36.0, "", "start", name);
            // About as wide as the words are in this font.
            x += 30.0 + 5.9 * name.chars().count() as f64;
        }
    }
}

fn taken_back(svg: &mut Svg, results: &Results, horizon: f64) {
    let least =
        results.taken_back.iter().filter_map(|rule| rule.at_secs.first()).fold(horizon, |a, b| a.min(*b));
    let world = &results.summary.world;
    let title = format!("Rollouts taken back, {}, {} requests a second", world.name, world.rps);
    let panel = Panel::new(svg, 0, &title, (least.max(0.1) / 2.0, horizon), (0.0, 1.0), true);
    panel.axes(svg, seconds, percent);
    panel.legend(svg, &results.taken_back.iter().map(short).collect::<Vec<_>>());
    if world.has_fault() && world.onset_secs > 0.0 {
        let x = panel.x.place(world.onset_secs);
        svg.line("mark", (x, panel.y.to), (x, panel.y.from));
    }
    for (index, rule) in results.taken_back.iter().enumerate() {
        svg.curve(color(index), &steps(&panel, rule, horizon));
    }
}

/// The rule's name without what is in parentheses.
fn short(rule: &TakenBack) -> String {
    rule.rule.split(" (").next().unwrap_or_default().to_owned()
}

/// The share taken back by each moment, thinned to a few hundred points.
fn steps(panel: &Panel, rule: &TakenBack, horizon: f64) -> Vec<(f64, f64)> {
    let every = (rule.at_secs.len() / 300).max(1);
    let share = |taken: usize| taken as f64 / rule.of.max(1) as f64;
    let mut points = vec![panel.at(panel.x.low, 0.0)];
    for (taken, at) in rule.at_secs.iter().enumerate().step_by(every) {
        points.push(panel.at(*at, share(taken)));
        points.push(panel.at(*at, share(taken + 1)));
    }
    points.push(panel.at(horizon, share(rule.at_secs.len())));
    points
}

fn span(path: &Path) -> (f64, f64) {
    (0.0, path.points.last().map_or(1.0, |point| point.at_secs))
}

fn evidence(svg: &mut Svg, path: &Path) {
    let most = path.points.iter().map(|point| point.log_e_harm.max(point.harm_limit)).fold(1.0, f64::max);
    let least = path.points.iter().map(|point| point.log_e_harm).fold(-1.0, f64::min);
    // Far beyond the limit nothing changes any more.
    let limit = path.points.last().map_or(1.0, |point| point.harm_limit);
    let y = (least.max(-limit), most.min(1.5 * limit));
    let panel = Panel::new(
        svg,
        1,
        "One rollout: evidence of harm (logarithm) and where it decides",
        span(path),
        y,
        false,
    );
    panel.axes(svg, seconds, |value| format!("{value:.0}"));
    let y = panel.y.place(limit);
    svg.line("mark", (LEFT, y), (panel.x.to, y));
    svg.text(panel.x.to, y - 5.0, "", "end", "taken back");
    let points: Vec<_> = path.points.iter().map(|point| panel.at(point.at_secs, point.log_e_harm)).collect();
    svg.curve(color(0), &points);
    shares(svg, &panel, path);
}

/// A mark where the canary's share changes.
fn shares(svg: &mut Svg, panel: &Panel, path: &Path) {
    let mut before = None;
    for point in &path.points {
        if before != Some(point.share) {
            let x = panel.x.place(point.at_secs);
            svg.line("mark", (x, panel.y.to), (x, panel.y.from));
            svg.text(x + 3.0, panel.y.from - 4.0, "", "start", &percent(point.share));
            before = Some(point.share);
        }
    }
}

fn bands(svg: &mut Svg, path: &Path) {
    let known = |of: fn(&Point) -> Option<[f64; 3]>| -> Vec<(f64, [f64; 3])> {
        path.points.iter().filter_map(|point| Some((point.at_secs, of(point)?))).collect()
    };
    let arms = [known(|point| point.canary), known(|point| point.stable)];
    let most = highest(&arms);
    let title = format!("One rollout: {}, estimates with their bands", path.gate);
    let panel = Panel::new(svg, 2, &title, span(path), (0.0, most), false);
    let share = most <= 1.0;
    panel.axes(svg, seconds, |value| if share { percent(value) } else { format!("{:.0} ms", value / 1e3) });
    panel.legend(svg, &["canary".to_owned(), "stable".to_owned()]);
    for (index, arm) in arms.iter().enumerate() {
        let curve = |at: usize| arm.iter().map(|(x, band)| panel.at(*x, band[at])).collect::<Vec<_>>();
        svg.band(color(index), &curve(0), &curve(2));
        svg.curve(color(index), &curve(1));
    }
}

/// Bands are wide at first: what is drawn is what they come to in the later half, and every estimate there.
fn highest(arms: &[Vec<(f64, [f64; 3])>; 2]) -> f64 {
    let later =
        |arm: &Vec<(f64, [f64; 3])>| arm[arm.len() / 2..].iter().map(|(_, band)| band[2]).fold(0.0, f64::max);
    1.1 * arms.iter().map(later).fold(1e-6, f64::max)
}

fn seconds(value: f64) -> String {
    if value >= 1.0 { format!("{value:.0} s") } else { format!("{value} s") }
}

fn percent(share: f64) -> String {
    let percent = (share * 1e4).round() / 100.0;
    format!("{percent} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(low: f64, high: f64, logarithmic: bool) -> Scale {
        Scale { low, high, logarithmic, from: 0.0, to: 100.0 }
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(scale(0.0, 1.0, false).ticks(), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(scale(0.3, 4_000.0, true).ticks(), [1.0, 10.0, 100.0, 1_000.0]);
        assert_eq!(scale(-3.0, 7.0, false).ticks(), [-2.0, 0.0, 2.0, 4.0, 6.0]);
    }

    #[test]
    fn places_are_shares_of_the_way() {
        assert!((scale(1.0, 100.0, true).place(10.0) - 50.0).abs() < 1e-9);
        assert_eq!(scale(0.0, 4.0, false).place(1.0), 25.0);
        assert_eq!(scale(0.0, 4.0, false).place(9.0), 100.0);
    }
}
