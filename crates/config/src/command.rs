//! A command line as words, without a shell: quotes and backslashes as in POSIX, and a refusal of everything
//! that only a shell would understand.

use std::ops::Range;

/// Why a line is not a list of words; `at` is a byte range of the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CommandFlaw {
    Empty,
    Unbalanced { at: Range<usize> },
    Shell { at: Range<usize> },
}

/// Splits a line into words.
pub(crate) fn split(line: &str) -> Result<Vec<String>, CommandFlaw> {
    let mut words = Vec::new();
    let mut rest = Cursor { line, at: 0 };
    while let Some(word) = rest.word()? {
        words.push(word);
    }
    if words.is_empty() { Err(CommandFlaw::Empty) } else { Ok(words) }
}

struct Cursor<'a> {
    line: &'a str,
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<char> {
        self.line[self.at..].chars().next()
    }
    fn next(&mut self) -> Option<char> {
        let found = self.peek()?;
        self.at += found.len_utf8();
        Some(found)
    }
    fn word(&mut self) -> Result<Option<String>, CommandFlaw> {
        while self.peek().is_some_and(is_space) {
            self.next();
        }
        if self.peek() == Some('#') {
            return Err(CommandFlaw::Shell { at: self.at..self.at + 1 });
        }
        let mut word = self.peek().map(|_| String::new());
        while let (Some(found), Some(word)) = (self.peek().filter(|&c| !is_space(c)), word.as_mut()) {
            self.refuse_shell()?;
            self.next();
            match found {
                '\'' => self.single_quoted(word)?,
                '"' => self.double_quoted(word)?,
                '\\' => self.escaped(word)?,
                plain => word.push(plain),
            }
        }
        Ok(word)
    }
    fn single_quoted(&mut self, word: &mut String) -> Result<(), CommandFlaw> {
        let open = self.at - 1;
        loop {
            match self.next() {
                Some('\'') => return Ok(()),
                Some(inside) => word.push(inside),
                None => return Err(CommandFlaw::Unbalanced { at: open..open + 1 }),
            }
        }
    }
    fn double_quoted(&mut self, word: &mut String) -> Result<(), CommandFlaw> {
        let open = self.at - 1;
        loop {
            if self.line[self.at..].starts_with('`') || self.line[self.at..].starts_with("$(") {
                self.refuse_shell()?;
            }
            match self.next() {
                Some('"') => return Ok(()),
                Some('\\') if self.peek().is_some_and(|c| "\"\\$`".contains(c)) => word.extend(self.next()),
                Some('\\') if self.peek() == Some('\n') => drop(self.next()),
                Some(inside) => word.push(inside),
                None => return Err(CommandFlaw::Unbalanced { at: open..open + 1 }),
            }
        }
    }
    fn escaped(&mut self, word: &mut String) -> Result<(), CommandFlaw> {
        match self.next() {
            Some('\n') => Ok(()),
            Some(literal) => {
                word.push(literal);
                Ok(())
            }
            None => Err(CommandFlaw::Unbalanced { at: self.at - 1..self.at }),
        }
    }
    fn refuse_shell(&self) -> Result<(), CommandFlaw> {
        let rest = &self.line[self.at..];
        let long = ["&&", "||", ">>", "$("].into_iter().find(|op| rest.starts_with(op)).map(str::len);
        let short = rest.starts_with(['|', '&', ';', '<', '>', '`', '(', ')']).then_some(1);
        match long.or(short) {
            Some(length) => Err(CommandFlaw::Shell { at: self.at..self.at + length }),
            None => Ok(()),
        }
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// The first `$NAME` without braces, which nothing will replace.
pub(crate) fn bare_variable(word: &str) -> Option<&str> {
    let (at, _) = word.match_indices('$').find(|&(at, _)| word[at + 1..].starts_with(starts_name))?;
    let rest = &word[at + 1..];
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    Some(&word[at..at + 1 + end])
}

fn starts_name(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_only_a_shell_understands_is_refused_where_it_stands() {
        for (line, at) in [
            ("a | b", 2..3),
            ("a && b", 2..4),
            ("a;b", 1..2),
            ("a > log", 2..3),
            ("a `id`", 2..3),
            ("a $(id)", 2..4),
            ("a \"$(id)\"", 3..5),
            ("a 2>&1", 3..4),
            ("a # b", 2..3),
        ] {
            assert_eq!(split(line), Err(CommandFlaw::Shell { at }), "{line}");
        }
    }

    #[test]
    fn quoted_operators_are_plain_words() {
        let words = split(r#"sh -c 'a | b && c' "x;y" \; ${PORT}"#).unwrap();
        assert_eq!(words, ["sh", "-c", "a | b && c", "x;y", ";", "${PORT}"]);
    }

    #[test]
    fn nothing_and_open_quotes_are_refused() {
        assert_eq!(split(" \t"), Err(CommandFlaw::Empty));
        assert_eq!(split("a 'b"), Err(CommandFlaw::Unbalanced { at: 2..3 }));
        assert_eq!(split("a \"b"), Err(CommandFlaw::Unbalanced { at: 2..3 }));
        assert_eq!(split("a \\"), Err(CommandFlaw::Unbalanced { at: 2..3 }));
    }

    #[test]
    fn only_a_variable_without_braces_is_found() {
        assert_eq!(bare_variable("--port=$PORT,x"), Some("$PORT"));
        assert_eq!(bare_variable("${PORT} $5 $"), None);
    }

    proptest! {
        /// An independent splitter agrees wherever no shell syntax is involved.
        #[test]
        fn words_are_those_of_posix(line in r#"[a-zü \t'"\\$/=-]{0,30}"#) {
            let ours = match split(&line) {
                Ok(words) => Some(words),
                Err(CommandFlaw::Empty) => Some(Vec::new()),
                Err(CommandFlaw::Unbalanced { .. } | CommandFlaw::Shell { .. }) => None,
            };
            prop_assert_eq!(ours, shlex::split(&line));
        }
    }
}
