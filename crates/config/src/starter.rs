//! The file that `init` writes.

use toml::Value;

/// A small, complete file for an existing app: at most 25 lines, read back without findings when `name` is a valid
/// service name, `run` a command without shell syntax and `listen` an address.
pub fn starter(name: &str, run: &str, listen: &str) -> String {
    let quoted = |text: &str| Value::String(text.to_owned()).to_string();
    let (name, run, listen) = (quoted(name), quoted(run), quoted(listen));
    let width = run.chars().count().max(listen.chars().count()).max(23);
    format!(
        r##"#:schema .staunch/schema.json
service = {name}
run     = {run:width$} # starts one instance; it gets PORT
listen  = {listen:width$} # the address users call

# [health]
# path = "/healthz"               # without it: ready when the port accepts connections

[canary]
steps = [5, 25, 50, 100]          # percent of the traffic
bake  = "30s"                     # the old version stays this long after the promotion

[gates]
error-rate  = {{ max = "1%", max-vs-stable = "+1pp" }}
latency-p95 = {{ max-vs-stable = "+10%" }}
"##
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    #[test]
    fn what_init_writes_is_short_and_reads_back_without_a_finding() {
        for run in ["./target/release/my-api", "python3 app.py --name 'a \"b\"'", r"C:\x\ y"] {
            let text = starter("my-api", run, "127.0.0.1:8080");
            let parsed =
                parse(&text).unwrap_or_else(|found| panic!("{}", found.render(&text, "staunch.toml", false)));
            assert!(parsed.warnings.is_empty() && text.lines().count() <= 25);
            let service = &parsed.project.services[0];
            assert_eq!((service.name.as_str(), service.gates.len()), ("my-api", 4));
            assert_eq!(service.command, crate::command::split(run).unwrap());
        }
    }
}
