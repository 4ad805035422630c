//! When changes may begin: hours of days, in the time of a place.

use std::fmt;

use jiff::civil::{Date, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{ToSpan as _, ZonedDateTime};
use serde::{Deserialize, Serialize};

use crate::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time zone of the IANA database")]
pub struct ZoneError(String);

/// A time zone by its IANA name, such as `Europe/Berlin`; the data is part of the binary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(String);

impl Zone {
    pub fn utc() -> Self {
        Self("UTC".to_owned())
    }
    fn rules(&self) -> TimeZone {
        // It was looked up when the name became a zone.
        TimeZoneDatabase::bundled().get(&self.0).unwrap_or(TimeZone::UTC)
    }
    /// `Sat 2026-11-28 16:43 Europe/Berlin`.
    pub fn show(&self, at: Timestamp) -> String {
        match self.civil(at) {
            Some(at) => format!("{} {}", at.strftime("%a %Y-%m-%d %H:%M"), self.0),
            None => at.rfc3339(),
        }
    }
    fn civil(&self, at: Timestamp) -> Option<ZonedDateTime> {
        Some(jiff::Timestamp::from_millisecond(at.0).ok()?.to_zoned_datetime(self.rules()))
    }
}

impl TryFrom<String> for Zone {
    type Error = ZoneError;
    fn try_from(name: String) -> Result<Self, ZoneError> {
        match TimeZoneDatabase::bundled().get(&name) {
            Ok(_) => Ok(Self(name)),
            Err(_) => Err(ZoneError(name)),
        }
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.0
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Day {
    pub const ALL: [Self; 7] = [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];

    pub fn name(self) -> &'static str {
        match self {
            Self::Mon => "mon",
            Self::Tue => "tue",
            Self::Wed => "wed",
            Self::Thu => "thu",
            Self::Fri => "fri",
            Self::Sat => "sat",
            Self::Sun => "sun",
        }
    }

    fn of(weekday: Weekday) -> Self {
        match weekday {
            Weekday::Monday => Self::Mon,
            Weekday::Tuesday => Self::Tue,
            Weekday::Wednesday => Self::Wed,
            Weekday::Thursday => Self::Thu,
            Weekday::Friday => Self::Fri,
            Weekday::Saturday => Self::Sat,
            Weekday::Sunday => Self::Sun,
        }
    }
}

/// What a window does to changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Changes begin only while one of these is open.
    Allow,
    /// No change begins while one of these is open.
    Deny,
}

/// Hours that come back: one `[[window]]` of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    pub effect: Effect,
    /// On which days it opens; empty is every day.
    pub days: Vec<Day>,
    /// Minutes since midnight by the zone's clocks. When `until` is not after `from`, it ends on the next day.
    pub from: u16,
    pub until: u16,
    pub zone: Zone,
    /// The only dates on which it opens (`2026-12-24`), first and last; empty is any.
    pub dates: Vec<(Date, Date)>,
    /// Dates on which it does not open, first and last.
    pub except: Vec<(Date, Date)>,
    pub why: Option<String>,
    /// The line of the file.
    #[serde(skip)]
    pub line: u32,
    /// Which `[[window]]` it is, counted from 1.
    pub number: u32,
}

const DAY: u16 = 24 * 60;

impl Window {
    pub fn is_open(&self, at: Timestamp) -> bool {
        let Some(civil) = self.zone.civil(at) else { return false };
        let minute = u16::from(civil.hour().unsigned_abs()) * 60 + u16::from(civil.minute().unsigned_abs());
        let today = civil.date();
        if self.until > self.from {
            return self.opens(today) && (self.from..self.until).contains(&minute);
        }
        let began = today.yesterday().is_ok_and(|yesterday| self.opens(yesterday));
        (self.opens(today) && minute >= self.from) || (began && minute < self.until)
    }

    fn opens(&self, date: Date) -> bool {
        let day = self.days.is_empty() || self.days.contains(&Day::of(date.weekday()));
        let within =
            |spans: &[(Date, Date)]| spans.iter().any(|(first, last)| (*first..=*last).contains(&date));
        day && (self.dates.is_empty() || within(&self.dates)) && !within(&self.except)
    }

    /// Moments at which it may open or close, in the days from `at` on, ascending.
    pub fn edges(&self, at: Timestamp, days: u16) -> Vec<Timestamp> {
        let Some(civil) = self.zone.civil(at) else { return vec![] };
        let rules = self.zone.rules();
        let mut edges = vec![];
        for ahead in 0..=i64::from(days) {
            let Ok(date) = civil.date().checked_add(ahead.days()) else { break };
            for minute in [self.from, self.until % DAY] {
                let clock = date.at((minute / 60) as i8, (minute % 60) as i8, 0, 0);
                // An hour that the clocks leave out begins where they go on.
                let moment = clock
                    .to_zoned_datetime(rules.clone())
                    .map(|zoned| Timestamp(zoned.timestamp().as_millisecond()));
                edges.extend(moment.ok().filter(|moment| *moment > at));
            }
        }
        edges.sort_unstable();
        edges
    }

    /// `mon tue 09:00 to 17:00 Europe/Berlin`.
    pub fn describe(&self) -> String {
        let days: Vec<_> = self.days.iter().map(|day| day.name()).collect();
        let days = if days.is_empty() { "every day".to_owned() } else { days.join(" ") };
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        format!("{days} {} to {} {}", clock(self.from), clock(self.until), self.zone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn window(days: &[Day], from: u16, until: u16, zone: &str) -> Window {
        Window {
            effect: Effect::Allow,
            days: days.to_vec(),
            from: from * 60,
            until: until * 60,
            zone: Zone::try_from(zone.to_owned()).unwrap(),
            dates: vec![],
            except: vec![],
            why: None,
            line: 1,
            number: 1,
        }
    }

    #[test]
    fn hours_are_those_of_the_place() {
        let office = window(&[Day::Mon, Day::Fri], 9, 17, "Europe/Berlin");
        // Berlin is an hour ahead in winter and two in summer.
        assert!(office.is_open(at("2026-11-27T08:00:00Z")));
        assert!(!office.is_open(at("2026-11-27T07:59:59Z")));
        assert!(!office.is_open(at("2026-11-27T16:00:00Z")));
        assert!(office.is_open(at("2026-07-03T07:00:00Z")));
        assert!(!office.is_open(at("2026-11-28T10:00:00Z")), "Saturday");
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let night = window(&[Day::Fri], 22, 4, "UTC");
        assert!(night.is_open(at("2026-11-27T23:00:00Z")));
        assert!(night.is_open(at("2026-11-28T03:59:00Z")));
        assert!(!night.is_open(at("2026-11-28T04:00:00Z")));
        assert!(!night.is_open(at("2026-11-27T03:00:00Z")), "Thursday's night");
    }

    #[test]
    fn a_whole_day_and_its_exceptions() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        let mut freeze = window(&[], 0, 24, "UTC");
        freeze.dates = vec![(day("2026-12-20"), day("2027-01-02"))];
        freeze.except = vec![(day("2026-12-28"), day("2026-12-28"))];
        assert!(freeze.is_open(at("2026-12-20T00:00:00Z")));
        assert!(freeze.is_open(at("2027-01-02T23:59:59Z")));
        assert!(!freeze.is_open(at("2026-12-28T12:00:00Z")));
        assert!(!freeze.is_open(at("2027-01-03T00:00:00Z")));
    }

    #[test]
    fn an_hour_that_the_clocks_leave_out_opens_nothing_and_breaks_nothing() {
        // On this night Berlin's clocks go from 02:00 to 03:00.
        let lost = Window { from: 150, until: 170, ..window(&[], 0, 0, "Europe/Berlin") };
        assert!(!lost.is_open(at("2027-03-28T01:00:00Z")));
        assert!(!lost.edges(at("2027-03-27T12:00:00Z"), 2).is_empty());
    }

    #[test]
    fn a_zone_that_nobody_knows_is_refused() {
        assert!(Zone::try_from("Mars/Olympus".to_owned()).is_err());
        assert_eq!(Zone::utc().show(at("2026-11-28T15:43:00Z")), "Sat 2026-11-28 15:43 UTC");
    }
}
