/// By how much the experiment lies above the control, in the metric's own unit.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub struct Shift {
    /// Lower end of the confidence interval.
    pub low: f64,
    /// The median of the pairwise differences (Hodges and Lehmann).
    pub estimate: f64,
    /// Upper end of the confidence interval.
    pub high: f64,
}

/// Why there is no confidence interval of the shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoShift {
    /// Even complete separation of so few points would not reach the confidence.
    TooFewPoints,
    /// All points are tied once one side is moved.
    AllTied,
    /// The differences exceed what a double can hold.
    TooLarge,
}
