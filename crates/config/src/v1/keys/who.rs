//! The keys of `[canary.who]`.

use super::Given::{Default, Optional};
use super::{DAY, Key, Kind, Table, duration, key};

pub(crate) static WHO: Table = Table { groups: &[KEYS] };

const KEYS: &[Key] = &[
    key(
        "header",
        Kind::Matches,
        Optional,
        "Requests with one of these headers: { X-Beta = \"yes\" }, a list of values, or true for any value.",
    ),
    key(
        "cookie",
        Kind::Matches,
        Optional,
        "Requests with one of these cookies: { beta = true }, a value or a list of values.",
    ),
    key(
        "query",
        Kind::Matches,
        Optional,
        "Requests with one of these parameters in their address: { beta = \"1\" }, decoded as forms are encoded.",
    ),
    key(
        "allow",
        Kind::File,
        Optional,
        "A file below the folder of this one, with one value per line: at most 1 MB and 50 000 lines, read when a rollout is made. \
         Needs `allow-header` or `allow-cookie`.",
    ),
    key(
        "allow-header",
        Kind::Token,
        Optional,
        "The header whose value is looked up in `allow`. Excludes `allow-cookie`.",
    ),
    key(
        "allow-cookie",
        Kind::Token,
        Optional,
        "The cookie whose value is looked up in `allow`. Excludes `allow-header`.",
    ),
    key(
        "hold",
        duration(0, 30 * DAY),
        Optional,
        "They have the new version alone for at least this long, before the first step. Left out: from the first step on.",
    ),
    key("pause", Kind::Flag, Default("false"), "They have the new version alone until a person promotes."),
    key(
        "requests",
        Kind::Integer { least: 0, most: 1_000_000_000 },
        Default("1"),
        "How many of their requests must have been answered before that step passes by itself.",
    ),
    key(
        "max-share",
        Kind::Share { least: 0.01, most: 100.0 },
        Default("\"20%\""),
        "The most of all requests of a minute that may be sent by name; 100 of them are always sent. Further ones are \
         split like everybody's, and the status says so. Capacity is started for this share too.",
    ),
];
