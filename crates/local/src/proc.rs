//! What `/proc` tells about processes.

use std::fs;

use rustix::param::{clock_ticks_per_second, page_size};

/// The fields of `/proc/<pid>/stat` that matter here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) pid: u32,
    pub(crate) zombie: bool,
    pub(crate) group: u32,
    /// User and system time in clock ticks.
    pub(crate) cpu_ticks: u64,
    /// Clock ticks from boot to the start of the process: with the pid, its identity.
    pub(crate) start_time: u64,
}

/// `None` when there is no such process.
pub(crate) fn stat(pid: u32) -> Option<Stat> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The command's name may hold blanks and brackets: the fields begin after the last bracket.
fn parse(text: &str) -> Option<Stat> {
    let pid = text.split(' ').next()?.parse().ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index).and_then(|text| text.parse::<u64>().ok());
    Some(Stat {
        pid,
        zombie: matches!(*fields.first()?, "Z" | "X"),
        group: u32::try_from(number(2)?).ok()?,
        cpu_ticks: number(11)? + number(12)?,
        start_time: number(19)?,
    })
}

/// Every process that can be seen.
pub(crate) fn all() -> impl Iterator<Item = Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| stat(entry.file_name().to_str()?.parse().ok()?))
}

/// Resident memory in bytes; 0 when the process is gone.
pub(crate) fn resident_bytes(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    pages * page_size() as u64
}

pub(crate) fn seconds_of_ticks(ticks: u64) -> f64 {
    ticks as f64 / clock_ticks_per_second() as f64
}

/// A variable of the environment that the process was started with.
pub(crate) fn variable(pid: u32, name: &str) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let entries = environment.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let mut pairs =
        entries.filter_map(|entry| Some(entry.split_once('=')?).map(|(k, v)| (k.to_owned(), v.to_owned())));
    pairs.find(|(key, _)| key == name).map(|(_, value)| value)
}

/// Whether the process was started with `name=value` in its environment.
pub(crate) fn started_with(pid: u32, name: &str, value: &str) -> bool {
    variable(pid, name).is_some_and(|found| found == value)
}

/// Names this boot of the machine: start times of another boot mean nothing.
pub(crate) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        let line = "42 (a) b) (c) S 1 40 40 0 -1 4194560 1 2 3 4 150 50 7 8 20 0 1 0 98765 1000 200 0";
        let stat = parse(line).unwrap();
        assert_eq!((stat.pid, stat.group, stat.cpu_ticks, stat.start_time), (42, 40, 200, 98_765));
        assert!(!stat.zombie);
    }

    #[test]
    fn this_process_can_be_read() {
        let me = stat(std::process::id()).unwrap();
        assert_eq!(me.pid, std::process::id());
        assert!(me.start_time > 0);
        assert!(resident_bytes(me.pid) > 100_000);
        assert!(all().any(|process| process == me || process.pid == me.pid));
        assert_eq!(stat(u32::MAX), None);
    }
}
