//! The keys of `[rolling]`.

use super::Given::{Default, Optional};
use super::{DAY, DEADLINE_KEYS, Kind, Table, duration, key};

pub(crate) static ROLLING: Table = Table {
    groups: &[
        &[
            key(
                "max-surge",
                Kind::Integer { least: 0, most: 1_000 },
                Default("1"),
                "Processes beyond `replicas`, at most, those that still finish their work included.",
            ),
            key(
                "max-unavailable",
                Kind::Integer { least: 0, most: 1_000 },
                Default("0"),
                "Ready instances that may be missing from `replicas`. With `max-surge = 0` an old instance ends before \
                 the new one starts: two never run at once in one place.",
            ),
            key(
                "hold",
                duration(0, 30 * DAY),
                Optional,
                "The least time after each replacement. Left out: \"5s\" where gates of your own judge, else \"10s\".",
            ),
            key(
                "pause-after",
                Kind::Integer { least: 1, most: 1_000 },
                Optional,
                "After so many new instances stop until a person promotes.",
            ),
            key(
                "bake",
                duration(0, 30 * DAY),
                Default("\"30s\""),
                "How long the new version is watched after the last replacement; until then it goes back by itself.",
            ),
        ],
        DEADLINE_KEYS,
    ],
};
