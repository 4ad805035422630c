/// A place in a text as people count: both from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineColumn {
    pub line: usize,
    pub column: usize,
}

impl LineColumn {
    /// The place of a byte offset; an offset past the end is the end.
    pub fn of(text: &str, offset: usize) -> Self {
        let before = &text[..floor_boundary(text, offset)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line_text = before[line_start..].trim_start_matches('\u{feff}');
        Self { line: before.matches('\n').count() + 1, column: line_text.chars().count() + 1 }
    }
}

/// The nearest character boundary at or before `offset`.
pub(crate) fn floor_boundary(text: &str, offset: usize) -> usize {
    (0..=offset.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_from_one() {
        let text = "\u{feff}a = 1\r\nü = 2";
        assert_eq!(LineColumn::of(text, 3), LineColumn { line: 1, column: 1 });
        assert_eq!(LineColumn::of(text, text.len()), LineColumn { line: 2, column: 6 });
        assert_eq!(LineColumn::of(text, 9_999), LineColumn { line: 2, column: 6 });
    }
}
