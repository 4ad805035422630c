use serde::{Deserialize, Serialize};

/// Who caused an event: a person by their login name, or Staunch itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "name")]
pub enum Actor {
    Person(String),
    Staunch,
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Person(name) => f.write_str(name),
            Self::Staunch => f.write_str("staunch"),
        }
    }
}
