//! A reader that ends what would take too much memory: parsers keep one text at a time, so no text may be huge.

use std::io::{BufRead, BufReader, Read};

use crate::Flaw;

/// Ten times the largest report we know of.
pub(crate) const MOST_BYTES: u64 = 1 << 30;
/// Captured output of a test may be some megabytes.
pub(crate) const MOST_TEXT: u64 = 16 << 20;

/// What separates the texts of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Xml,
    Json,
    Text,
}

pub(crate) struct Guard<R> {
    inner: R,
    form: Form,
    pub(crate) total: u64,
    /// Bytes of the present text.
    text: u64,
    in_string: bool,
    escaped: bool,
}

/// Looks at the first bytes: what they are, without the mark that some tools write before UTF-8.
///
/// # Errors
/// [`Flaw::Empty`] and [`Flaw::Encoding`].
pub(crate) fn first_byte(source: &mut impl BufRead) -> Result<u8, Flaw> {
    let look = source.fill_buf().map_err(|error| crate::flaw::of_io(&error))?;
    let mark = match look {
        [0xef, 0xbb, 0xbf, ..] => 3,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Err(Flaw::Encoding("UTF-16".to_owned())),
        _ => 0,
    };
    source.consume(mark);
    loop {
        let look = source.fill_buf().map_err(|error| crate::flaw::of_io(&error))?;
        let Some(&first) = look.first() else { return Err(Flaw::Empty) };
        if !first.is_ascii_whitespace() {
            return Ok(first);
        }
        source.consume(1);
    }
}

impl<R: Read> Guard<R> {
    pub(crate) fn new(inner: R, form: Form) -> BufReader<Self> {
        BufReader::new(Self { inner, form, total: 0, text: 0, in_string: false, escaped: false })
    }

    fn watch(&mut self, bytes: &[u8]) -> Result<(), Flaw> {
        self.total += bytes.len() as u64;
        if self.total > MOST_BYTES {
            return Err(Flaw::Large { most: MOST_BYTES });
        }
        bytes.iter().for_each(|&byte| self.count(byte));
        if self.text > MOST_TEXT { Err(Flaw::LongText { most: MOST_TEXT }) } else { Ok(()) }
    }

    fn count(&mut self, byte: u8) {
        let between = match self.form {
            Form::Xml => matches!(byte, b'<' | b'>'),
            Form::Text => byte == b'\n',
            Form::Json => return self.count_json(byte),
        };
        self.text = if between { 0 } else { self.text + 1 };
    }

    /// Numbers are texts as well: outside of strings only what can follow a value ends one.
    fn count_json(&mut self, byte: u8) {
        let ends = if self.in_string { byte == b'"' && !self.escaped } else { !byte.is_ascii_alphanumeric() };
        self.escaped = self.in_string && byte == b'\\' && !self.escaped;
        if byte == b'"' && (ends || !self.in_string) {
            self.in_string = !self.in_string;
        }
        self.text = if ends { 0 } else { self.text + 1 };
    }
}

impl<R: Read> Read for Guard<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(into)?;
        self.watch(&into[..read])?;
        Ok(read)
    }
}
