//! Trivy's JSON (schema 2): vulnerabilities, failed misconfigurations and secrets by severity.

use std::io::{BufReader, Read};

use serde::Deserialize;

use crate::Flaw;
use crate::guard::Guard;
use crate::json::{self, Fold, Folded};
use crate::reading::{Facts, Reading, Weaknesses};

const FORM: &str = "Trivy's JSON";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    schema_version: u32,
    #[serde(default)]
    results: Folded<Scanned>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    commit: Option<String>,
}

/// One target's findings.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target {
    #[serde(default)]
    vulnerabilities: Folded<Sum>,
    #[serde(default)]
    misconfigurations: Folded<Sum>,
    #[serde(default)]
    secrets: Folded<Sum>,
}

#[derive(Deserialize)]
struct Weakness {
    #[serde(rename = "Severity", default)]
    severity: String,
    #[serde(rename = "VulnerabilityID", alias = "RuleID", alias = "ID", default)]
    id: String,
    #[serde(rename = "PkgName", default)]
    package: String,
    /// Of misconfigurations: those that pass are listed as well.
    #[serde(rename = "Status", default)]
    status: String,
}

#[derive(Default)]
struct Sum(Weaknesses);
#[derive(Default)]
struct Scanned(Weaknesses);

impl Fold for Sum {
    type Item = Weakness;
    fn add(&mut self, found: Weakness) {
        if found.status.eq_ignore_ascii_case("PASS") || found.status.eq_ignore_ascii_case("EXCEPTION") {
            return;
        }
        let severity = found.severity.to_ascii_uppercase();
        let count = match severity.as_str() {
            "CRITICAL" => &mut self.0.critical,
            "HIGH" => &mut self.0.high,
            "MEDIUM" => &mut self.0.medium,
            _ => &mut self.0.other,
        };
        *count += 1;
        if matches!(severity.as_str(), "CRITICAL" | "HIGH") {
            let package =
                if found.package.is_empty() { String::new() } else { format!(" in {}", found.package) };
            self.0.first.add(&format!("{}{package}", found.id));
        }
    }
}

impl Fold for Scanned {
    type Item = Target;
    fn add(&mut self, target: Target) {
        for Sum(found) in
            [target.vulnerabilities.0, target.misconfigurations.0, target.secrets.0].into_iter().flatten()
        {
            let so_far = Facts::Weaknesses(std::mem::take(&mut self.0));
            if let Facts::Weaknesses(sum) = so_far.merged(&Facts::Weaknesses(found)) {
                self.0 = sum;
            }
        }
    }
}

pub(crate) fn read<R: Read>(source: BufReader<Guard<R>>, first: u8) -> Result<Reading, Flaw> {
    let report: Report = json::document(source, first, FORM)?;
    if report.schema_version != 2 {
        let found = format!("its schema is {}, not 2", report.schema_version);
        return Err(Flaw::Other { expected: FORM, found });
    }
    let scanned = report.results.0.is_some();
    let Scanned(sum) = report.results.0.unwrap_or_default();
    let commit = report.metadata.and_then(|metadata| metadata.commit);
    Ok(Reading { facts: Facts::Weaknesses(Weaknesses { scanned, ..sum }), commit })
}
