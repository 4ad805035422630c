//! Writing to people: results to standard output, everything else to standard error.

use std::io::{IsTerminal as _, Write as _};

use crate::args::{Color, Global, Output, Progress};

/// How this process talks, decided once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Term {
    pub(crate) output: Output,
    pub(crate) live: bool,
    pub(crate) quiet: bool,
    color_out: bool,
    color_err: bool,
    unicode: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Good,
    Bad,
    Warn,
    Dim,
    Strong,
}

impl Term {
    pub(crate) fn new(global: &Global) -> Self {
        let out = std::io::stdout().is_terminal();
        let err = std::io::stderr().is_terminal();
        let wanted = |terminal: bool| match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        };
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        let ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
        let live = match global.progress {
            Progress::Live => true,
            Progress::Plain | Progress::None => false,
            Progress::Auto => err && !dumb && !ci,
        };
        Self {
            output: global.output,
            live: live && global.output == Output::Text && !global.quiet,
            quiet: global.quiet || global.progress == Progress::None,
            color_out: wanted(out),
            color_err: wanted(err),
            unicode: is_utf8(),
        }
    }

    /// A line of the result.
    pub(crate) fn result(&self, text: &str) {
        // A closed pipe (`staunch history | head`) is the reader's choice, not an error.
        drop(writeln!(std::io::stdout(), "{}", self.charset(text)));
    }

    pub(crate) fn result_raw(&self, text: &str) {
        drop(write!(std::io::stdout(), "{text}"));
    }

    pub(crate) fn json(&self, value: &serde_json::Value) {
        let text = match self.output {
            Output::Jsonl => value.to_string(),
            Output::Json | Output::Text => serde_json::to_string_pretty(value).unwrap_or_default(),
        };
        drop(writeln!(std::io::stdout(), "{text}"));
    }

    /// A result in the form that was asked for.
    pub(crate) fn say_result(&self, text: &str, json: &serde_json::Value) {
        match self.output {
            Output::Text => self.result(text),
            Output::Json | Output::Jsonl => self.json(json),
        }
    }

    /// A line of progress.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            drop(writeln!(std::io::stderr(), "{}", self.charset(text)));
        }
    }

    /// A line that must be seen even when quiet.
    pub(crate) fn complain(&self, text: &str) {
        drop(writeln!(std::io::stderr(), "{}", self.charset(text)));
    }

    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        paint(self.color_err, tone, text)
    }

    pub(crate) fn paint_result(&self, tone: Tone, text: &str) -> String {
        paint(self.color_out, tone, text)
    }

    pub(crate) fn color_for_errors(&self) -> bool {
        self.color_err
    }

    fn charset(&self, text: &str) -> String {
        if self.unicode { text.to_owned() } else { ascii(text) }
    }
}

fn paint(on: bool, tone: Tone, text: &str) -> String {
    let code = match tone {
        Tone::Plain => return text.to_owned(),
        Tone::Good => "32",
        Tone::Bad => "31",
        Tone::Warn => "33",
        Tone::Dim => "2",
        Tone::Strong => "1",
    };
    if on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

fn is_utf8() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    // Without any locale (containers, CI) today's terminals and logs take UTF-8.
    set.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf") || locale == "c" || locale == "posix"
    })
}

fn ascii(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '✓' => "ok".to_owned(),
            '✕' => "x".to_owned(),
            '→' => "->".to_owned(),
            '↩' => "<-".to_owned(),
            '·' => "-".to_owned(),
            '…' => "...".to_owned(),
            '≈' => "~".to_owned(),
            '█' => "#".to_owned(),
            '░' => ".".to_owned(),
            '\u{a0}' => " ".to_owned(),
            c if c.is_ascii() => c.to_string(),
            _ => "?".to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_terminal_still_reads_well() {
        assert_eq!(ascii("✓ step 5 % → ≈ 3"), "ok step 5 % -> ~ 3");
    }

    #[test]
    fn colours_only_where_wanted() {
        assert_eq!(paint(false, Tone::Bad, "x"), "x");
        assert_eq!(paint(true, Tone::Bad, "x"), "\u{1b}[31mx\u{1b}[0m");
    }
}
