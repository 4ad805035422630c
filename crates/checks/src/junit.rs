//! Test results as JUnit XML, as pytest, nextest, surefire, jest and many others write it.

use std::io::{BufReader, Read};

use crate::Flaw;
use crate::guard::Guard;
use crate::reading::{Examples, Facts, Reading, Tests};
use crate::xml::{self, Element, Told};

const FORM: &str = "JUnit XML";
/// Properties that tools give the commit in.
const COMMITS: [&str; 5] = ["commit", "git.commit", "git_commit", "git.commit.id", "revision"];

/// Numbers that a suite says of itself.
#[derive(Debug, Clone, Copy, Default)]
struct Said {
    failed: u64,
}

#[derive(Default)]
struct Walk {
    run: u64,
    failed: u64,
    skipped: u64,
    first: Examples,
    /// The test case that is open: its name and what became of it.
    case: Option<(String, Ending)>,
    /// By the outermost element, and by the suites directly in it.
    said: Said,
    said_by_suites: Said,
    commit: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Good,
    Bad,
    Skipped,
}

pub(crate) fn read<R: Read>(source: BufReader<Guard<R>>, first: u8) -> Result<Reading, Flaw> {
    xml::begins(first, FORM)?;
    let mut walk = Walk::default();
    xml::walk(source, |told| match told {
        Told::Opened(element, depth) => walk.opened(element, depth),
        Told::Closed(name) => {
            walk.closed(name);
            Ok(())
        }
    })?;
    Ok(Reading { commit: walk.commit.take(), facts: Facts::Tests(walk.tests()) })
}

impl Walk {
    fn opened(&mut self, element: &Element, depth: usize) -> Result<(), Flaw> {
        match (element.name.as_str(), depth) {
            ("testsuites" | "testsuite", 0) => self.said = said(element),
            (other, 0) => return Err(xml::other(FORM, other)),
            ("testsuite", 1) => self.said_by_suites.failed += said(element).failed,
            ("testcase", _) => self.case = Some((name_of(element), Ending::Good)),
            ("failure" | "error", _) => self.ends(Ending::Bad),
            ("skipped", _) => self.ends(Ending::Skipped),
            ("property", _) if COMMITS.contains(&element.get("name").unwrap_or_default()) => {
                self.commit = element.get("value").map(str::to_owned).or(self.commit.take());
            }
            _ => {}
        }
        Ok(())
    }

    /// What is bad stays bad, whatever follows.
    fn ends(&mut self, ending: Ending) {
        if let Some((_, so_far)) = self.case.as_mut().filter(|(_, so_far)| *so_far != Ending::Bad) {
            *so_far = ending;
        }
    }

    fn closed(&mut self, name: &str) {
        let Some((case, ending)) = (name == "testcase").then(|| self.case.take()).flatten() else { return };
        match ending {
            Ending::Good => self.run += 1,
            Ending::Bad => {
                self.run += 1;
                self.failed += 1;
                self.first.add(&case);
            }
            Ending::Skipped => self.skipped += 1,
        }
    }

    /// Of what is counted and what is said, the worse is believed: a suite may fail outside of its cases.
    fn tests(self) -> Tests {
        let failed = self.failed.max(self.said.failed).max(self.said_by_suites.failed);
        Tests { run: self.run.max(failed), failed, skipped: self.skipped, first: self.first }
    }
}

fn said(suite: &Element) -> Said {
    Said { failed: suite.count("failures").saturating_add(suite.count("errors")) }
}

fn name_of(case: &Element) -> String {
    let name = case.get("name").unwrap_or("a test without a name");
    match case.get("classname").filter(|class| !class.is_empty()) {
        Some(class) => format!("{class}::{name}"),
        None => name.to_owned(),
    }
}
