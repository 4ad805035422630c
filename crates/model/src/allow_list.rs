//! The form of an allow-list: one value per line.

use crate::WhoSpec;

/// Largest file in bytes.
pub const ALLOW_LIST_BYTES: u64 = 1_000_000;
/// Most lines, empty ones and comments included.
pub const ALLOW_LIST_LINES: usize = 50_000;

/// Why a text is no allow-list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AllowFlaw {
    #[error("it is larger than 1 MB")]
    TooLarge,
    #[error("it has more than 50 000 lines")]
    TooManyLines,
    #[error("line {0} is not UTF-8 text")]
    NotText(usize),
    #[error("line {0} is longer than 256 bytes")]
    LongLine(usize),
    #[error("line {0} has a control character")]
    ControlCharacter(usize),
    #[error("it has no value")]
    Empty,
}

impl AllowFlaw {
    pub fn fix(self) -> &'static str {
        match self {
            Self::TooLarge | Self::TooManyLines => {
                "Give these users a header or cookie of their own instead, and match that"
            }
            Self::NotText(_) | Self::LongLine(_) | Self::ControlCharacter(_) => {
                "Write one value per line, as it stands in the header or cookie; `#` begins a comment line"
            }
            Self::Empty => "Write at least one value, or leave `allow` out",
        }
    }
}

/// The values of an allow-list, in its order. White space around them, empty lines and lines that begin with `#` are
/// left out; a value may be there twice.
///
/// # Errors
/// The first flaw, with its line counted from 1.
pub fn allow_list(bytes: &[u8]) -> Result<Vec<&str>, AllowFlaw> {
    if bytes.len() as u64 > ALLOW_LIST_BYTES {
        return Err(AllowFlaw::TooLarge);
    }
    // An editor of another system marks UTF-8 with these.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut values = Vec::new();
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        if number > ALLOW_LIST_LINES && !line.is_empty() {
            return Err(AllowFlaw::TooManyLines);
        }
        values.extend(value(line, number)?);
    }
    if values.is_empty() { Err(AllowFlaw::Empty) } else { Ok(values) }
}

fn value(line: &[u8], number: usize) -> Result<Option<&str>, AllowFlaw> {
    let line = std::str::from_utf8(line).map_err(|_| AllowFlaw::NotText(number))?.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    if line.len() > WhoSpec::LONGEST_VALUE {
        return Err(AllowFlaw::LongLine(number));
    }
    if line.chars().any(char::is_control) {
        return Err(AllowFlaw::ControlCharacter(number));
    }
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_per_line() {
        let text = "\u{feff}# testers\r\nanna\r\n\n  bob  \nzoë\nanna".as_bytes();
        assert_eq!(allow_list(text), Ok(vec!["anna", "bob", "zoë", "anna"]));
    }

    #[test]
    fn a_flaw_names_its_line() {
        assert_eq!(allow_list(b"# nobody\n\n"), Err(AllowFlaw::Empty));
        assert_eq!(allow_list(b"anna\n\xff\n"), Err(AllowFlaw::NotText(2)));
        assert_eq!(allow_list(b"anna\na\0b\n"), Err(AllowFlaw::ControlCharacter(2)));
        assert_eq!(allow_list(&[b'a'; 257]), Err(AllowFlaw::LongLine(1)));
        assert_eq!(allow_list(&[b'\n'; 1_000_001]), Err(AllowFlaw::TooLarge));
        assert_eq!(allow_list(&b"a\n".repeat(50_001)), Err(AllowFlaw::TooManyLines));
        assert_eq!(allow_list(&b"a\n".repeat(50_000)).map(|values| values.len()), Ok(50_000));
    }
}
