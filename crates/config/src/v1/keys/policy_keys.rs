//! Keys of what is asked before a rollout: `[policy]`, `[[windows]]`, `[[versions]]`, `[environments.NAME]`.

use super::Given::{Default, Optional, Required};
use super::{DAY, Key, Kind, MINUTE, PROJECT, SERVICE_KEYS, Table, duration, key};

pub(super) const POLICY_KEY: Key = key(
    "policy",
    Kind::Table(&POLICY),
    Optional,
    "What is asked of every change before it may begin. Going back is never asked.",
);
pub(super) const WINDOWS_KEY: Key = key(
    "windows",
    Kind::Tables(&WINDOW),
    Optional,
    "When changes may begin. One [[windows]] table each; with at least one that allows, only while one of those is open.",
);
pub(super) const VERSIONS_KEY: Key = key(
    "versions",
    Kind::Tables(&VERSION),
    Optional,
    "What is known of versions. One [[versions]] table each: what they need, what they break, how they are reached.",
);
pub(super) const ENVIRONMENTS_KEY: Key = key(
    "environments",
    Kind::Environments,
    Optional,
    "What is different in an environment: [environments.NAME] with any key of this file. `--env NAME` chooses it.",
);

pub(crate) static POLICY: Table = Table {
    groups: &[&[
        key(
            "max-share",
            Kind::Weight,
            Optional,
            "The largest share of the traffic before the promotion, in percent.",
        ),
        key(
            "max-rise",
            Kind::Weight,
            Optional,
            "The largest rise from one step to the next, the promotion included.",
        ),
        key(
            "min-steps",
            Kind::Integer { least: 1, most: 100 },
            Optional,
            "The least number of steps before 100 %.",
        ),
        key("min-hold", duration(0, 30 * DAY), Optional, "The least time at each step."),
        key("min-bake", duration(0, 30 * DAY), Optional, "The least time for which the old version is kept."),
        key(
            "max-surge",
            Kind::Integer { least: 0, most: 1_000 },
            Optional,
            "How many instances may run beyond `replicas` during a rollout.",
        ),
        key(
            "max-unavailable",
            Kind::Integer { least: 0, most: 1_000 },
            Optional,
            "How many of `replicas` may be missing on purpose during a rollout.",
        ),
        key(
            "requires",
            Kind::Texts,
            Optional,
            "\"baked in staging\": the same files must have ended their bake in that environment. One or a list.",
        ),
        key(
            "approvals",
            Kind::Table(&APPROVALS),
            Optional,
            "Other people who have to agree to a change first.",
        ),
        key(
            "attestations",
            Kind::File,
            Default("\".staunch/attestations\""),
            "The folder through which environments tell each other what has baked; on several machines a shared one.",
        ),
        key(
            "outside",
            Kind::Pairs,
            Default("{}"),
            "Versions of what Staunch does not run, for `requires` of [[versions]]: postgres = \"16.1\".",
        ),
    ]],
};

pub(crate) static APPROVALS: Table = Table {
    groups: &[&[
        key(
            "count",
            Kind::Integer { least: 1, most: 20 },
            Default("1"),
            "How many have to agree; the author's own word does not count.",
        ),
        key(
            "from",
            Kind::Texts,
            Optional,
            "Who may, by their login names. Left out: everyone but the author.",
        ),
        key(
            "within",
            duration(MINUTE, 30 * DAY),
            Default("\"24h\""),
            "How long a request stands; then it has to be made again.",
        ),
    ]],
};

pub(crate) static WINDOW: Table = Table {
    groups: &[&[
        key(
            "effect",
            Kind::Choice(&["allow", "deny"]),
            Default("\"allow\""),
            "What it does to changes while open.",
        ),
        key(
            "days",
            Kind::Choices(&["mon", "tue", "wed", "thu", "fri", "sat", "sun"]),
            Optional,
            "Days on which it opens. Left out: every day.",
        ),
        key("from", Kind::Clock, Default("\"00:00\""), "When it opens, by the clocks of `zone`."),
        key(
            "to",
            Kind::Clock,
            Default("\"24:00\""),
            "When it closes. Not later than `from`: on the next day.",
        ),
        key("zone", Kind::Text, Default("\"UTC\""), "A time zone such as \"Europe/Berlin\"."),
        key(
            "dates",
            Kind::Dates,
            Optional,
            "The only dates on which it opens: \"2026-12-20..2027-01-02\". Left out: any.",
        ),
        key("except", Kind::Dates, Optional, "Dates on which it does not open."),
        key("why", Kind::Text, Optional, "Shown to whoever is refused."),
        key("services", Kind::Texts, Optional, "The services it holds for. Left out: all."),
    ]],
};

pub(crate) static VERSION: Table = Table {
    groups: &[&[
        key(
            "service",
            Kind::ServiceName,
            Optional,
            "Whose versions. May be left out in a file with one service.",
        ),
        key(
            "version",
            Kind::Text,
            Required,
            "Which: a name such as \"2.0.1\", or a range such as \">=2, <3\".",
        ),
        key(
            "requires",
            Kind::Pairs,
            Default("{}"),
            "Other services, and the versions of them that these work with: auth = \">=2.1, <4\".",
        ),
        key(
            "breaks",
            Kind::Pairs,
            Default("{}"),
            "Other services, and the versions of them that these make fail.",
        ),
        key(
            "schema",
            Kind::Text,
            Optional,
            "The database schemas that these work with: \"12\" or \"12..14\".",
        ),
        key(
            "migrates-to",
            Kind::Integer { least: 0, most: 1 << 53 },
            Optional,
            "The database schema that these bring with them.",
        ),
        key("deprecated", Kind::Text, Optional, "Why nobody should deploy these any more."),
        key("upgrade-via", Kind::Texts, Optional, "Versions that have to be served before these."),
        key(
            "downgrade-to",
            Kind::Text,
            Optional,
            "The versions that can be deployed after these. Left out: any.",
        ),
        key("before", Kind::Texts, Optional, "What people do before these are deployed; shown by `plan`."),
        key("after", Kind::Texts, Optional, "What people do when these have succeeded; shown by `plan`."),
    ]],
};

/// Beside every other key: what a person would look for here belongs in [policy].
pub(crate) const OF_POLICY: [&str; 2] = ["requires", "approvals"];

pub(crate) static ENVIRONMENT: Table = Table {
    groups: &[
        PROJECT,
        SERVICE_KEYS,
        &[
            key("requires", Kind::Texts, Optional, "The same as `requires` of its [policy]."),
            key("approvals", Kind::Table(&APPROVALS), Optional, "The same as `approvals` of its [policy]."),
        ],
    ],
};
