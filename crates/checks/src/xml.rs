//! XML as a stream of elements: attributes as text, no entities, bounded depth, and an end that must come.

use std::io::{BufRead, BufReader, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::Flaw;
use crate::flaw::of_io;
use crate::guard::Guard;

const DEEPEST: usize = 256;

/// An element as it opens.
pub(crate) struct Element {
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
}

impl Element {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.get(name).and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    }
}

/// What the stream tells: `Opened` and `Closed` are always balanced.
pub(crate) enum Told<'a> {
    /// With how many elements around it.
    Opened(&'a Element, usize),
    Closed(&'a str),
}

/// Tells every element of the document.
pub(crate) fn walk<R: Read>(
    source: BufReader<Guard<R>>,
    mut tell: impl FnMut(Told<'_>) -> Result<(), Flaw>,
) -> Result<(), Flaw> {
    let mut reader = Reader::from_reader(source);
    let (mut buffer, mut open) = (vec![], Vec::<String>::new());
    let mut elements = 0_u64;
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer);
        match event.map_err(|error| flaw_of(&error, &reader))? {
            Event::Start(start) => {
                let element = element(&start)?;
                tell(Told::Opened(&element, open.len()))?;
                open.push(element.name);
                elements += 1;
                if open.len() > DEEPEST {
                    return Err(Flaw::Deep { levels: DEEPEST });
                }
            }
            Event::Empty(start) => {
                let element = element(&start)?;
                tell(Told::Opened(&element, open.len()))?;
                tell(Told::Closed(&element.name))?;
                elements += 1;
            }
            Event::End(_) => {
                let name = open.pop().unwrap_or_default();
                tell(Told::Closed(&name))?;
            }
            Event::Decl(declaration) => refuse_encoding(&declaration)?,
            // The reference to a DTD is never followed; declarations inside are where bombs are made.
            Event::DocType(text) if text.contains('[') => return Err(Flaw::Entities),
            Event::GeneralRef(name) if !is_plain(&name) => return Err(Flaw::Entities),
            Event::Eof if !open.is_empty() || elements == 0 => return Err(truncated(&reader)),
            Event::Eof => return Ok(()),
            Event::DocType(_)
            | Event::GeneralRef(_)
            | Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::PI(_) => {}
        }
    }
}

fn truncated<R: BufRead>(reader: &Reader<R>) -> Flaw {
    Flaw::Truncated { bytes: reader.buffer_position() }
}

fn flaw_of<R: BufRead>(error: &quick_xml::Error, reader: &Reader<R>) -> Flaw {
    if let quick_xml::Error::Io(error) = error {
        return of_io(error);
    }
    if let quick_xml::Error::Encoding(_) = error {
        return Flaw::Encoding("another encoding".to_owned());
    }
    // What is opened and never closed.
    if let quick_xml::Error::Syntax(_) = error {
        return truncated(reader);
    }
    Flaw::Damaged { what: format!("{error}, at byte {}", reader.buffer_position()) }
}

/// The five that every XML has, and characters by number.
fn is_plain(name: &str) -> bool {
    name.starts_with('#') || matches!(name, "lt" | "gt" | "amp" | "quot" | "apos")
}

fn refuse_encoding(declaration: &quick_xml::events::BytesDecl<'_>) -> Result<(), Flaw> {
    let Some(Ok(name)) = declaration.encoding() else { return Ok(()) };
    let reads_alike = ["utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "windows-1252"];
    if reads_alike.contains(&name.to_ascii_lowercase().as_str()) {
        Ok(())
    } else {
        Err(Flaw::Encoding(name.into_owned()))
    }
}

fn element(start: &BytesStart<'_>) -> Result<Element, Flaw> {
    let name = start.local_name().as_ref().to_owned();
    let mut attributes = vec![];
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| Flaw::Damaged { what: error.to_string() })?;
        let key = attribute.key.local_name().as_ref().to_owned();
        let value = quick_xml::escape::unescape(&attribute.value).map_err(|_| Flaw::Entities)?.into_owned();
        attributes.push((key, value));
    }
    Ok(Element { name, attributes })
}

/// A document of another kind.
pub(crate) fn other(expected: &'static str, root: &str) -> Flaw {
    Flaw::Other { expected, found: format!("it begins with <{}>", root.chars().take(40).collect::<String>()) }
}

/// For documents that do not even begin as XML.
pub(crate) fn begins(first: u8, expected: &'static str) -> Result<(), Flaw> {
    if first == b'<' {
        return Ok(());
    }
    Err(Flaw::Other { expected, found: format!("it begins with `{}`", first.escape_ascii()) })
}
