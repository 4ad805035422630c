//! Every diagnostic code, what it means and what to do. A code that is not listed here cannot be reported.

macro_rules! codes {
    ($($variant:ident $name:literal $meaning:literal $fix:literal)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Code { $($variant),* }

        impl Code {
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
            /// What helps when the finding has nothing more precise to say.
            pub(crate) fn fix(self) -> &'static str {
                match self { $(Self::$variant => $fix),* }
            }
        }

        const TABLE: &[(&str, &str, &str)] = &[$(($name, $meaning, $fix)),*];
    };
}

codes! {
    Syntax "syntax"
        "The file is not valid TOML at this place."
        "write `key = value` lines and `[table]` headers; text stands in double quotes"
    DuplicateKey "duplicate-key"
        "A key or table is given twice; TOML allows it once."
        "remove one of the two"
    EmptyFile "empty-file"
        "The file has no keys at all."
        "let `staunch init` write a file, or give at least `service`, `run` and `listen`"
    TooMany "too-many"
        "The file has more findings than are worth reading at once."
        "correct those above and run again"
    UnknownKey "unknown-key"
        "No such key exists in this table. It is an error since a misspelt safety limit would silently not apply."
        "remove it, or correct its name; `staunch schema` lists every key"
    WrongType "wrong-type"
        "The value is of another type than the key takes, for example a number where text is expected."
        "give the value in the form that the message names"
    MissingKey "missing-key"
        "A key without a default is not given."
        "add the key to the table that the message names"
    WrongUnit "wrong-unit"
        "A duration, size or percentage has no unit, or one that does not fit the key."
        "durations read \"30s\", sizes \"512MiB\", shares \"1%\", margins \"+10%\" or \"+0.5pp\""
    OutOfRange "out-of-range"
        "The value is of the right form but outside the range in which the key makes sense."
        "choose a value in the range that the message names"
    UnknownChoice "unknown-choice"
        "The key takes one of a few words, and this is none of them."
        "use one of the words that the message names"
    ServiceName "service-name"
        "A service's name becomes part of folder names, metrics and addresses of pages, so few characters are allowed."
        "use 1 to 63 of a-z, 0-9 and `-`, starting with a letter"
    MixedForms "mixed-forms"
        "The file describes one service at its top level and several in `[services.NAME]` tables; only one form can hold."
        "move the top-level keys into a `[services.NAME]` table"
    ReleaseMember "release-member"
        "A release names a service that the file does not have, or that is not in the release, or names one twice."
        "name each of the file's services at most once in `services`, and only those in `after`"
    ReleaseCycle "release-cycle"
        "Each of these services waits for the next, and the last for the first: none could ever start."
        "remove one of the edges in `after`"
    InvalidAddress "invalid-address"
        "An address to listen on is an IP address and a port. Names are not looked up."
        "write \"127.0.0.1:8080\" for this machine only, or \":8080\" for every address of it"
    AddressTaken "address-taken"
        "Two listeners would need the same address and port."
        "give each its own port"
    ApiNotLoopback "api-not-loopback"
        "The control API can change traffic. Beyond this machine it asks for tokens, and those must not travel in the clear."
        "use 127.0.0.1 or [::1], or add `[control]` with `tls = { cert = …, key = … }` or `trusted-proxies`"
    ControlAddress "control-address"
        "A name or address of `[control]` is none."
        "write host names such as \"staunch.example.org\" and addresses such as \"10.0.0.5\", without a scheme or a path"
    ControlOidc "control-oidc"
        "With this value of `[control.oidc]` nobody could sign in, or anybody."
        "for example: issuer = \"https://login.example.org\", client-id = \"staunch\", roles = { viewer = \"*\", deployer = [\"developers\"] }"
    CommandEmpty "command-empty"
        "The command has no program to start."
        "name the program: run = \"./my-app --flag\""
    CommandQuotes "command-quotes"
        "A quotation mark in the command is opened and never closed, or a backslash ends it."
        "close the quotation, or give the words as a list: run = [\"./my-app\", \"--name\", \"it's\"]"
    CommandShell "command-shell"
        "The command is started directly, not by a shell: pipes, redirections and `&&` would reach the program as words."
        "let a shell run it: use run = [\"sh\", \"-c\", \"…\"]"
    CommandVariable "command-variable"
        "`$NAME` and `${NAME}` are replaced when NAME is PORT or a key of `env`; anything else reaches the program as it stands."
        "name it in `env`, or let a shell run it: use run = [\"sh\", \"-c\", \"…\"]"
    InvalidText "invalid-text"
        "The text is empty or has characters that its key cannot carry."
        "use visible characters without NUL"
    InvalidPath "invalid-path"
        "Paths are relative to the file and stay inside its folder; a probe's path starts with `/`."
        "use a path below the folder of the file, or for a probe a path such as \"/healthz\""
    EnvName "env-name"
        "The name cannot be an environment variable."
        "use letters, digits and `_`, not starting with a digit"
    EnvReserved "env-reserved"
        "Staunch chooses the port of each instance and sets this variable itself."
        "remove it; the program reads its port from PORT"
    VersionMutable "version-mutable"
        "A version names one content for ever. A word that moves on would give two contents one name in the history."
        "name the release, for example version = \"1.4.2\", or leave it out to get v1, v2, …"
    StepsEmpty "steps-empty"
        "A canary without a step below 100 % would be judged on nothing."
        "give at least one step below 100: steps = [5, 25, 50, 100]"
    StepsOrder "steps-order"
        "The weights of the steps do not rise, so the canary would lose traffic or stand still while it passes."
        "order the steps from small to large, each once"
    StepsRange "steps-range"
        "A step is a share of the traffic: above 0 %, at most 100 %, in steps of 0.01 %."
        "use percentages such as 0.5, 5 or 50"
    StepsEnd "steps-end"
        "100 % is the promotion, not a step: it has no hold and no pause of its own."
        "use `bake` for the time after the promotion, and a pause on the step before it"
    WorkerRequests "worker-requests"
        "The key is about requests, and a service of `kind = \"worker\"` has none."
        "remove the key, or remove `kind` and give the service an address to listen on"
    RollingHttp "rolling-http"
        "Instances are replaced one by one only where nobody is sent to them; users are moved share by share."
        "use [canary] or [blue-green], or kind = \"worker\" for a service that nobody calls"
    GateWithoutLimit "gate-without-limit"
        "The gate has nothing to compare with, so it could neither pass nor fail."
        "give `max`, `max-vs-stable` or both"
    GateUndecidable "gate-undecidable"
        "No amount of traffic proves that a rate is zero or that two versions are exactly equal: such a gate never passes."
        "allow a small margin, for example max = \"0.1%\" or max-vs-stable = \"+5%\""
    NoGates "no-gates"
        "`[gates]` is there but has no gate, so only triggers can take a release back."
        "add a gate, or remove `[gates]` to get the default one"
    TriggerWithoutLimit "trigger-without-limit"
        "The trigger has nothing to hold its figure against, so it could never fire."
        "give a limit for a warning, for going back, or both"
    TriggerLevels "trigger-levels"
        "The limit for a warning is not reached before the one for going back, so nobody would be warned."
        "let `warn` be reached first, or leave it out"
    DependencyName "dependency-name"
        "The name of a dependency stands in findings, reports and the API, so few characters are allowed."
        "use 1 to 63 of a-z, 0-9 and `-`, starting with a letter"
    DependencyAddress "dependency-address"
        "A dependency is a host and a port, or a plain http address."
        "write \"db.internal:5432\", \"[::1]:6379\" or \"http://auth.internal:8080/health\""
    StickyName "sticky-name"
        "The name cannot be a cookie or a header."
        "use letters, digits, `-` and `_`"
    ShadowUnsafe "shadow-unsafe"
        "A request with this method may change something, and its copy changes it once more."
        "let the app leave out side effects for requests with `Staunch-Shadow: 1`, or copy GET and HEAD alone"
    ShadowSecret "shadow-secret"
        "Answers that differ are kept as examples; this header carries a secret, so it is not compared."
        "compare other headers, such as content-type"
    WhoName "who-name"
        "The name cannot be a header, cookie or parameter, or is a header that does not say who somebody is."
        "use letters, digits, `-` and `_`, and a header or cookie of your own"
    WhoValue "who-value"
        "No request can have this value, so the rule would silently fit nobody."
        "write the value as it stands in the request, or true for any"
    WhoList "who-list"
        "The allow-list cannot be read as one value per line, or is larger than 1 MB or 50 000 lines."
        "write one value per line into the file that `allow` names"
    WhoOverlap "who-overlap"
        "Two rules fit the same requests, so one of them adds nothing."
        "remove one of the two, or correct the one that was meant differently"
    WhoEverybody "who-everybody"
        "The rule fits all requests or nearly all of them: beyond `max-share` they are split by chance all the same."
        "match a header or cookie that only the users have who are meant"
    OneOf "one-of"
        "Keys that exclude each other are given together, or none of them is."
        "keep exactly one"
    InvalidTime "invalid-time"
        "The text is not a time of day, or not a date."
        "write a time as \"09:00\" and dates as \"2026-12-24\" or \"2026-12-20..2027-01-02\""
    UnknownZone "unknown-zone"
        "No time zone has this name, so nobody knows when the window opens."
        "use a name of the IANA database such as \"Europe/Berlin\" or \"UTC\""
    VersionRange "version-range"
        "The text says no versions, so nothing could be compared with it."
        "write a range such as \">=2.1, <4\", or the name of one version"
    UnknownService "unknown-service"
        "The file has no service of this name, so the entry would never apply."
        "use the name of a service of this file"
    EnvironmentUnknown "environment-unknown"
        "The chosen environment is not in the file."
        "add an [environments.NAME] table, or leave `--env` out"
    ValuesDisagree "values-disagree"
        "Two values cannot both hold: with them the rollout could never go on as described."
        "change one of the two"
}

/// Every diagnostic code with what it means and how to fix it, in the order of the reference.
pub fn explain_codes() -> &'static [(&'static str, &'static str, &'static str)] {
    TABLE
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_has_a_name_of_its_own_a_meaning_and_a_fix() {
        let names: BTreeSet<_> = explain_codes().iter().map(|row| row.0).collect();
        assert_eq!(names.len(), explain_codes().len());
        for (name, meaning, fix) in explain_codes() {
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
            assert!(meaning.ends_with('.') && !fix.is_empty() && !fix.ends_with('.'), "{name}");
        }
    }
}
