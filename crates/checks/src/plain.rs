//! Staunch's own form, for whatever has none: `{ "commit": …, "checks": [{ "name": …, "ok": true, "detail": … }] }`.

use std::io::{BufReader, Read};

use serde::Deserialize;

use crate::Flaw;
use crate::guard::Guard;
use crate::json::{self, Fold, Folded};
use crate::reading::{Examples, Facts, Reading};

const FORM: &str = "a report with `checks`";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    checks: Folded<Sum>,
    commit: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Check {
    name: String,
    ok: bool,
    #[serde(default)]
    detail: String,
}

#[derive(Default)]
struct Sum {
    run: u64,
    failed: u64,
    first: Examples,
}

impl Fold for Sum {
    type Item = Check;
    fn add(&mut self, check: Check) {
        self.run += 1;
        if !check.ok {
            self.failed += 1;
            let detail = if check.detail.is_empty() { String::new() } else { format!(" ({})", check.detail) };
            self.first.add(&format!("{}{detail}", check.name));
        }
    }
}

pub(crate) fn read<R: Read>(source: BufReader<Guard<R>>, first: u8) -> Result<Reading, Flaw> {
    let report: Report = json::document(source, first, FORM)?;
    let Sum { run, failed, first } = report.checks.0.unwrap_or_default();
    Ok(Reading { facts: Facts::Checks { run, failed, first }, commit: report.commit })
}
