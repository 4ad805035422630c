//! Line coverage, as lcov's tracefile or as Cobertura XML.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};

use crate::Flaw;
use crate::flaw::of_io;
use crate::guard::Guard;
use crate::reading::{Facts, Lines, Reading};
use crate::xml::{self, Element, Told};

/// No source file has more lines.
const MOST_LINES: usize = 1 << 20;
/// Words of 64 lines, over all files: 32 MiB for both sets.
const MOST_WORDS: usize = 2 << 20;

fn reading(lines: Lines) -> Reading {
    Reading { facts: Facts::Lines(lines), commit: None }
}

/// The lines of classes are counted; a report without any is believed its totals.
pub(crate) fn cobertura<R: Read>(source: BufReader<Guard<R>>) -> Result<Reading, Flaw> {
    const FORM: &str = "lcov or Cobertura XML";
    let (mut counted, mut said) = (Lines::default(), Lines::default());
    let mut path: Vec<String> = vec![];
    xml::walk(source, |told| {
        match told {
            Told::Opened(element, 0) if element.name != "coverage" => {
                return Err(xml::other(FORM, &element.name));
            }
            Told::Opened(element, depth) => {
                if depth == 0 {
                    said = Lines { all: element.count("lines-valid"), hit: element.count("lines-covered") };
                }
                if is_line_of_class(element, &path) {
                    counted.all += 1;
                    counted.hit += u64::from(element.count("hits") > 0);
                }
                path.push(element.name.clone());
            }
            Told::Closed(_) => drop(path.pop()),
        }
        Ok(())
    })?;
    let said = Lines { hit: said.hit.min(said.all), ..said };
    Ok(reading(if counted.all > 0 { counted } else { said }))
}

/// Those of its methods are there once more.
fn is_line_of_class(element: &Element, path: &[String]) -> bool {
    let around = path.iter().rev().take(2).map(String::as_str);
    element.name == "line" && around.eq(["lines", "class"])
}

/// The lines of one source file, over all tests that reached it.
#[derive(Default)]
struct Source {
    known: Vec<u64>,
    hit: Vec<u64>,
}

pub(crate) fn lcov<R: Read>(mut source: BufReader<Guard<R>>) -> Result<Reading, Flaw> {
    let mut files: BTreeMap<String, Source> = BTreeMap::new();
    let (mut words, mut records) = (0, 0_u64);
    let (mut present, mut number) = (None::<String>, 0_u64);
    let mut line = vec![];
    loop {
        line.clear();
        source.read_until(b'\n', &mut line).map_err(|error| of_io(&error))?;
        if line.is_empty() {
            break;
        }
        number += 1;
        let text = String::from_utf8_lossy(&line);
        match (text.trim().split_once(':'), &present) {
            (Some(("SF", path)), _) => present = Some(path.to_owned()),
            (Some(("DA", data)), Some(path)) => {
                let file = files.entry(path.clone()).or_default();
                words += file.note(data).ok_or_else(|| strange(number, &text))?;
            }
            (None, _) if text.trim() == "end_of_record" => (present, records) = (None, records + 1),
            (Some(_), _) => {}
            (None, _) if text.trim().is_empty() || text.starts_with('#') => {}
            (None, _) => return Err(strange(number, &text)),
        }
        if words > MOST_WORDS {
            return Err(Flaw::Large { most: crate::guard::MOST_BYTES });
        }
    }
    if present.is_some() || records == 0 {
        return Err(Flaw::Truncated { bytes: source.get_ref().total });
    }
    Ok(reading(files.values().fold(Lines::default(), |sum, file| sum.and(file))))
}

fn strange(number: u64, text: &str) -> Flaw {
    let text: String = text.trim().chars().take(40).collect();
    Flaw::Other { expected: "lcov or Cobertura XML", found: format!("line {number} is `{text}`") }
}

impl Source {
    /// `line,hits[,checksum]`: how many words that took, `None` when it is not of this form.
    fn note(&mut self, data: &str) -> Option<usize> {
        let mut parts = data.split(',');
        let line: usize = parts.next()?.trim().parse().ok().filter(|line| *line < MOST_LINES)?;
        let hits = parts.next()?.trim();
        let hit = hits.parse::<f64>().ok().filter(|hits| hits.is_finite())? > 0.0;
        let (word, bit) = (line / 64, 1 << (line % 64));
        let more = (word + 1).saturating_sub(self.known.len());
        self.known.resize(self.known.len().max(word + 1), 0);
        self.hit.resize(self.known.len(), 0);
        self.known[word] |= bit;
        self.hit[word] |= if hit { bit } else { 0 };
        Some(more)
    }
}

impl Lines {
    fn and(self, file: &Source) -> Self {
        let ones = |words: &[u64]| words.iter().map(|word| u64::from(word.count_ones())).sum::<u64>();
        Self { all: self.all + ones(&file.known), hit: self.hit + ones(&file.hit) }
    }
}
