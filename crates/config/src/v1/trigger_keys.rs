//! The keys of what `[triggers]` watches.

use super::keys::{Given, Key, Kind, Table, duration, key};

use Given::{Default, Optional};

const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;
const DAY: u64 = 24 * HOUR;
const MEBI: u64 = 1 << 20;

const fn share() -> Kind {
    Kind::Share { least: 0.001, most: 99.999 }
}
const fn sustain() -> Key {
    key(
        "for",
        duration(0, DAY),
        Default("\"30s\""),
        "How long without a break, from the first bad sight to the last; a gap begins anew.",
    )
}
const fn cooldown() -> Key {
    key(
        "cooldown",
        duration(SECOND, DAY),
        Default("\"5m\""),
        "After a warning, how long nothing more is said.",
    )
}
const fn min_count() -> Key {
    key(
        "min-count",
        Kind::Integer { least: 1, most: 1_000_000 },
        Default("20"),
        "Fewer requests than this in a look are too little traffic, and never fire.",
    )
}

const RATE_DOC: &str = "The share of the new version's requests that fail: 5xx, refused, timed out or reset.";
const SUCCESS_DOC: &str = "The share of the new version's requests that do not fail.";
const P50_DOC: &str = "The time within which half of the new version's requests are answered.";
const P95_DOC: &str = "The time within which 95 % of the new version's requests are answered.";
const P99_DOC: &str = "The time within which 99 % of the new version's requests are answered.";

/// Beside the plain limits.
pub(crate) const RULES: &[Key] = &[
    key("error-rate", Kind::Table(&ERROR_RATE), Optional, RATE_DOC),
    key("success-rate", Kind::Table(&SUCCESS_RATE), Optional, SUCCESS_DOC),
    key("latency-p50", Kind::Table(&LATENCY), Optional, P50_DOC),
    key("latency-p95", Kind::Table(&LATENCY), Optional, P95_DOC),
    key("latency-p99", Kind::Table(&LATENCY), Optional, P99_DOC),
    key(
        "throughput",
        Kind::Table(&THROUGHPUT),
        Optional,
        "Requests per second of the service, both versions together: users have stopped coming.",
    ),
    key(
        "healthy",
        Kind::Table(&HEALTHY),
        Optional,
        "The share of the instances needed for the new version's traffic that are ready. Takes the place of \
         `unready-for`.",
    ),
    key(
        "error-spike",
        Kind::Table(&SPIKE),
        Optional,
        "How much more often the new version's requests fail than the running version's at the same time.",
    ),
    key("cpu", Kind::Table(&CPU), Optional, "CPU of the new version's instances."),
    key(
        "restarts",
        Kind::Table(&RESTARTS),
        Optional,
        "Ends of the new version's processes, all instances together.",
    ),
    key(
        "oom",
        Kind::Choice(&["rollback", "warn"]),
        Optional,
        "When the kernel kills an instance of the new version for want of memory. Left out: an end like any other.",
    ),
    key(
        "dependency",
        Kind::Dependencies,
        Optional,
        "What the service needs: one `[triggers.dependency.NAME]` table each, asked from the first user on the new \
         version to the end of the bake.",
    ),
];

static ERROR_RATE: Table = Table {
    groups: &[&[
        key("warn", share(), Optional, "Above this people are told; nothing is held."),
        key("rollback", share(), Optional, "Above this the release is taken back."),
        sustain(),
        cooldown(),
        min_count(),
    ]],
};

static SUCCESS_RATE: Table = Table {
    groups: &[&[
        key("warn", share(), Optional, "Below this people are told; nothing is held."),
        key("rollback", share(), Optional, "Below this the release is taken back."),
        sustain(),
        cooldown(),
        min_count(),
    ]],
};

static LATENCY: Table = Table {
    groups: &[&[
        key("warn", duration(1, HOUR), Optional, "Above this people are told; nothing is held."),
        key("rollback", duration(1, HOUR), Optional, "Above this the release is taken back."),
        sustain(),
        cooldown(),
        min_count(),
    ]],
};

const fn rate() -> Kind {
    Kind::Integer { least: 1, most: 10_000_000 }
}

static THROUGHPUT: Table = Table {
    groups: &[&[
        key("warn", rate(), Optional, "Below this people are told; nothing is held."),
        key("min", rate(), Optional, "Below this the release is taken back."),
        sustain(),
        cooldown(),
    ]],
};

static HEALTHY: Table = Table {
    groups: &[&[
        key(
            "warn",
            Kind::Share { least: 1.0, most: 100.0 },
            Optional,
            "Below this people are told; nothing is held.",
        ),
        key(
            "min",
            Kind::Share { least: 1.0, most: 100.0 },
            Optional,
            "Below this the release is taken back.",
        ),
        key("for", duration(0, DAY), Default("\"10s\""), "How long without a break; a gap begins anew."),
        cooldown(),
    ]],
};

const fn increase() -> Kind {
    Kind::Share { least: 1.0, most: 100_000.0 }
}

static SPIKE: Table = Table {
    groups: &[&[
        key(
            "warn",
            increase(),
            Optional,
            "More than this above the running version's rate, people are told.",
        ),
        key(
            "increase",
            increase(),
            Optional,
            "More than this above the running version's rate, the release is taken back: \"50%\" is half as often \
             again.",
        ),
        key(
            "window",
            duration(SECOND, 600 * SECOND),
            Default("\"60s\""),
            "What is compared: the last so long.",
        ),
        key(
            "min-count",
            Kind::Integer { least: 1, most: 1_000_000 },
            Default("20"),
            "Fewer failed requests of the new version than this in the window never fire.",
        ),
        cooldown(),
    ]],
};

const fn cores() -> Kind {
    Kind::Share { least: 1.0, most: 100_000.0 }
}

static CPU: Table = Table {
    groups: &[&[
        key("warn", cores(), Optional, "Above this share of one core in one instance, people are told."),
        key(
            "max",
            cores(),
            Optional,
            "Above this share of one core in one instance, the release is taken back.",
        ),
        key(
            "max-vs-stable",
            Kind::Growth,
            Optional,
            "At most this much more than the running version, for an instance and for a request.",
        ),
        sustain(),
        cooldown(),
    ]],
};

const fn size() -> Kind {
    Kind::Size { least: MEBI, most: 1 << 50 }
}

pub(crate) static MEMORY: Table = Table {
    groups: &[&[
        key("warn", size(), Optional, "Above this in one instance, people are told."),
        key("max", size(), Optional, "Above this in one instance, the release is taken back."),
        key(
            "max-vs-stable",
            Kind::Growth,
            Optional,
            "At most this much more than an instance of the running version has.",
        ),
        sustain(),
        cooldown(),
    ]],
};

const fn ends() -> Kind {
    Kind::Integer { least: 0, most: 10 }
}

static RESTARTS: Table = Table {
    groups: &[&[
        key("warn", ends(), Optional, "More ends than this, and people are told."),
        key("max", ends(), Optional, "More ends than this, and the release is taken back."),
        key("window", duration(SECOND, DAY), Default("\"10m\""), "The time in which they are counted."),
        cooldown(),
    ]],
};

pub(crate) static DEPENDENCY: Table = Table {
    groups: &[&[
        key("tcp", Kind::HostPort, Optional, "A connection to `host:port` is accepted."),
        key("http", Kind::HttpUrl, Optional, "GET on this `http://` address is answered with 200 to 399."),
        key(
            "postgres",
            Kind::HostPort,
            Optional,
            "PostgreSQL at `host:port` answers the first message of its protocol; nobody logs in.",
        ),
        key(
            "redis",
            Kind::HostPort,
            Optional,
            "Redis at `host:port` answers PING, if only by asking for a password.",
        ),
        key("command", Kind::Command, Optional, "This command ends with exit status 0."),
        key("interval", duration(100, HOUR), Default("\"5s\""), "From one look to the next."),
        key("timeout", duration(10, 60 * SECOND), Default("\"2s\""), "No answer for this long is a failure."),
        key(
            "fall",
            Kind::Integer { least: 1, most: 100 },
            Default("3"),
            "Failures in a row until it counts as failing.",
        ),
        key("for", duration(0, DAY), Default("\"10s\""), "How long it must be failing without a break."),
        cooldown(),
        key(
            "action",
            Kind::Choice(&["rollback", "warn"]),
            Default("\"rollback\""),
            "Take the release back, or only tell people.",
        ),
        key(
            "used-by",
            Kind::Choice(&["both", "new"]),
            Optional,
            "Whether the running version needs it too. Left out: it does if it was deployed with the same target.",
        ),
        key(
            "shared",
            Kind::Choice(&["page", "rollback"]),
            Default("\"page\""),
            "When it fails for both versions: tell people and go on, or take the release back all the same.",
        ),
    ]],
};
