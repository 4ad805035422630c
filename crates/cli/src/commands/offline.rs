//! Commands that need no server: validate, init, schema, completions, audit verify.

use clap::CommandFactory as _;
use serde_json::{Value, json};
use staunch_config::Preset;
use staunch_ports::{Journal as _, JournalError};

use crate::args::{Cli, InitArgs, Output, SchemaArgs, Values};
use crate::commands::values;
use crate::exit::{Exit, Failure, Outcome};
use crate::project::Place;
use crate::term::{Term, Tone};

pub(crate) fn validate(term: &Term, place: &Place, shown: Option<Values>) -> Outcome {
    let text = place.text()?;
    let file = place.file.display().to_string();
    let read = staunch_config::parse_in(&text, place.environment.as_deref());
    let accepted = read.as_ref().ok().zip(shown);
    let (exit, findings, services) = match &read {
        Ok(parsed) => {
            let services = parsed.project.services.len();
            let lists = crate::lists::flaws(place, parsed);
            let findings = parsed.warnings.clone().with(lists);
            (if findings.has_errors() { Exit::Config } else { Exit::Ok }, findings, services)
        }
        Err(findings) => (Exit::Config, findings.clone(), 0),
    };
    if term.output != Output::Text {
        let mut told = json!({ "file": file, "ok": exit == Exit::Ok, "findings": findings.to_json(&text) });
        if let Some((parsed, which)) = accepted {
            told["values"] = values::json_of_file(parsed, which);
        }
        term.json(&told);
        return Ok(exit);
    }
    if !findings.is_empty() {
        term.complain(&findings.render(&text, &file, term.color_for_errors()));
        term.complain("");
    }
    if let Some((parsed, which)) = accepted {
        values::of_file(term, place, parsed, which);
    }
    if exit == Exit::Ok {
        let many = if services == 1 { "1 service".to_owned() } else { format!("{services} services") };
        term.result(&format!("{} {file}: {many}, valid", term.paint_result(Tone::Good, "✓")));
    } else {
        term.complain(&format!("{} {file}: {}", term.paint(Tone::Bad, "✕"), findings.summary()));
    }
    Ok(exit)
}

pub(crate) fn schema(term: &Term, args: &SchemaArgs) -> Outcome {
    let document = match (args.api, args.findings) {
        (true, _) => staunch_api::openapi(),
        (false, true) => findings(),
        (false, false) => staunch_config::schema(),
    };
    term.json(&document);
    Ok(Exit::Ok)
}

/// In the order of the references.
fn findings() -> Value {
    let config = staunch_config::explain_codes().iter();
    let config = config.map(|(code, meaning, fix)| json!({ "code": code, "meaning": meaning, "fix": fix }));
    let preflight = staunch_rollout::FindingCode::ALL.iter().map(|code| code.info()).map(|info| {
        json!({ "code": info.code, "meaning": info.meaning, "fix": info.fix, "exit": info.stop.exit() })
    });
    json!({ "config": config.collect::<Vec<_>>(), "preflight": preflight.collect::<Vec<_>>() })
}

pub(crate) fn completions(shell: clap_complete::Shell) -> Outcome {
    clap_complete::generate(shell, &mut Cli::command(), "staunch", &mut std::io::stdout());
    Ok(Exit::Ok)
}

pub(crate) fn init(term: &Term, place: &Place, args: &InitArgs) -> Outcome {
    if args.presets {
        presets(term);
        return Ok(Exit::Ok);
    }
    if place.file.exists() && !args.force {
        let text = format!("{} exists already", place.file.display());
        return Err(Failure::new(Exit::Usage, text).help("--force overwrites it, --file names another"));
    }
    let folder =
        place.file.parent().and_then(|dir| dir.file_name()).map(|name| name.to_string_lossy().into_owned());
    let name = args.name.clone().unwrap_or_else(|| service_name(folder.as_deref().unwrap_or("app")));
    let dir = place.file.parent().unwrap_or(std::path::Path::new("."));
    let run = args.run.clone().unwrap_or_else(|| guess_command(dir));
    let text = staunch_config::starter(&name, &run, &args.listen, args.preset);
    std::fs::create_dir_all(&place.data)?;
    std::fs::write(&place.file, &text)?;
    let schema = serde_json::to_string_pretty(&staunch_config::schema()).unwrap_or_default();
    std::fs::write(place.data.join("schema.json"), schema)?;
    term.result(&format!("wrote {} with the preset {}", place.file.display(), args.preset.name()));
    match staunch_config::parse(&text) {
        Ok(_) => term.say("next: look at `run` and [health] in it, then `staunch up`"),
        Err(findings) => {
            term.complain(&findings.render(
                &text,
                &place.file.display().to_string(),
                term.color_for_errors(),
            ));
            term.complain("the file needs your hand before `staunch up`");
        }
    }
    Ok(Exit::Ok)
}

fn presets(term: &Term) {
    if term.output == Output::Text {
        for preset in Preset::ALL {
            term.result(&format!("{:<10} {}", preset.name(), preset.summary()));
        }
    } else {
        let one = |preset: Preset| json!({ "name": preset.name(), "summary": preset.summary() });
        term.json(&json!({ "presets": Preset::ALL.map(one) }));
    }
}

/// A folder's name as a service name.
fn service_name(folder: &str) -> String {
    let mut name: String = folder
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    name.truncate(63);
    let name = name.trim_matches(|c: char| c == '-' || c.is_ascii_digit()).to_owned();
    if name.is_empty() { "app".to_owned() } else { name }
}

/// What most likely starts the app in this folder.
fn guess_command(dir: &std::path::Path) -> String {
    let known = [
        ("manage.py", "python3 manage.py runserver 127.0.0.1:$PORT --noreload"),
        ("app.py", "python3 app.py"),
        ("main.py", "python3 main.py"),
        ("server.js", "node server.js"),
        ("index.js", "node index.js"),
        ("package.json", "npm start"),
        ("go.mod", "./app"),
    ];
    if let Some(name) = cargo_package(dir) {
        return format!("./target/release/{name}");
    }
    let found = known.iter().find(|(file, _)| dir.join(file).exists());
    found.map_or("./app", |(_, command)| command).to_owned()
}

fn cargo_package(dir: &std::path::Path) -> Option<String> {
    let text = std::fs::read_to_string(dir.join("Cargo.toml")).ok()?;
    let line =
        text.lines().skip_while(|line| line.trim() != "[package]").find(|line| line.starts_with("name"))?;
    Some(line.split('"').nth(1)?.to_owned())
}

/// Reads the journal itself: it works when nothing runs, and finds what was changed behind Staunch's back.
pub(crate) fn audit_verify(term: &Term, place: &Place) -> Outcome {
    let path = place.journal();
    if !path.exists() {
        let text = format!("there is no journal at {}", path.display());
        return Err(
            Failure::new(Exit::Usage, text).help("`staunch up` begins one; --data names another directory")
        );
    }
    let journal = staunch_store::SqliteJournal::open_read_only(&path)
        .map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    match journal.verify() {
        Ok(entries) => {
            if term.output == Output::Text {
                let mark = term.paint_result(Tone::Good, "✓");
                term.result(&format!("{mark} {entries} entries, the chain is whole"));
            } else {
                term.json(&json!({ "ok": true, "entries": entries }));
            }
            Ok(Exit::Ok)
        }
        Err(JournalError::Damaged(fault)) => {
            if term.output == Output::Text {
                let mark = term.paint_result(Tone::Bad, "✕");
                term.result(&format!(
                    "{mark} the journal is damaged at entry {}: {}",
                    fault.sequence, fault.what
                ));
                term.complain("nothing was changed; entries before it can be trusted, later ones cannot");
            } else {
                term.json(&json!({ "ok": false, "sequence": fault.sequence, "what": fault.what }));
            }
            Ok(Exit::Internal)
        }
        Err(error) => Err(Failure::new(Exit::Internal, error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_folder_gives_a_service_name() {
        assert_eq!(service_name("My App (2)"), "my-app");
        assert_eq!(service_name("42"), "app");
        assert!(staunch_model::ServiceName::try_from(service_name(&"x".repeat(99))).is_ok());
    }
}
