//! Where progress goes: lines, or a live box with the lines scrolling above it.

use std::io::Stderr;

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Paragraph, Widget as _};
use ratatui::{Terminal, TerminalOptions, Viewport};
use staunch_api::v1::Service;

use crate::term::{Term, Tone};
use crate::view::frame::{HEIGHT, frame};
use crate::view::story::StoryLine;

pub(crate) enum Screen {
    Plain(Term),
    Live(Box<Live>),
}

/// Restores the terminal when dropped.
pub(crate) struct Live {
    terminal: Terminal<CrosstermBackend<Stderr>>,
    keys: &'static str,
}

impl Screen {
    /// A live box when the terminal can show one, else lines.
    pub(crate) fn open(term: &Term, keys: &'static str) -> Self {
        if !term.live {
            return Self::Plain(*term);
        }
        Live::open(keys).map_or(Self::Plain(*term), |live| Self::Live(Box::new(live)))
    }

    pub(crate) fn is_live(&self) -> bool {
        matches!(self, Self::Live(_))
    }

    pub(crate) fn tell(&mut self, line: &StoryLine) {
        match self {
            Self::Plain(term) => term.say(&line.painted(term)),
            Self::Live(live) => live.insert(styled(line)),
        }
    }

    pub(crate) fn draw(&mut self, view: &Service) {
        if let (Self::Live(live), Some(rollout)) = (self, &view.rollout) {
            let width = live.terminal.size().map_or(80, |size| usize::from(size.width));
            let mut lines = frame(view, rollout, width);
            lines.push(format!("  {}", live.keys));
            live.draw(&lines);
        }
    }
}

impl Live {
    fn open(keys: &'static str) -> std::io::Result<Self> {
        enable_raw_mode()?;
        let options = TerminalOptions { viewport: Viewport::Inline(HEIGHT + 1) };
        match Terminal::with_options(CrosstermBackend::new(std::io::stderr()), options) {
            Ok(terminal) => Ok(Self { terminal, keys }),
            Err(error) => {
                disable_raw_mode()?;
                Err(error)
            }
        }
    }

    fn insert(&mut self, line: Line<'static>) {
        let width = self.terminal.size().map_or(80, |size| usize::from(size.width)).max(1);
        let rows = line.width().div_ceil(width).max(1) as u16;
        let paragraph = Paragraph::new(line).wrap(ratatui::widgets::Wrap { trim: false });
        // A terminal that went away shows nothing; the rollout goes on.
        drop(self.terminal.insert_before(rows, |buffer| paragraph.render(buffer.area, buffer)));
    }

    fn draw(&mut self, lines: &[String]) {
        let text: Text<'_> = lines.iter().map(|line| Line::raw(line.as_str())).collect();
        drop(self.terminal.draw(|frame| frame.render_widget(Paragraph::new(text), frame.area())));
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        drop(self.terminal.clear());
        drop(disable_raw_mode());
        drop(self.terminal.show_cursor());
    }
}

fn styled(line: &StoryLine) -> Line<'static> {
    let mut spans = vec![
        Span::styled(format!("{} ", line.clock), style(Tone::Dim)),
        Span::styled(format!("{} ", line.mark), style(line.tone)),
    ];
    if !line.service.is_empty() {
        spans.push(Span::styled(format!("{} ", line.service), style(Tone::Strong)));
    }
    spans.push(Span::raw(line.text.clone()));
    Line::from(spans)
}

fn style(tone: Tone) -> Style {
    match tone {
        Tone::Plain => Style::new(),
        Tone::Good => Style::new().fg(Color::Green),
        Tone::Bad => Style::new().fg(Color::Red),
        Tone::Warn => Style::new().fg(Color::Yellow),
        Tone::Dim => Style::new().add_modifier(Modifier::DIM),
        Tone::Strong => Style::new().add_modifier(Modifier::BOLD),
    }
}
