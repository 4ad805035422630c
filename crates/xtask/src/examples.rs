//! The book's stories, with the released binary: each ends badly when it did not go as told, and has ports of its own.

use std::path::{Path, PathBuf};

use crate::pool::{self, Job};
use crate::shell::{quietly, root};

/// Downloads a real application, and takes the longest.
const FIRST: &str = "real-app";

pub(crate) fn run() -> Result<(), String> {
    pool::run(jobs()?)
}

pub(crate) fn jobs() -> Result<Vec<Job>, String> {
    Ok(stories()?.into_iter().map(job).collect())
}

fn stories() -> Result<Vec<PathBuf>, String> {
    let folder = root().join("examples");
    let list = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut stories: Vec<_> = list.flatten().map(|entry| entry.path()).collect();
    stories.retain(|story| story.join("run.sh").exists());
    stories.sort_by_key(|story| (!story.ends_with(FIRST), story.clone()));
    Ok(stories)
}

fn job(story: PathBuf) -> Job {
    let name = story.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Job::new(format!("examples/{name}"), move || tell(&story))
}

fn tell(story: &Path) -> Result<(), String> {
    quietly("bash", &[&story.join("run.sh").to_string_lossy()])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Numbers in the range that the examples listen in.
    fn ports(text: &str) -> impl Iterator<Item = u16> {
        let numbers = text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok());
        numbers.filter(|port| (18_000..19_000).contains(port))
    }

    #[test]
    fn each_has_ports_of_its_own() {
        let mut whose = BTreeMap::new();
        for story in stories().unwrap() {
            let text = std::fs::read_to_string(story.join("run.sh")).unwrap();
            for port in ports(&text) {
                let other = whose.insert(port, story.clone());
                assert!(other.is_none_or(|other| other == story), "{port} is in {}", story.display());
            }
        }
        assert!(whose.len() >= 9, "{whose:?}");
    }
}
