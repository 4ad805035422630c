//! JSON compared value by value; places are JSON pointers in which `*` stands for any index.

use serde_json::Value;

use super::compare::{Difference, Kind, MOST};

pub(crate) fn parse(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok()
}

/// Adds where the two differ, each place once, until there are enough. The depth is bounded by the parser.
pub(crate) fn differences(stable: &Value, shadow: &Value, into: &mut Vec<Difference>) {
    Walk { into, place: String::new() }.compare(stable, shadow);
}

struct Walk<'a> {
    into: &'a mut Vec<Difference>,
    place: String,
}

impl Walk<'_> {
    fn compare(&mut self, stable: &Value, shadow: &Value) {
        if self.into.len() >= MOST || stable == shadow {
            return;
        }
        match (stable, shadow) {
            (Value::Object(one), Value::Object(other)) => {
                for (name, value) in one {
                    self.below(name, |walk| match other.get(name) {
                        Some(same) => walk.compare(value, same),
                        None => walk.note(Kind::Presence, text(value), "nothing".to_owned()),
                    });
                }
                for (name, value) in other.iter().filter(|(name, _)| !one.contains_key(*name)) {
                    self.below(name, |walk| walk.note(Kind::Presence, "nothing".to_owned(), text(value)));
                }
            }
            (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
                for (value, same) in one.iter().zip(other) {
                    self.below("*", |walk| walk.compare(value, same));
                }
            }
            (Value::Array(one), Value::Array(other)) => {
                let items = |list: &[Value]| format!("{} items", list.len());
                self.note(Kind::Length, items(one), items(other));
            }
            (one, other) if kind(one) == kind(other) => self.note(Kind::Value, text(one), text(other)),
            (one, other) => self.note(Kind::Type, text(one), text(other)),
        }
    }

    fn below(&mut self, name: &str, look: impl FnOnce(&mut Self)) {
        let length = self.place.len();
        self.place.push('/');
        self.place.push_str(&name.replace('~', "~0").replace('/', "~1"));
        look(self);
        self.place.truncate(length);
    }

    fn note(&mut self, kind: Kind, stable: String, shadow: String) {
        let known = self.into.iter().any(|one| one.place == self.place && one.kind == kind);
        if !known && self.into.len() < MOST {
            self.into.push(Difference { place: self.place.clone(), kind, stable, shadow });
        }
    }
}

fn text(value: &Value) -> String {
    value.to_string()
}

fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}
