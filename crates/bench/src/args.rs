//! `--name value` pairs, and what follows `--`.

use std::collections::BTreeMap;
use std::error::Error;
use std::str::FromStr;

pub(crate) struct Args {
    named: BTreeMap<String, String>,
    pub(crate) rest: Vec<String>,
}

/// `http://HOST:PORT/PATH`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) authority: String,
    pub(crate) path: String,
}

impl Args {
    pub(crate) fn new(words: impl Iterator<Item = String>) -> Self {
        let mut words = words;
        let mut named = BTreeMap::new();
        while let Some(word) = words.next() {
            let Some(name) = word.strip_prefix("--").filter(|name| !name.is_empty()) else { break };
            named.insert(name.to_owned(), words.next().unwrap_or_default());
        }
        Self { named, rest: words.collect() }
    }

    pub(crate) fn text(&self, name: &str) -> Result<&str, String> {
        self.named.get(name).map(String::as_str).ok_or_else(|| format!("--{name} is missing"))
    }

    /// The value of `name`, or `None` when it was not given.
    pub(crate) fn maybe<T: FromStr>(&self, name: &str) -> Result<Option<T>, String> {
        let Some(text) = self.named.get(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| format!("--{name} {text}: not understood"))
    }

    pub(crate) fn url(&self) -> Result<Url, Box<dyn Error>> {
        Ok(self.text("url")?.parse()?)
    }

    pub(crate) fn port(&self) -> Result<u16, Box<dyn Error>> {
        match self.maybe("port")? {
            Some(port) => Ok(port),
            None => Ok(std::env::var("PORT").map_err(|_| "--port or PORT is needed")?.parse()?),
        }
    }
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest =
            text.strip_prefix("http://").ok_or_else(|| format!("{text} does not start with http://"))?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        Ok(Self { authority: authority.to_owned(), path: format!("/{path}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let url = |text: &str| text.parse::<Url>().map(|url| (url.authority, url.path));
        assert_eq!(url("http://127.0.0.1:80/a/b"), Ok(("127.0.0.1:80".to_owned(), "/a/b".to_owned())));
        assert_eq!(url("http://127.0.0.1:80"), Ok(("127.0.0.1:80".to_owned(), "/".to_owned())));
        assert!(url("127.0.0.1:80").is_err());
    }

    #[test]
    fn what_follows_two_dashes_is_left_alone() {
        let args = Args::new(["--runs", "3", "--", "ls", "--all"].map(String::from).into_iter());
        assert_eq!(args.maybe("runs"), Ok(Some(3)));
        assert_eq!(args.rest, ["ls", "--all"]);
        assert!(args.maybe::<u32>("gone").unwrap().is_none());
        assert!(args.text("gone").is_err());
    }
}
