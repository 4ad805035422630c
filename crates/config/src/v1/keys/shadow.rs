//! The keys of `[shadow]`.

use super::Given::Default;
use super::{DAY, Key, Kind, MEBI, Table, duration, key};

pub(crate) static SHADOW: Table = Table { groups: &[KEYS] };

const KEYS: &[Key] = &[
    key(
        "share",
        Kind::Weight,
        Default("100"),
        "The share of the requests, in percent, that is copied to the new version. Nobody gets its answers.",
    ),
    key(
        "methods",
        Kind::Methods,
        Default("[\"GET\", \"HEAD\"]"),
        "Requests with one of these methods are copied. Naming another than GET and HEAD allows that a write happens \
         twice; the app can tell a copy by its header `Staunch-Shadow: 1`.",
    ),
    key(
        "hold",
        duration(0, 30 * DAY),
        Default("\"30s\""),
        "The least time of the stage, whatever the evidence says.",
    ),
    key(
        "requests",
        Kind::Integer { least: 1, most: 1_000_000_000 },
        Default("500"),
        "Pairs of answers to compare before the stage may pass.",
    ),
    key(
        "max-differences",
        Kind::Share { least: 0.01, most: 100.0 },
        Default("\"1%\""),
        "Share of the answers that may differ from those of the running version. \"100%\" only reports them.",
    ),
    key(
        "max-errors",
        Kind::Share { least: 0.01, most: 50.0 },
        Default("\"1%\""),
        "How much more often than the running version the new one may fail, as a share of all copies.",
    ),
    key(
        "max-slower",
        Kind::Growth,
        Default("\"+50%\""),
        "How much longer than the running version the new one may take for the same request, in most cases.",
    ),
    key(
        "headers",
        Kind::Headers,
        Default("[\"content-type\", \"location\"]"),
        "Headers of the answers that are compared, beside status and body.",
    ),
    key(
        "ignore",
        Kind::Places,
        Default("[]"),
        "What is not compared: places in JSON such as \"/items/*/id\", or \"body\". What the running version answers \
         differently when it is asked twice is found and left out anyway.",
    ),
    key(
        "max-body",
        Kind::Size { least: 0, most: 64 * MEBI },
        Default("\"64KiB\""),
        "Requests with a larger body are not copied; of larger answers status and headers alone are compared.",
    ),
    key(
        "concurrency",
        Kind::Integer { least: 1, most: 4_096 },
        Default("64"),
        "Copies under way at the same time; what comes on top is not copied, and counted.",
    ),
    key(
        "then",
        Kind::Choice(&["canary", "stop"]),
        Default("\"canary\""),
        "What follows when nothing speaks against the new version: the steps, or the end without a promotion.",
    ),
];
