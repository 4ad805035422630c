//! Brent's root finder, as the published judge uses it.
//!
//! The statistic it searches is a step function, so what it returns depends on the path it takes: each comparison and
//! each order of operations here is that of R's `zeroin` (after Brent, Algorithms for Minimization Without Derivatives,
//! chapter 4).

/// In the unit of the argument, whatever that is.
const ABSOLUTE_TOLERANCE: f64 = 1e-4;
const STEPS: usize = 1_001;

#[derive(Clone, Copy, PartialEq)]
struct Point {
    at: f64,
    value: f64,
}

impl Point {
    fn of(at: f64, function: &impl Fn(f64) -> Option<f64>) -> Option<Self> {
        Some(Self { at, value: function(at)? })
    }

    /// Equal to zero to one unit in the last place.
    fn is_root(self) -> bool {
        self.value.abs() <= f64::from_bits(1)
    }

    fn same_side(self, other: Self) -> bool {
        (self.value > 0.0 && other.value > 0.0) || (self.value < 0.0 && other.value < 0.0)
    }
}

/// Where `function` changes its sign between `low` and `high`, found from above; None where it has no value.
pub(super) fn zeroin(low: f64, high: f64, function: impl Fn(f64) -> Option<f64>) -> Option<f64> {
    let (mut previous, mut best) = (Point::of(low, &function)?, Point::of(high, &function)?);
    let mut opposite = previous;
    if let Some(root) = [previous, best].into_iter().find(|point| point.is_root()) {
        return Some(root.at);
    }
    for _ in 0..STEPS {
        let last_step = best.at - previous.at;
        if opposite.value.abs() < best.value.abs() {
            (previous, best, opposite) = (best, opposite, best);
        }
        let tolerance = 2.0 * f64::EPSILON * best.at.abs() + ABSOLUTE_TOLERANCE / 2.0;
        let halving = (opposite.at - best.at) / 2.0;
        if halving.abs() <= tolerance || best.is_root() {
            break;
        }
        let step = interpolated(previous, best, opposite, last_step, tolerance).unwrap_or(halving);
        previous = best;
        best = Point::of(best.at + at_least(step, tolerance), &function)?;
        if best.same_side(opposite) {
            opposite = previous;
        }
    }
    Some(best.at)
}

/// A step by linear or inverse quadratic interpolation, if it stays well inside the bracket and shrinks fast enough.
fn interpolated(
    previous: Point,
    best: Point,
    opposite: Point,
    last_step: f64,
    tolerance: f64,
) -> Option<f64> {
    if last_step.abs() < tolerance || previous.value.abs() <= best.value.abs() {
        return None;
    }
    let width = opposite.at - best.at;
    let (p, q) = if previous.at == opposite.at {
        let t = best.value / previous.value;
        (width * t, 1.0 - t)
    } else {
        let (q, t1, t2) =
            (previous.value / opposite.value, best.value / opposite.value, best.value / previous.value);
        let p = t2 * (width * q * (q - t1) - (best.at - previous.at) * (t1 - 1.0));
        (p, (q - 1.0) * (t1 - 1.0) * (t2 - 1.0))
    };
    let (p, q) = if p > 0.0 { (p, -q) } else { (-p, q) };
    let inside = p < 0.75 * width * q - (tolerance * q).abs() / 2.0;
    (inside && p < (last_step * q / 2.0).abs()).then(|| p / q)
}

fn at_least(step: f64, tolerance: f64) -> f64 {
    if step.abs() >= tolerance {
        step
    } else if step > 0.0 {
        tolerance
    } else {
        -tolerance
    }
}
