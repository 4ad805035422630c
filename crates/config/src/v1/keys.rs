//! Every key of the file: its form, range, default and meaning. The reader refuses what is not here, takes its
//! defaults from here, and the schema is printed from here.

mod checks;
mod control;
mod infra;
pub(crate) mod rolling_keys;
pub(crate) mod shadow;
mod who;

use super::trigger_keys;
pub(crate) use checks::{CHECKS, CONFIDENCE};
pub(crate) use infra::INFRA;

/// The keys of one table. Several groups, since the top level shares the keys of a service.
pub(crate) struct Table {
    pub(crate) groups: &'static [&'static [Key]],
}

impl Table {
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'static Key> {
        self.groups.iter().copied().flatten()
    }
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }
}

pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) given: Given,
    pub(crate) doc: &'static str,
}

/// What holds when the key is not in the file.
#[derive(Clone, Copy)]
pub(crate) enum Given {
    Required,
    /// Required by the form of the file, which the reader checks itself.
    ByForm,
    /// Absent means what the documentation says.
    Optional,
    /// A TOML value.
    Default(&'static str),
}

/// The form of a value.
pub(crate) enum Kind {
    ServiceName,
    /// A name for one content.
    Version,
    /// A path below the folder of the file.
    File,
    Files,
    /// A path or pattern below the folder of the file.
    Report,
    /// The same alone, or a table that has it.
    ReportOr(&'static Table),
    /// The path of an HTTP request.
    UrlPath,
    /// The name of a cookie or header.
    Token,
    /// Text that is split into words, or the words.
    Command,
    Address,
    /// Milliseconds, both inclusive.
    Duration {
        least: u64,
        most: u64,
    },
    /// A share such as `"1%"`; percent, both inclusive.
    Share {
        least: f64,
        most: f64,
    },
    /// A relative margin such as `"+10%"`.
    Growth,
    /// A margin in percentage points such as `"+0.5pp"`.
    Points,
    /// Bytes, both inclusive.
    Size {
        least: u64,
        most: u64,
    },
    Integer {
        least: u64,
        most: u64,
    },
    /// A share of the traffic: a number of percent.
    Weight,
    Flag,
    /// A flag that can only be set.
    Yes,
    Choice(&'static [&'static str]),
    /// A size, or a table about it.
    SizeOrTable {
        least: u64,
        most: u64,
        table: &'static Table,
    },
    /// `host:port`
    HostPort,
    /// A plain `http://` address.
    HttpUrl,
    /// `[triggers.dependency.NAME]` tables.
    Dependencies,
    Env,
    /// Methods of HTTP requests.
    Methods,
    /// Names of headers of answers.
    Headers,
    /// Places in answers: `/items/*/id`.
    Places,
    Steps,
    /// One share of the traffic, or steps.
    Shares,
    /// How blue-green switches: a word, a table or steps.
    Switch,
    /// Names with the values that fit: true, text or a list.
    Matches,
    /// A list of commands.
    Commands,
    Table(&'static Table),
    Services,
    /// Gates on values of one's own, by name.
    Metrics,
    /// Gates on how a command ends, by name.
    CommandGates,
    /// A positive number without a unit.
    Number,
    Releases,
    /// Names of services.
    Names,
    /// Lists of services, by service.
    Edges,
    Text,
    /// One text, or a list of them.
    Texts,
    /// A list of some of these words.
    Choices(&'static [&'static str]),
    /// Names and a text for each.
    Pairs,
    /// A time of day.
    Clock,
    /// Dates and stretches of them.
    Dates,
    /// A list of such tables.
    Tables(&'static Table),
    Environments,
}

impl Kind {
    /// The least and the most of a whole number, duration (ms) or size (bytes).
    pub(crate) fn bounds(&self) -> (u64, u64) {
        if let Self::Duration { least, most }
        | Self::Size { least, most }
        | Self::SizeOrTable { least, most, .. }
        | Self::Integer { least, most } = *self
        {
            (least, most)
        } else {
            (0, u64::MAX)
        }
    }
    pub(crate) fn percent_bounds(&self) -> (f64, f64) {
        if let Self::Share { least, most } = *self { (least, most) } else { (0.0, 100.0) }
    }
    pub(crate) fn choices(&self) -> &'static [&'static str] {
        if let Self::Choice(words) | Self::Choices(words) = *self { words } else { &[] }
    }
}

pub(crate) const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const MEBI: u64 = 1 << 20;

pub(crate) const fn key(name: &'static str, kind: Kind, given: Given, doc: &'static str) -> Key {
    Key { name, kind, given, doc }
}
pub(crate) const fn duration(least: u64, most: u64) -> Kind {
    Kind::Duration { least, most }
}

pub(crate) mod policy_keys;

use Given::{ByForm, Default, Optional, Required};

pub(crate) static ROOT: Table = Table { groups: &[PROJECT, &[policy_keys::ENVIRONMENTS_KEY], SERVICE_KEYS] };
pub(crate) static SERVICE: Table = Table { groups: &[SERVICE_KEYS] };

pub(crate) const PROJECT: &[Key] = &[
    key(
        "service",
        Kind::ServiceName,
        ByForm,
        "The service's name: 1 to 63 of a-z, 0-9 and `-`, starting with a letter. For a file with one service.",
    ),
    key(
        "services",
        Kind::Services,
        Optional,
        "Several services: one `[services.NAME]` table each, with the keys of a service.",
    ),
    key(
        "release",
        Kind::Releases,
        Optional,
        "Services that go to new versions together: one `[release.NAME]` table each; `staunch deploy --release NAME`.",
    ),
    key(
        "api",
        Kind::Address,
        Default("\"127.0.0.1:7171\""),
        "Where the control API and the pages listen. Loopback, unless `[control]` says how it is safe elsewhere.",
    ),
    key(
        "control",
        Kind::Table(&control::CONTROL),
        Optional,
        "How the control API is reached from beyond this machine. Left out: it is not.",
    ),
    policy_keys::POLICY_KEY,
    policy_keys::WINDOWS_KEY,
    policy_keys::VERSIONS_KEY,
];

pub(crate) const SERVICE_KEYS: &[Key] = &[
    key(
        "run",
        Kind::Command,
        Required,
        "The command that starts one instance, as text or as a list of words; no shell is involved. It gets PORT \
         and serves HTTP there, unless it is a worker; `${PORT}` is replaced in its words.",
    ),
    key(
        "kind",
        Kind::Choice(&["http", "worker"]),
        Default("\"http\""),
        "\"worker\": nobody calls it (a queue consumer, a scheduler). It has no `listen`; its instances are replaced one \
         by one.",
    ),
    key(
        "listen",
        Kind::Address,
        ByForm,
        "The address users call. \":8080\" is every IPv4 address of the machine (0.0.0.0:8080). A service that nobody \
         calls has `kind = \"worker\"` instead.",
    ),
    key(
        "version",
        Kind::Version,
        Optional,
        "What people call this version. Left out: v1, v2, … in the order of deploys. \"auto\": by the commit that is \
         checked out, as SERVICE:COMMIT-TIME.",
    ),
    key("id", Kind::Version, Optional, "An identity of the content that replaces the hash of the files."),
    key(
        "files",
        Kind::Files,
        Default("[]"),
        "Files, folders and `*` patterns, relative to this file, whose content is part of the version.",
    ),
    key("replicas", Kind::Integer { least: 1, most: 1_000 }, Default("1"), "The full number of instances."),
    key(
        "upstream",
        Kind::Choice(&["http1", "h2c"]),
        Default("\"http1\""),
        "What the instances speak: HTTP/1.1, or HTTP/2 without TLS.",
    ),
    key(
        "env",
        Kind::Env,
        Default("{}"),
        "Environment of the instances; part of the version. PORT is set by Staunch.",
    ),
    key("tls", Kind::Table(&TLS), Optional, "Serve HTTPS (HTTP/1.1 and HTTP/2). Left out: plain HTTP."),
    key(
        "health",
        Kind::Table(&HEALTH),
        Optional,
        "When an instance is ready, and when it is alive. Left out: ready when its port accepts connections, a worker \
         when it has run for two seconds.",
    ),
    key("stop", Kind::Table(&STOP), Optional, "How an instance is stopped."),
    key(
        "canary",
        Kind::Table(&CANARY),
        Optional,
        "The path of a new version from its first request to all of them. Excludes `blue-green`.",
    ),
    key(
        "blue-green",
        Kind::Table(&BLUE_GREEN),
        Optional,
        "Start the new version at full capacity beside the old, check it, then switch. Excludes `canary`.",
    ),
    key(
        "rolling",
        Kind::Table(&rolling_keys::ROLLING),
        Optional,
        "How a worker's instances are replaced. Left out: one after the other, a new one beside the old ones.",
    ),
    key(
        "shadow",
        Kind::Table(&shadow::SHADOW),
        Optional,
        "A stage before the steps: copies of requests go to the new version, and its answers are compared. Left out: \
         none.",
    ),
    key(
        "gates",
        Kind::Table(&GATES),
        Optional,
        "Questions asked at every step; only their \"pass\" opens the next one. Left out: blast-radius alone.",
    ),
    key(
        "triggers",
        Kind::Table(&TRIGGERS),
        Optional,
        "What ends a rollout at once, at any time until the bake is over.",
    ),
    key("evidence", Kind::Table(&EVIDENCE), Optional, "How sure the gates must be."),
    key(
        "slo",
        Kind::Table(&SLO),
        Optional,
        "What users are promised. Failures beyond it are a budget: when little of it is left, deploys are refused.",
    ),
    key(
        "checks",
        Kind::Table(&CHECKS),
        Optional,
        "Reports of other tools (tests, coverage, linters, scanners) that a version needs before it is deployed.",
    ),
    key(
        "confidence",
        Kind::Table(&CONFIDENCE),
        Optional,
        "A score from 0 to 100 before the first user: high ones go on, middling ones ask a person, low ones are \
         refused. Left out: no score.",
    ),
    key(
        "infra",
        Kind::Table(&INFRA),
        Optional,
        "Commands that change something around a version: before it starts, and when it goes back.",
    ),
    key("edge", Kind::Table(&EDGE), Optional, "How the proxy treats requests to this service."),
];

pub(crate) static RELEASE: Table = Table {
    groups: &[&[
        key("services", Kind::Names, Required, "The services of the release."),
        key(
            "after",
            Kind::Edges,
            Optional,
            "Which services wait until others are through: `{ web = [\"orders\", \"db-api\"] }`. Others start at once.",
        ),
    ]],
};

pub(crate) static TLS: Table = Table {
    groups: &[&[
        key("cert", Kind::File, Required, "The certificate chain, a PEM file."),
        key("key", Kind::File, Required, "The private key, a PEM file."),
    ]],
};

const PROBE_KEYS: &[Key] = &[
    key(
        "path",
        Kind::UrlPath,
        Optional,
        "Ask GET on this path of the instance; 200 to 399 is healthy. Excludes `tcp` and `command`.",
    ),
    key(
        "tcp",
        Kind::Yes,
        Optional,
        "Healthy when the port accepts a connection; the default. Excludes `path` and `command`.",
    ),
    key(
        "command",
        Kind::Command,
        Optional,
        "Run this with PORT set; exit status 0 is healthy. Excludes `path` and `tcp`.",
    ),
    key(
        "interval",
        duration(50, HOUR),
        Default("\"2s\""),
        "From one check to the next while ready; an instance that is not ready yet is checked all the time.",
    ),
    key(
        "timeout",
        duration(10, 5 * MINUTE),
        Default("\"1s\""),
        "A check without an answer for this long has failed.",
    ),
    key(
        "rise",
        Kind::Integer { least: 1, most: 100 },
        Default("1"),
        "Successes in a row until it counts as healthy.",
    ),
    key(
        "fall",
        Kind::Integer { least: 1, most: 100 },
        Default("3"),
        "Failures in a row until it counts as unhealthy.",
    ),
];

pub(crate) static HEALTH: Table = Table {
    groups: &[
        PROBE_KEYS,
        &[
            key(
                "ready-file",
                Kind::File,
                Optional,
                "Ready when the instance has written this file into its own folder; STAUNCH_READY_FILE tells it the \
                 whole path. Excludes the other checks.",
            ),
            key(
                "alive-for",
                duration(0, DAY),
                Optional,
                "Ready when the process has run for this long: a worker's default, \"2s\". Excludes the other checks.",
            ),
            key(
                "start-timeout",
                duration(100, DAY),
                Default("\"60s\""),
                "From the start of an instance to its first healthy answer, at most.",
            ),
            key(
                "live",
                Kind::Table(&LIVE),
                Optional,
                "A check whose failure restarts the instance; the same keys, by default the same target. Left out: \
                 only the end of the process tells.",
            ),
        ],
    ],
};
pub(crate) static LIVE: Table = Table { groups: &[PROBE_KEYS] };

pub(crate) static STOP: Table = Table {
    groups: &[&[
        key(
            "signal",
            Kind::Choice(&["TERM", "INT", "QUIT", "HUP", "USR1", "USR2"]),
            Default("\"TERM\""),
            "What asks an instance to finish its work and end.",
        ),
        key("grace", duration(0, DAY), Default("\"10s\""), "From that signal to SIGKILL."),
        key(
            "drain",
            duration(0, DAY),
            Default("\"30s\""),
            "How long requests in flight may take before an instance is asked to stop.",
        ),
    ]],
};

pub(crate) static CANARY: Table = Table {
    groups: &[
        &[
            key(
                "steps",
                Kind::Steps,
                Default("[5, 25, 50, 100]"),
                "Rising shares of the traffic in percent, each a number or a table { weight, hold, pause }. A last 100 \
             stands for the promotion and may be left out.",
            ),
            key(
                "who",
                Kind::Table(&who::WHO),
                Optional,
                "Requests that get the new version by name, whatever its share. Left out: chance alone decides.",
            ),
            key(
                "hold",
                duration(0, 30 * DAY),
                Default("\"5s\""),
                "The least time at a step, whatever the evidence says.",
            ),
            key(
                "bake",
                duration(0, 30 * DAY),
                Default("\"30s\""),
                "How long the old version stays at full capacity after the promotion.",
            ),
            key(
                "holdback",
                Kind::Share { least: 0.0, most: 50.0 },
                Default("\"5%\""),
                "The share of the traffic that stays on the old version during the bake, so that the comparison goes on.",
            ),
        ],
        DEADLINE_KEYS,
    ],
};

/// How long each part of a path may take, whatever the strategy.
pub(crate) const DEADLINE_KEYS: &[Key] = &[
    key(
        "prepare-deadline",
        duration(SECOND, 30 * DAY),
        Default("\"2m\""),
        "From the first start of the new version to its being ready, at most.",
    ),
    key(
        "step-deadline",
        duration(SECOND, 30 * DAY),
        Default("\"1h\""),
        "From entering a step to passing it, at most; then the release is taken back.",
    ),
    key(
        "rollout-deadline",
        duration(SECOND, 366 * DAY),
        Optional,
        "From the deploy to the promotion, pauses included, at most; then the release is taken back. Left out: the \
         deadlines of the steps alone.",
    ),
    key(
        "pause-deadline",
        duration(SECOND, 30 * DAY),
        Default("\"24h\""),
        "How long a pause may last; then the release is taken back.",
    ),
];

pub(crate) static BLUE_GREEN: Table = Table {
    groups: &[
        &[
            key(
                "smoke",
                Kind::Commands,
                Default("[]"),
                "Commands that must end with exit status 0 before any user is switched. They run in this order when \
                 every new instance is ready, with PORT and URL of one of them.",
            ),
            key(
                "smoke-timeout",
                duration(100, HOUR),
                Default("\"30s\""),
                "A smoke command that has not ended by then has failed.",
            ),
            key(
                "canary",
                Kind::Shares,
                Optional,
                "Give the new version this share of the traffic first, or rising shares, each with the gates; then \
                 switch. Left out: nobody before the switch.",
            ),
            key(
                "switch",
                Kind::Switch,
                Default("\"immediate\""),
                "\"immediate\": everybody at once. { increment = 20, interval = \"1m\" }: so many percent more each \
                 time, by the clock. A list of steps: rising shares, each with the gates.",
            ),
            key(
                "hold",
                duration(0, 30 * DAY),
                Default("\"5s\""),
                "The least time at a share, whatever the evidence says.",
            ),
            key(
                "bake",
                duration(0, 30 * DAY),
                Default("\"5m\""),
                "How long the old version stays at full capacity after the switch.",
            ),
            key(
                "holdback",
                Kind::Share { least: 0.0, most: 50.0 },
                Default("\"5%\""),
                "The share of the traffic that stays on the old version during the bake: without it there is nothing \
                 to compare the new version with.",
            ),
        ],
        DEADLINE_KEYS,
    ],
};

pub(crate) static SWITCH: Table = Table {
    groups: &[&[
        key("increment", Kind::Weight, Required, "So many percent of the traffic more each time."),
        key(
            "interval",
            duration(100, 30 * DAY),
            Required,
            "From one increment to the next. Gates are not asked; harm still takes the release back.",
        ),
    ]],
};

pub(crate) static STEP: Table = Table {
    groups: &[&[
        key("weight", Kind::Weight, Required, "The share of the traffic in percent."),
        key(
            "hold",
            duration(0, 30 * DAY),
            Optional,
            "The least time at this step. Left out: `hold` of [canary].",
        ),
        key("pause", Kind::Flag, Default("false"), "Stop here until a person promotes."),
    ]],
};

const NO_DATA: Key = key(
    "no-data",
    Kind::Choice(&["hold", "abort", "continue"]),
    Default("\"hold\""),
    "What silence means: wait for traffic, take the release back, or go on.",
);

static CPU_GATE: Table = Table {
    groups: &[&[
        key(
            "max",
            Kind::Share { least: 0.1, most: 100_000.0 },
            Optional,
            "At most this much of one core: \"80%\", \"250%\".",
        ),
        key("max-vs-stable", Kind::Growth, Optional, "At most this much more than the running version."),
        NO_DATA,
    ]],
};

static MEMORY_GATE: Table = Table {
    groups: &[&[
        key(
            "max",
            Kind::Size { least: MEBI, most: 1 << 50 },
            Optional,
            "At most this much, on average over the instances.",
        ),
        key("max-vs-stable", Kind::Growth, Optional, "At most this much more than the running version."),
        NO_DATA,
    ]],
};

static SUCCESS_GATE: Table = Table {
    groups: &[&[
        key("min", Kind::Share { least: 0.0, most: 99.9999 }, Required, "At least this share succeeds."),
        NO_DATA,
    ]],
};

static HEALTHY_GATE: Table = Table {
    groups: &[&[
        key(
            "min",
            Kind::Share { least: 1.0, most: 100.0 },
            Required,
            "At least this share of the instances is ready.",
        ),
        NO_DATA,
    ]],
};

static THROUGHPUT_GATE: Table = Table {
    groups: &[&[
        key(
            "min",
            Kind::Number,
            Optional,
            "At least so many requests per second, as if all traffic came to the new version.",
        ),
        key(
            "max-below-stable",
            Kind::Share { least: 1.0, most: 99.0 },
            Optional,
            "At most this part fewer than the running version, each for its share of the traffic.",
        ),
        NO_DATA,
    ]],
};

pub(crate) static METRIC_GATE: Table = Table {
    groups: &[&[
        key(
            "command",
            Kind::Command,
            Required,
            "Prints one number about an instance and ends with 0 within ten seconds; PORT is the instance's port, \
             STAUNCH_PID its process, and STAUNCH_PIDS those of its version.",
        ),
        key("every", duration(SECOND, HOUR), Default("\"5s\""), "From one reading to the next."),
        key("max", Kind::Number, Optional, "At most this, on average."),
        key("min", Kind::Number, Optional, "At least this, on average. Excludes `max`."),
        key("max-vs-stable", Kind::Growth, Optional, "At most this much more than the running version."),
        NO_DATA,
    ]],
};

pub(crate) static COMMAND_GATE: Table = Table {
    groups: &[&[
        key(
            "command",
            Kind::Command,
            Required,
            "Run against an instance: exit status 0 is good, 1 is bad, and anything else, or ten seconds without an \
             end, says nothing. STAUNCH_PID, STAUNCH_PIDS, STAUNCH_INSTANCE, STAUNCH_REVISION and PORT tell whom it is \
             about.",
        ),
        key("every", duration(SECOND, HOUR), Default("\"5s\""), "From one run to the next."),
        key(
            "fails-after",
            Kind::Integer { least: 1, most: 1_000 },
            Default("3"),
            "So many bad ones in a row take the release back, and as many good ones in a row pass.",
        ),
        NO_DATA,
    ]],
};

pub(crate) static GATES: Table = Table {
    groups: &[&[
        key(
            "error-rate",
            Kind::Table(&ERROR_GATE),
            Optional,
            "The share of requests that fail: 5xx, refused, timed out or reset.",
        ),
        key(
            "latency-p50",
            Kind::Table(&LATENCY_GATE),
            Optional,
            "The time within which half of the requests are answered.",
        ),
        key(
            "latency-p95",
            Kind::Table(&LATENCY_GATE),
            Optional,
            "The time within which 95 % of the requests are answered.",
        ),
        key(
            "latency-p99",
            Kind::Table(&LATENCY_GATE),
            Optional,
            "The time within which 99 % of the requests are answered.",
        ),
        key(
            "success-rate",
            Kind::Table(&SUCCESS_GATE),
            Optional,
            "The share of requests that succeed: `min = \"99%\"` is `error-rate = { max = \"1%\" }`.",
        ),
        key(
            "cpu",
            Kind::Table(&CPU_GATE),
            Optional,
            "What one instance uses of a core, read every three seconds.",
        ),
        key(
            "memory",
            Kind::Table(&MEMORY_GATE),
            Optional,
            "What one instance has resident, read every three seconds.",
        ),
        key(
            "healthy",
            Kind::Table(&HEALTHY_GATE),
            Optional,
            "The ready instances as a share of those that the step needs.",
        ),
        key(
            "throughput",
            Kind::Table(&THROUGHPUT_GATE),
            Optional,
            "Requests that are answered well, per second: falls when a version cannot keep up.",
        ),
        key(
            "metric",
            Kind::Metrics,
            Optional,
            "Values of your own: one `[gates.metric.NAME]` table each, read by a command.",
        ),
        key(
            "command",
            Kind::CommandGates,
            Optional,
            "Questions of your own: one `[gates.command.NAME]` table each, answered by how a command ends.",
        ),
        key(
            "blast-radius",
            Kind::Share { least: 0.01, most: 100.0 },
            Default("\"0.5%\""),
            "Before each step, that it will not make more than this share of all requests fail: the canary may fail \
             this much more often than stable, divided by the next step's weight. \"100%\" asks nothing.",
        ),
    ]],
};

pub(crate) static ERROR_GATE: Table = Table {
    groups: &[&[
        key("max", Kind::Share { least: 0.0, most: 99.9 }, Optional, "At most this share of requests fails."),
        key(
            "max-vs-stable",
            Kind::Points,
            Optional,
            "At most this many percentage points above the running version's error rate.",
        ),
        NO_DATA,
    ]],
};

pub(crate) static LATENCY_GATE: Table = Table {
    groups: &[&[
        key("max", duration(1, HOUR), Optional, "At most this long."),
        key(
            "max-vs-stable",
            Kind::Growth,
            Optional,
            "At most this much slower than the running version; \"+10%\" is a good start.",
        ),
        NO_DATA,
    ]],
};

pub(crate) static TRIGGERS: Table = Table { groups: &[TRIGGER_KEYS, trigger_keys::RULES] };

const TRIGGER_KEYS: &[Key] = &[
    key(
        "crash-exits",
        Kind::Integer { least: 1, most: 1_000 },
        Default("3"),
        "Exits of the new version's instances within `crash-window` that make a crash loop. For a worker 1 when it \
         is left out, and exit status 0 does not count.",
    ),
    key(
        "crash-window",
        duration(SECOND, DAY),
        Default("\"60s\""),
        "The time in which the exits are counted.",
    ),
    key(
        "unready-for",
        duration(100, DAY),
        Default("\"10s\""),
        "How long the new version may have fewer ready instances than its share needs.",
    ),
    key(
        "memory",
        Kind::SizeOrTable { least: MEBI, most: 1 << 50, table: &trigger_keys::MEMORY },
        Optional,
        "Resident memory of one instance of the new version: at most so much, at once, or a table. Left out: \
             unlimited.",
    ),
    key(
        "catastrophic",
        Kind::Share { least: 0.1, most: 100.0 },
        Default("\"20%\""),
        "Share of requests failing, during warm-up too, at which the release is plainly broken.",
    ),
];

pub(crate) static EVIDENCE: Table = Table {
    groups: &[&[
        key(
            "false-rollback",
            Kind::Share { least: 0.000_1, most: 50.0 },
            Default("\"1%\""),
            "The chance that a version no worse than allowed is rolled back, over the whole rollout.",
        ),
        key(
            "false-promotion",
            Kind::Share { least: 0.000_1, most: 50.0 },
            Default("\"5%\""),
            "The chance that a version worse than the margin passes a gate.",
        ),
        key(
            "warm-up",
            duration(0, DAY),
            Default("\"30s\""),
            "Requests of an instance younger than this are left out of comparisons …",
        ),
        key(
            "warm-up-requests",
            Kind::Integer { least: 0, most: 1_000_000_000 },
            Default("10000"),
            "… unless it was given this many.",
        ),
        key(
            "baseline",
            Kind::Choice(&["stable", "fresh"]),
            Default("\"stable\""),
            "What the new version is compared with: the old one as it runs, or `fresh` instances of it that are started with it and get as much traffic, so that both warm up alike and nothing is left out.",
        ),
        key(
            "weights",
            Kind::Table(&WEIGHTS),
            Optional,
            "What each kind of evidence weighs when harm is decided; only the ratios matter.",
        ),
    ]],
};

const fn weight() -> Kind {
    Kind::Share { least: 1.0, most: 100.0 }
}

pub(crate) static WEIGHTS: Table = Table {
    groups: &[&[
        key("errors", weight(), Default("\"72%\""), "The error rate against stable's."),
        key("latency", weight(), Default("\"20%\""), "Latency against stable's, shared by its gates."),
        key("limits", weight(), Default("\"5%\""), "Absolute limits, shared by their gates."),
        key("guard", weight(), Default("\"3%\""), "The guard against gross failure."),
    ]],
};

pub(crate) static SLO: Table = Table {
    groups: &[&[
        key(
            "target",
            Kind::Share { least: 50.0, most: 99.9999 },
            Required,
            "The share of requests that shall succeed. The rest is the error budget.",
        ),
        key(
            "window",
            duration(10 * SECOND, 366 * DAY),
            Required,
            "The rolling window over which it is counted; \"30d\" is usual.",
        ),
        key(
            "latency",
            Kind::Table(&SLO_LATENCY),
            Optional,
            "A second objective with a budget of its own: { under = \"300ms\", target = \"99%\" }.",
        ),
        key(
            "warn",
            budget_share(),
            Default("\"25%\""),
            "With less of the budget left than this, people are told.",
        ),
        key(
            "freeze",
            budget_share(),
            Default("\"10%\""),
            "With less left than this, deploys are refused and a running rollout is held at its step, unless it is a \
             critical fix.",
        ),
        key(
            "critical",
            budget_share(),
            Default("\"5%\""),
            "With less left than this, a running rollout is taken back too, unless it is a critical fix.",
        ),
        key(
            "reopen",
            budget_share(),
            Default("\"15%\""),
            "A freeze ends by itself when so much is left again.",
        ),
        key(
            "min-failures",
            Kind::Integer { least: 1, most: 1_000_000 },
            Default("10"),
            "With fewer failures in the window than this nothing is frozen and no alert fires: they are no measure.",
        ),
        key(
            "rollout-spend",
            Kind::Share { least: 0.01, most: 100.0 },
            Optional,
            "The share of the budget that one rollout may spend; beyond it the release is taken back. Left out: \
             unlimited.",
        ),
    ]],
};

const fn budget_share() -> Kind {
    Kind::Share { least: 0.0, most: 100.0 }
}

pub(crate) static SLO_LATENCY: Table = Table {
    groups: &[&[
        key("under", duration(1, 2 * MINUTE), Required, "How fast an answer has to begin, to within 3 %."),
        key(
            "target",
            Kind::Share { least: 50.0, most: 99.9999 },
            Required,
            "The share of the answers without a failure that shall begin so fast.",
        ),
    ]],
};

pub(crate) static EDGE: Table = Table {
    groups: &[&[
        key(
            "sticky",
            Kind::Table(&STICKY),
            Optional,
            "What keeps a user on one side of the split. Left out: each request is split on its own.",
        ),
        key(
            "lease",
            duration(500, 5 * MINUTE),
            Default("\"3s\""),
            "How long a canary's share holds without renewal; then the proxy goes back to stable by itself.",
        ),
        key(
            "shield",
            Kind::Flag,
            Default("true"),
            "Answer GET and HEAD that fail on the canary from stable.",
        ),
        key(
            "shield-after",
            duration(10, HOUR),
            Default("\"3s\""),
            "An attempt without response headers for this long counts as failed, and is shielded on the canary.",
        ),
        key(
            "max-header",
            Kind::Size { least: 1 << 10, most: MEBI },
            Default("\"64KiB\""),
            "The largest request head.",
        ),
        key(
            "max-body",
            Kind::Size { least: 1, most: 1 << 50 },
            Optional,
            "The largest request body. Left out: unlimited.",
        ),
        key(
            "max-connections",
            Kind::Integer { least: 1, most: 1_000_000 },
            Default("10000"),
            "Open client connections; further ones wait.",
        ),
        key(
            "header-timeout",
            duration(100, HOUR),
            Default("\"10s\""),
            "How long a client may take to send a request's head.",
        ),
        key(
            "response-timeout",
            duration(100, DAY),
            Default("\"60s\""),
            "From the end of the request to the response's head.",
        ),
        key(
            "idle-timeout",
            duration(SECOND, DAY),
            Default("\"75s\""),
            "An idle client connection is closed after this.",
        ),
        key(
            "connect-timeout",
            duration(10, MINUTE),
            Default("\"1s\""),
            "How long connecting to an instance may take.",
        ),
    ]],
};

pub(crate) static STICKY: Table = Table {
    groups: &[&[
        key(
            "cookie",
            Kind::Token,
            Optional,
            "A cookie of this name, set by the proxy. Excludes `header` and `address`.",
        ),
        key(
            "header",
            Kind::Token,
            Optional,
            "The value of this request header. Excludes `cookie` and `address`.",
        ),
        key("address", Kind::Yes, Optional, "The client's address. Excludes `cookie` and `header`."),
    ]],
};
