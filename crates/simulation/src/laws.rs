//! The latencies of both versions on the instances of one seed, drawn as finely as anyone asks.

use std::borrow::Cow;

use crate::chance::Chance;
use crate::latency::{Cells, Shape, fault};
use crate::traffic::{Drawn, Scene};
use crate::world::World;

/// The present laws of stable and of the canary, the latter before and after the fault's onset.
#[derive(Debug)]
pub(crate) struct Laws<'s> {
    stable: Cow<'s, Cells>,
    canary: [Cow<'s, Cells>; 2],
    /// Where somebody needs to tell latencies apart, and the quantiles that matter.
    asked: Option<([Vec<u16>; 2], Vec<f64>)>,
    ranges: Option<Ranges>,
    /// Draws the buckets within the ranges for somebody who watches: of its own, so that watching changes nothing.
    detail: Option<Chance>,
}

/// The same laws, told apart only where it matters.
#[derive(Debug)]
struct Ranges {
    stable: Range,
    canary: [Range; 2],
}

#[derive(Debug)]
struct Range {
    edges: Vec<u16>,
    law: Cells,
}

impl<'s> Laws<'s> {
    /// `detail` when every bucket shall be drawn.
    pub(crate) fn new(scene: &'s Scene, detail: Option<Chance>) -> Self {
        let (usual, faulty) = scene.laws();
        let canary = [Cow::Borrowed(usual), Cow::Borrowed(faulty)];
        Self { stable: Cow::Borrowed(usual), canary, asked: None, ranges: None, detail }
    }

    /// Stable's instances differ by these logarithms.
    pub(crate) fn stable_on(&mut self, world: &World, speeds: &[f64]) {
        self.stable = Cow::Owned(Cells::new(world, Shape::USUAL, speeds));
        self.tell_apart();
    }

    /// The canary's instances that serve differ by these logarithms.
    pub(crate) fn canary_on(&mut self, world: &World, speeds: &[f64]) {
        self.canary = [Shape::USUAL, fault(world)].map(|shape| Cow::Owned(Cells::new(world, shape, speeds)));
        self.tell_apart();
    }

    pub(crate) fn knows_ranges(&self) -> bool {
        self.ranges.is_some()
    }

    /// From now on latencies are told apart at these buckets alone, the canary's and stable's, and bucket by bucket
    /// around the quantiles (0 to 1).
    pub(crate) fn tell_apart_at(&mut self, edges: [Vec<u16>; 2], quantiles: &[f64]) {
        self.asked = Some((edges, quantiles.to_vec()));
        self.tell_apart();
    }

    fn tell_apart(&mut self) {
        let Some((edges, quantiles)) = &self.asked else { return };
        let range = |law: &Cells, edges: &[u16]| {
            let near = quantiles.iter().flat_map(|quantile| law.around(*quantile)).copied();
            let mut edges: Vec<u16> = edges.iter().copied().chain(near).collect();
            edges.sort_unstable();
            Range { law: law.told_apart_at(&edges), edges }
        };
        let canary = self.canary.each_ref().map(|law| range(law, &edges[0]));
        self.ranges = Some(Ranges { stable: range(&self.stable, &edges[1]), canary });
    }

    /// Latencies of the attempts that did not fail.
    pub(crate) fn draw(&mut self, chance: &mut Chance, drawn: &mut Drawn, faulty: bool) {
        let faulty = usize::from(faulty);
        let (canary, stable) = match &self.ranges {
            Some(ranges) => (&ranges.canary[faulty].law, &ranges.stable.law),
            None => (&*self.canary[faulty], &*self.stable),
        };
        canary.draw(chance, drawn.canary.attempts - drawn.canary.failed, &mut drawn.canary.latency);
        stable.draw(chance, drawn.stable.attempts - drawn.stable.failed, &mut drawn.stable.latency);
        if let (Some(detail), Some(ranges)) = (&mut self.detail, &self.ranges) {
            self.canary[faulty].spread(detail, &ranges.canary[faulty].edges, &mut drawn.canary.latency);
            self.stable.spread(detail, &ranges.stable.edges, &mut drawn.stable.latency);
        }
    }
}
