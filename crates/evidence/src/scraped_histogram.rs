/// Latency histogram of one process as it is scraped: counters of requests not slower than each edge, which only rise
/// until the process is started anew.
///
/// One for each process: of a sum over processes one could not tell a restart from a calm. What they bring is added up
/// per arm and given to [`Exceedance`](crate::Exceedance).
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ScrapedHistogram {
    buckets: usize,
    last: Option<Vec<u64>>,
}

/// What a scrape brought, as requests per bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scrape {
    /// Nothing to compare with yet.
    First,
    Increase(Vec<u64>),
    /// A counter went back: the process was started anew, and what it has counted since is the increase. What it
    /// counted between the last scrape and its end is lost.
    Reset(Vec<u64>),
    /// Not as many counters as buckets, or one that rose more than that of a slower edge: torn, or no histogram.
    Malformed,
}

impl Scrape {
    /// Requests per bucket; none when the scrape brought nothing usable.
    pub fn increase(&self) -> &[u64] {
        match self {
            Self::Increase(increase) | Self::Reset(increase) => increase,
            Self::First | Self::Malformed => &[],
        }
    }
}

impl ScrapedHistogram {
    /// `buckets` counters, the last one that of all requests.
    pub fn new(buckets: usize) -> Self {
        Self { buckets, last: None }
    }

    /// `cumulative` counters, in the order of their edges.
    pub fn scrape(&mut self, cumulative: &[u64]) -> Scrape {
        if cumulative.len() != self.buckets || !cumulative.is_sorted() {
            return Scrape::Malformed;
        }
        let Some(last) = self.last.replace(cumulative.to_vec()) else { return Scrape::First };
        let rises = |now: &[u64], then: &[u64]| now.iter().zip(then).all(|(now, then)| now >= then);
        if !rises(cumulative, &last) {
            return Scrape::Reset(per_bucket(cumulative));
        }
        let increase: Vec<u64> = cumulative.iter().zip(&last).map(|(now, then)| now - then).collect();
        if increase.is_sorted() { Scrape::Increase(per_bucket(&increase)) } else { Scrape::Malformed }
    }
}

fn per_bucket(cumulative: &[u64]) -> Vec<u64> {
    let mut below = 0;
    cumulative.iter().map(|&count| count - std::mem::replace(&mut below, count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_came_since_the_last_scrape() {
        let mut arm = ScrapedHistogram::new(3);
        assert_eq!(arm.scrape(&[1, 4, 4]), Scrape::First);
        assert_eq!(arm.scrape(&[2, 7, 9]), Scrape::Increase(vec![1, 2, 2]));
        assert_eq!(arm.scrape(&[2, 7, 9]), Scrape::Increase(vec![0, 0, 0]));
    }

    #[test]
    fn a_counter_that_goes_back_starts_anew() {
        let mut arm = ScrapedHistogram::new(3);
        arm.scrape(&[10, 40, 50]);
        assert_eq!(arm.scrape(&[1, 1, 3]), Scrape::Reset(vec![1, 0, 2]));
        assert_eq!(arm.scrape(&[2, 2, 4]), Scrape::Increase(vec![1, 0, 0]));
    }

    #[test]
    fn what_is_no_histogram_is_not_taken_for_one() {
        let mut arm = ScrapedHistogram::new(2);
        arm.scrape(&[1, 2]);
        assert_eq!(arm.scrape(&[3]), Scrape::Malformed);
        assert_eq!(arm.scrape(&[9, 8]), Scrape::Malformed);
        assert_eq!(
            arm.scrape(&[5, 5]),
            Scrape::Malformed,
            "four not slower than the first edge, three in all"
        );
    }
}
