//! JSON as a stream: lists are folded item by item and never kept.

use std::fmt;
use std::io::{BufReader, Read};
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::Flaw;
use crate::flaw::of_io;
use crate::guard::Guard;

/// A list that was folded. `null` is no list.
#[derive(Debug)]
pub(crate) struct Folded<T>(pub(crate) Option<T>);

impl<T> Default for Folded<T> {
    fn default() -> Self {
        Self(None)
    }
}

/// What a list of items comes to.
pub(crate) trait Fold: Default {
    type Item: DeserializeOwned;
    fn add(&mut self, item: Self::Item);
}

impl<'de, T: Fold> Deserialize<'de> for Folded<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(List(PhantomData))
    }
}

struct List<T>(PhantomData<T>);

impl<'de, T: Fold> Visitor<'de> for List<T> {
    type Value = Folded<T>;
    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a list")
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Folded(None))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut sum = T::default();
        while let Some(item) = items.next_element()? {
            sum.add(item);
        }
        Ok(Folded(Some(sum)))
    }
}

/// The whole document, and nothing behind it.
pub(crate) fn document<R: Read, T: DeserializeOwned>(
    source: BufReader<Guard<R>>,
    first: u8,
    expected: &'static str,
) -> Result<T, Flaw> {
    if first != b'{' {
        return Err(Flaw::Other { expected, found: format!("it begins with `{}`", first.escape_ascii()) });
    }
    let mut from = serde_json::Deserializer::from_reader(source);
    let read = T::deserialize(&mut from).and_then(|read| from.end().map(|()| read));
    read.map_err(|error| flaw(error, expected))
}

fn flaw(error: serde_json::Error, expected: &'static str) -> Flaw {
    let what = error.to_string();
    match error.classify() {
        serde_json::error::Category::Io => of_io(&error.into()),
        serde_json::error::Category::Eof => Flaw::Damaged { what: format!("it ends in the middle: {what}") },
        serde_json::error::Category::Data => Flaw::Other { expected, found: what },
        serde_json::error::Category::Syntax => Flaw::Damaged { what },
    }
}
