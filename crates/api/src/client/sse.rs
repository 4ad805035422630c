//! Server-sent events, as far as this API sends them.

/// One event with data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) id: Option<u64>,
    pub(super) name: String,
    pub(super) data: String,
}

/// Turns bytes, cut anywhere, into frames.
#[derive(Debug, Default)]
pub(super) struct Parser {
    pending: Vec<u8>,
    id: Option<u64>,
    name: String,
    data: Vec<String>,
}

/// Longest line: an event of a rollback carries its evidence. A peer that sends more is not this API.
const LONGEST: usize = 16 * 1024 * 1024;

impl Parser {
    /// `None` when a line has no end in sight.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Option<Vec<Frame>> {
        self.pending.extend_from_slice(bytes);
        let Some(end) = self.pending.iter().rposition(|byte| *byte == b'\n') else {
            return (self.pending.len() <= LONGEST).then(Vec::new);
        };
        let whole: Vec<u8> = self.pending.drain(..=end).collect();
        let text = String::from_utf8_lossy(&whole);
        Some(text.lines().filter_map(|line| self.line(line)).collect())
    }

    fn line(&mut self, line: &str) -> Option<Frame> {
        if line.is_empty() {
            return self.finish();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.id = value.parse().ok(),
            "event" => value.clone_into(&mut self.name),
            "data" => self.data.push(value.to_owned()),
            _ => {}
        }
        None
    }

    fn finish(&mut self) -> Option<Frame> {
        let (id, name) = (self.id.take(), std::mem::take(&mut self.name));
        let data = std::mem::take(&mut self.data);
        (!data.is_empty()).then(|| Frame { id, name, data: data.join("\n") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_any_cut() {
        let text =
            ":\n\nid: 7\nevent: admitted\ndata: {\"a\":\"ä\"}\n\n:\n\nevent: service\ndata: {}\n\nid: 8\n";
        let expected = vec![
            Frame { id: Some(7), name: "admitted".to_owned(), data: "{\"a\":\"ä\"}".to_owned() },
            Frame { id: None, name: "service".to_owned(), data: "{}".to_owned() },
        ];
        for cut in 0..=text.len() {
            let (head, tail) = text.as_bytes().split_at(cut);
            let mut parser = Parser::default();
            let mut frames = parser.feed(head).unwrap();
            frames.extend(parser.feed(tail).unwrap());
            assert_eq!(frames, expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_line_without_end_is_refused_instead_of_kept() {
        let mut parser = Parser::default();
        let chunk = vec![b'x'; 1024 * 1024];
        assert!((0..=16).any(|_| parser.feed(&chunk).is_none()));
    }
}
