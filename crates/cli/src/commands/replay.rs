//! Recorded rollouts once more: `replay` shows them to the same judge, `backtest` to one with the file's gates.

use std::path::{Path, PathBuf};

use serde_json::json;
use staunch_analysis::{Asked, Moment, Question, Record, Replay, replay};
use staunch_model::{RolloutId, Timestamp, human_duration};
use staunch_store::{read_recording, recordings};

use crate::args::{BacktestArgs, Output, ReplayArgs};
use crate::exit::{Exit, Failure, Outcome};
use crate::project::Place;
use crate::term::{Term, Tone};

/// A recording that was read.
struct Recording {
    name: String,
    asked: Asked,
    records: Vec<Record>,
    torn: bool,
}

pub(crate) fn replay_one(term: &Term, place: &Place, args: &ReplayArgs) -> Outcome {
    let path = find(place, args.recording.as_deref())?;
    let recording = read(&path)?;
    let replayed = run(&recording, None)?;
    if term.output == Output::Text {
        term.result_raw(&told(term, &recording, &replayed));
    } else {
        let torn = recording.torn;
        let about = &recording.asked;
        term.json(&json!({ "recording": recording.name, "about": about, "torn": torn, "replay": replayed }));
    }
    Ok(if replayed.difference.is_some() { Exit::Internal } else { Exit::Ok })
}

pub(crate) fn backtest(term: &Term, place: &Place, args: &BacktestArgs) -> Outcome {
    let project = place.read(term)?.project;
    let mut rows = vec![];
    for path in chosen(place, &args.recordings)? {
        let recording = read(&path)?;
        let service = project.services.iter().find(|spec| spec.name.as_str() == recording.asked.service);
        let Some(spec) = service else { continue };
        let before = run(&recording, None)?;
        let after = run(&recording, Some(&Question::of_service(spec)))?;
        rows.push((recording, before, after));
    }
    if rows.is_empty() {
        let text = "no recording is of a service in the file";
        return Err(Failure::new(Exit::Usage, text)
            .help("recordings are made while a rollout runs under `staunch up`"));
    }
    if term.output == Output::Text {
        for (recording, before, after) in &rows {
            term.result_raw(&compared(term, recording, before, after));
        }
    } else {
        let row = |(recording, before, after): &(Recording, Replay, Replay)| json!({ "recording": recording.name, "about": recording.asked, "recorded": before, "asked_now": after });
        term.json(&json!(rows.iter().map(row).collect::<Vec<_>>()));
    }
    Ok(Exit::Ok)
}

fn run(recording: &Recording, other: Option<&Question>) -> Result<Replay, Failure> {
    replay(recording.records.iter().cloned(), other)
        .map_err(|error| Failure::new(Exit::Usage, format!("{}: {error}", recording.name)))
}

/// A number, a file, or the newest.
fn find(place: &Place, wanted: Option<&str>) -> Result<PathBuf, Failure> {
    let known = recordings(&place.recordings())?;
    let Some(wanted) = wanted else {
        return known.last().map(|(_, path)| path.clone()).ok_or_else(|| none(place));
    };
    let number = wanted.parse().ok().map(RolloutId);
    let named = known.iter().find(|(id, _)| Some(*id) == number).map(|(_, path)| path.clone());
    named.or_else(|| Some(PathBuf::from(wanted)).filter(|path| path.is_file())).ok_or_else(|| {
        let text = format!("there is no recording of rollout {wanted}, and no file of that name");
        let all: Vec<_> = known.iter().map(|(id, _)| id.to_string()).collect();
        let help = if all.is_empty() { none(place).message } else { format!("there are {}", all.join(", ")) };
        Failure::new(Exit::Usage, text).help(help)
    })
}

fn chosen(place: &Place, wanted: &[String]) -> Result<Vec<PathBuf>, Failure> {
    if wanted.is_empty() {
        let known = recordings(&place.recordings())?;
        let all: Vec<_> = known.into_iter().map(|(_, path)| path).collect();
        return if all.is_empty() { Err(none(place)) } else { Ok(all) };
    }
    wanted.iter().map(|one| find(place, Some(one))).collect()
}

fn none(place: &Place) -> Failure {
    Failure::new(Exit::Usage, format!("there are no recordings in {}", place.recordings().display()))
        .help("rollouts under `staunch up` make them; --data names another directory")
}

fn read(path: &Path) -> Result<Recording, Failure> {
    let name = path.display().to_string();
    let read = read_recording(path).map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    let (mut records, mut torn) = (vec![], read.torn);
    for (number, line) in read.lines.iter().enumerate() {
        match serde_json::from_str::<Record>(line) {
            Ok(record) => records.push(record),
            // The last line may be half written; anything before it is damage with a place.
            Err(_) if number + 1 == read.lines.len() => torn = true,
            Err(error) => {
                let text = format!("{name}: line {} is not a record: {error}", number + 1);
                return Err(Failure::new(Exit::Usage, text));
            }
        }
    }
    let Some(Record::Asked(asked)) = records.first() else {
        let text = format!("{name} is not a recording: it does not begin with what the judge was asked");
        return Err(Failure::new(Exit::Usage, text));
    };
    let asked = asked.as_ref().clone();
    Ok(Recording { name: name.rsplit('/').next().unwrap_or(&name).to_owned(), asked, records, torn })
}

fn told(term: &Term, recording: &Recording, replay: &Replay) -> String {
    let mut text = heading(recording, replay);
    for moment in &replay.moments {
        text += &format!("{}\n", line(term, moment));
    }
    text += &match &replay.difference {
        None => {
            let mark = term.paint_result(Tone::Good, "✓");
            format!("{mark} {} judgements said again, bit for bit\n", replay.agreed)
        }
        Some(difference) => {
            let mark = term.paint_result(Tone::Bad, "✕");
            let (was, is) = (difference.recorded.log_e_harm, difference.replayed.log_e_harm);
            let at = difference.at.clock();
            format!("{mark} from {at} on it says something else: evidence of harm {is}, recorded {was}\n")
        }
    };
    if recording.torn {
        text += "  the recording ends torn: what is before the tear was replayed\n";
    }
    text
}

fn heading(recording: &Recording, replay: &Replay) -> String {
    let asked = &recording.asked;
    let from = asked.from.as_deref().unwrap_or("nothing");
    let span = human_duration(replay.ended.since(replay.begun));
    format!(
        "{} · {} {from} → {} · {} looks in {span}\n",
        recording.name, asked.service, asked.to, replay.looks
    )
}

fn line(term: &Term, moment: &Moment) -> String {
    match moment {
        Moment::Split { at, weight } => format!("  {} → {weight} on the new version", at.clock()),
        Moment::Passed { at, weight } => {
            format!("  {} {} gates passed at {weight}", at.clock(), term.paint_result(Tone::Good, "✓"))
        }
        Moment::Failed { at, gate, because } => {
            format!("  {} {} {gate}: {because}", at.clock(), term.paint_result(Tone::Bad, "✕"))
        }
    }
}

fn compared(term: &Term, recording: &Recording, before: &Replay, after: &Replay) -> String {
    let mut text = heading(recording, after);
    text += &format!("  recorded      {}\n", outcome(before, before.recorded.as_ref()));
    let failed = after.moments.iter().find(|moment| matches!(moment, Moment::Failed { .. }));
    text += &format!("  asked now     {}\n", outcome(after, failed));
    if after.exact_until < after.ended {
        let at = after.exact_until.clock();
        let note =
            "exact until then; afterwards the recorded traffic is assumed, which this decision changes";
        text += &format!("                {at}: {}\n", term.paint_result(Tone::Dim, note));
    }
    text
}

fn outcome(replay: &Replay, failed: Option<&Moment>) -> String {
    let after = |at: Timestamp| human_duration(at.since(replay.begun));
    if let Some(Moment::Failed { at, gate, because }) = failed {
        return format!("taken back after {}: {gate}: {because}", after(*at));
    }
    let passed: Vec<String> = replay
        .moments
        .iter()
        .filter_map(|moment| match moment {
            Moment::Passed { at, weight } => Some(format!("{weight} after {}", after(*at))),
            Moment::Split { .. } | Moment::Failed { .. } => None,
        })
        .collect();
    let passed = if passed.is_empty() { "no step passed".to_owned() } else { passed.join(", ") };
    format!("not taken back; gates passed: {passed}")
}
