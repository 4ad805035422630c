//! The file that `init` writes.

use toml::Value;

/// What a new file asks of a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// As fast as the evidence allows, compared with the old version.
    Evidence,
    /// The field's usual thresholds: 5, 25, 50 and 100 %, five minutes each.
    Classic,
    /// The same thresholds in smaller steps: 10, 25, 50, 75 and 100 %.
    Gradual,
}

impl Preset {
    pub const ALL: [Self; 3] = [Self::Evidence, Self::Classic, Self::Gradual];

    pub fn name(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::Classic => "classic",
            Self::Gradual => "gradual",
        }
    }

    /// One line.
    pub fn summary(self) -> &'static str {
        match self {
            Self::Evidence => "5/25/50/100, as fast as the evidence allows, compared with the old version",
            Self::Classic => {
                "5/25/50/100, five minutes each; errors 1 % and 5 %, p95 500 ms and 1 s, p99 1 and 2 s, healthy 80 %"
            }
            Self::Gradual => "10/25/50/75/100, five minutes each, with the thresholds of classic",
        }
    }

    fn rules(self) -> String {
        match self {
            Self::Evidence => EVIDENCE.to_owned(),
            Self::Classic => thresholds("[5, 25, 50, 100]"),
            Self::Gradual => thresholds("[10, 25, 50, 75, 100]"),
        }
    }
}

const EVIDENCE: &str = r#"[canary]
steps = [5, 25, 50, 100]          # percent of the traffic
bake  = "30s"                     # the old version stays this long after the promotion

[gates]
error-rate  = { max = "1%", max-vs-stable = "+1pp" }
latency-p95 = { max-vs-stable = "+10%" }
"#;

/// What is promoted below, and what is taken back above, wherever the rollout stands; the budget's levels are the
/// defaults of `[slo]`: warn 25 %, freeze 10 %, critical fixes only 5 %, reopen 15 %.
fn thresholds(steps: &str) -> String {
    format!(
        r#"[canary]
steps = {steps}
hold  = "5m"

[gates]                           # to go on
error-rate  = {{ max = "1%" }}
latency-p95 = {{ max = "500ms" }}
latency-p99 = {{ max = "1s" }}

[triggers]                        # to go back, wherever it stands
error-rate  = {{ warn = "1%", rollback = "5%" }}
latency-p95 = {{ warn = "500ms", rollback = "1s" }}
latency-p99 = {{ warn = "1s", rollback = "2s" }}
healthy     = {{ min = "80%" }}

[slo]
target = "99.9%"
window = "30d"
"#
    )
}

/// A small, complete file for an existing app: at most 25 lines, read back without findings when `name` is a valid
/// service name, `run` a command without shell syntax and `listen` an address.
pub fn starter(name: &str, run: &str, listen: &str, preset: Preset) -> String {
    let quoted = |text: &str| Value::String(text.to_owned()).to_string();
    let (name, run, listen) = (quoted(name), quoted(run), quoted(listen));
    let width = run.chars().count().max(listen.chars().count()).max(23);
    let rules = preset.rules();
    format!(
        r##"#:schema .staunch/schema.json
service = {name}
run     = {run:width$} # starts one instance; it gets PORT
listen  = {listen:width$} # the address users call

# health.path = "/healthz"        # without it: ready when the port accepts connections

{rules}"##
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    #[test]
    fn what_init_writes_is_short_and_reads_back_without_a_finding() {
        for run in ["./target/release/my-api", "python3 app.py --name 'a \"b\"'", r"C:\x\ y"] {
            for preset in Preset::ALL {
                let text = starter("my-api", run, "127.0.0.1:8080", preset);
                let parsed = parse(&text)
                    .unwrap_or_else(|found| panic!("{}", found.render(&text, "staunch.toml", false)));
                assert!(parsed.warnings.is_empty() && text.lines().count() <= 25);
                let service = &parsed.project.services[0];
                assert_eq!((service.name.as_str(), service.gates.len()), ("my-api", 4));
                assert_eq!(service.command, crate::command::split(run).unwrap());
            }
        }
    }

    #[test]
    fn presets_have_the_steps_that_they_are_known_by() {
        let steps = |preset| {
            let parsed = parse(&starter("a", "./a", ":8080", preset)).unwrap();
            let steps = &parsed.project.services[0].strategy.steps;
            steps
                .iter()
                .map(|step| (step.weight.basis_points() / 100, step.hold.as_secs()))
                .collect::<Vec<_>>()
        };
        assert_eq!(steps(Preset::Evidence), [(5, 5), (25, 5), (50, 5)]);
        assert_eq!(steps(Preset::Classic), [(5, 300), (25, 300), (50, 300)]);
        assert_eq!(steps(Preset::Gradual), [(10, 300), (25, 300), (50, 300), (75, 300)]);
    }
}
