//! `[checks]`, `[confidence]` and `[infra]`.

use staunch_model::{
    CheckKind, CheckLimit, CheckSpec, ChecksSpec, ConfidenceSpec, ConfidenceWeights, Freshness, InfraSpec,
};

use crate::codes::Code;
use crate::reader::{Reader, Section};
use crate::v1::service::{command, span};
use crate::{Diagnostic, scalar};

pub(crate) fn checks(reader: &mut Reader<'_>, service: &Section<'_>) -> ChecksSpec {
    let section = reader.section(service, "checks");
    let required = reader.value(&section, "required", scalar::flag);
    let checks =
        CheckKind::ALL.into_iter().filter_map(|kind| check(reader, &section, kind, required)).collect();
    let fresh = match reader.value(&section, "fresh", scalar::choice) {
        "any" => Freshness::Any,
        _ => Freshness::Content,
    };
    let max_age = reader.get(&section, "max-age", scalar::duration);
    ChecksSpec { checks, fresh, max_age }
}

/// A path alone is a check with every default.
fn check(
    reader: &mut Reader<'_>,
    checks: &Section<'_>,
    kind: CheckKind,
    required: bool,
) -> Option<CheckSpec> {
    let (section, alone) = reader.section_or(checks, kind.name(), scalar::report);
    let limit = limit(reader, &section, kind);
    let own = reader.get(&section, "required", scalar::flag);
    let file = reader.get(&section, "file", scalar::report).or(alone)?;
    Some(CheckSpec { file, required: own.unwrap_or(required), limit })
}

fn limit(reader: &mut Reader<'_>, section: &Section<'_>, kind: CheckKind) -> CheckLimit {
    match kind {
        CheckKind::Junit => CheckLimit::Junit {
            min_tests: reader.value(section, "min-tests", scalar::integer),
            max_failed: reader.value(section, "max-failed", scalar::integer),
        },
        CheckKind::Coverage => CheckLimit::Coverage { min: reader.value(section, "min", scalar::share) },
        CheckKind::Sarif => CheckLimit::Sarif {
            max_errors: reader.get(section, "max-errors", scalar::integer),
            max_warnings: reader.get(section, "max-warnings", scalar::integer),
        },
        CheckKind::Trivy => CheckLimit::Trivy {
            max_critical: reader.get(section, "max-critical", scalar::integer),
            max_high: reader.get(section, "max-high", scalar::integer),
            max_medium: reader.get(section, "max-medium", scalar::integer),
        },
        CheckKind::Report => CheckLimit::Report,
    }
}

/// `None` when the file asks for no score.
pub(crate) fn confidence(reader: &mut Reader<'_>, service: &Section<'_>) -> Option<ConfidenceSpec> {
    let section = reader.section(service, "confidence");
    let spec = ConfidenceSpec {
        proceed: points(reader, &section, "proceed"),
        ask: points(reader, &section, "ask"),
        weights: weights(reader, &section),
    };
    if spec.ask > spec.proceed {
        disagree(reader, &section, spec);
    }
    section.is_present().then_some(spec)
}

fn points(reader: &mut Reader<'_>, section: &Section<'_>, name: &str) -> u8 {
    u8::try_from(reader.value(section, name, scalar::integer)).unwrap_or(100)
}

fn weights(reader: &mut Reader<'_>, confidence: &Section<'_>) -> ConfidenceWeights {
    let section = reader.section(confidence, "weights");
    let weights = ConfidenceWeights {
        safety_checks: points(reader, &section, "safety-checks"),
        canary_health: points(reader, &section, "canary-health"),
        blast_radius: points(reader, &section, "blast-radius"),
        history: points(reader, &section, "history"),
        change_complexity: points(reader, &section, "change-complexity"),
        test_coverage: points(reader, &section, "test-coverage"),
    };
    // The other two may be unknown, and then somebody else must carry their part.
    if [weights.safety_checks, weights.blast_radius, weights.history, weights.change_complexity] == [0; 4] {
        let message = "no factor that is always known has a weight, so there may be no score at all";
        let finding = Diagnostic::error(Code::ValuesDisagree, message, section.span.clone());
        reader
            .report(finding.help("give safety-checks, blast-radius, history or change-complexity a weight"));
    }
    weights
}

fn disagree(reader: &mut Reader<'_>, section: &Section<'_>, spec: ConfidenceSpec) {
    let message = format!(
        "`ask` is {} and `proceed` is {}: a version would go on by itself below the score at which a person is asked",
        spec.ask, spec.proceed
    );
    let place = |name: &str| section.value_span(name);
    let first = place("ask").or(place("proceed")).unwrap_or_else(|| section.span.clone());
    let finding = Diagnostic::error(Code::ValuesDisagree, message, first.clone()).here("not above …");
    let finding = match place("proceed").filter(|other| *other != first) {
        Some(other) => finding.and(other, "… this one"),
        None => finding,
    };
    reader.report(finding);
}

pub(crate) fn infra(reader: &mut Reader<'_>, service: &Section<'_>) -> Option<InfraSpec> {
    let section = reader.section(service, "infra");
    let apply = command(reader, &section, "apply");
    let verify = command(reader, &section, "verify");
    let undo = command(reader, &section, "undo");
    let timeout = span(reader, &section, "timeout");
    Some(InfraSpec { apply: apply?, verify, undo, timeout })
}
