//! Every code a problem can carry: its title, what helps, and the exit code of a command that meets it.

/// What is known of a problem's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeInfo {
    pub code: &'static str,
    /// HTTP status of the answer that carries it.
    pub status: u16,
    pub title: &'static str,
    /// What to do about it.
    pub help: &'static str,
    /// Exit code of the command line.
    pub exit: u8,
}

macro_rules! codes {
    ($($variant:ident $code:literal $status:literal exit $exit:literal $title:literal $help:literal)*) => {
        /// A problem's code; a code that is not listed here cannot be answered.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $($variant),* }

        impl Code {
            pub fn info(self) -> &'static CodeInfo {
                match self {
                    $(Self::$variant => &CodeInfo {
                        code: $code, status: $status, title: $title, help: $help, exit: $exit,
                    }),*
                }
            }
        }

        const ALL: &[Code] = &[$(Code::$variant),*];
    };
}

codes! {
    UnknownService "unknown-service" 404 exit 2
        "There is no such service"
        "`staunch status` lists the services; a new one needs a table in the configuration and a restart of `staunch up`."
    UnknownRevision "unknown-revision" 404 exit 2
        "There is no such revision"
        "`staunch history` lists revisions. Only the last ten that were stable can be gone back to."
    UnknownRollout "unknown-rollout" 404 exit 2
        "There is no such rollout"
        "`staunch history` lists rollouts with their numbers."
    UnknownRelease "unknown-release" 404 exit 2
        "There is no such release"
        "Releases are `[release.NAME]` tables of the configuration; `staunch history` lists those that were, with their numbers."
    UnknownInstance "unknown-instance" 404 exit 2
        "There is no such instance"
        "`staunch status` lists the instances that exist now; the last lines of earlier ones are in `staunch explain`."
    Conflict "conflict" 409 exit 16
        "This is not possible now"
        "The service is in another state than the command needs. `allowed_actions` lists what can be done now."
    BudgetFrozen "budget-frozen" 409 exit 14
        "The error budget is frozen"
        "Too little of it is left to risk a change; `thaw_at` says when it ends at the latest and `staunch budget` shows why. Fix what fails, or pass with --critical-fix --reason TEXT --approved-by NAME. A rollback is never refused."
    NotAPass "incomplete-pass" 422 exit 2
        "Passing a freeze needs more"
        "Give a reason and a second person: --critical-fix --reason TEXT --approved-by NAME, where NAME is not who deploys."
    PolicyRefused "policy-refused" 409 exit 15
        "The policy says no"
        "`findings` lists everything that speaks against it, with its place in the file and a fix. `staunch plan` shows the same."
    ApprovalNeeded "approval-needed" 409 exit 13
        "Other people have to agree first"
        "It has been asked for. `staunch approve` by another person, then `staunch deploy` again; or deploy with `--until decided` to wait."
    ApprovalRejected "approval-rejected" 409 exit 17
        "Somebody who was asked said no"
        "Change what they object to and deploy again, or let them approve it."
    NotAllowed "not-allowed" 403 exit 5
        "This person may not do that"
        "Whoever asks for a change cannot approve it, and only those whom the policy names can."
    ConfigInvalid "config-invalid" 422 exit 3
        "The configuration cannot be used"
        "`staunch validate` shows every finding with its place in the file."
    PlatformRefused "platform-refused" 502 exit 1
        "The machine refused"
        "The detail says what was tried and why it failed; `staunch doctor` checks the usual causes."
    JournalRefused "journal-refused" 503 exit 1
        "The journal cannot be used"
        "Nothing is done that cannot be recorded. Free space in the data directory, or see `staunch audit verify` when it is damaged."
    Stopping "stopping" 503 exit 4
        "Control is stopping"
        "Instances and traffic stay as they are. Start `staunch up` again, then repeat the command."
    NotReady "not-ready" 503 exit 4
        "Control is not ready"
        "The loop does not turn, or cannot record what it decides; the detail says which."
    Unreachable "unreachable" 503 exit 4
        "The server does not answer"
        "Start it with `staunch up`, or name another one with `--server`."
    NotFound "not-found" 404 exit 2
        "There is nothing at this address"
        "The API begins at /api/v1; `/` lists the services and links to their reports."
    MethodNotAllowed "method-not-allowed" 405 exit 2
        "This address does not take this method"
        "GET looks and never acts; commands are POST. The `Allow` header lists what the address takes."
    CursorInvalid "cursor-invalid" 400 exit 2
        "This cursor cannot be used"
        "Begin the list anew, without `cursor`. A cursor is good for one list with one filter, on the database that gave it."
    PreconditionFailed "precondition-failed" 412 exit 16
        "It is not as you saw it"
        "Look again, decide again, and send the `ETag` of the new answer as `If-Match`."
    KeyReused "idempotency-key-reused" 422 exit 2
        "This key was used for another request"
        "Use a new `Idempotency-Key` for each request that is meant to be carried out; only a repetition has the same."
    KeyInProgress "idempotency-in-progress" 409 exit 16
        "The same request is being carried out"
        "Wait, and repeat it with the same key: its answer comes then."
    OutcomeUnknown "idempotency-unknown" 409 exit 16
        "Whether it was done is not known"
        "The server ended in the middle. `staunch audit export` shows what was recorded; decide, and use a new key."
    AnswerSecret "idempotency-secret" 409 exit 16
        "It was done, and the answer is not kept"
        "A secret is shown once. Revoke what was made, and make another with a new key."
    BadJson "bad-json" 400 exit 2
        "The request's body cannot be read"
        "Send one JSON object with the keys that the command knows, or no body at all."
    BadRequest "bad-request" 400 exit 2
        "The request cannot be read"
        "The detail names the part of the address, query or header that is wrong."
    TooLarge "body-too-large" 413 exit 2
        "The request's body is too large"
        "A command's body is at most 64 KiB."
    ForbiddenHost "forbidden-host" 403 exit 5
        "This host name is not served"
        "Call the server as localhost, 127.0.0.1 or [::1] with its port. Other names are refused so that no web page can reach it through a name of its own."
    ForbiddenOrigin "forbidden-origin" 403 exit 5
        "Other web sites may not send commands"
        "Commands come from the server's own pages, from the command line, or from a script that sends no `Origin`."
    SocketOnly "socket-only" 403 exit 5
        "This works through the unix socket only"
        "Use the command line on the machine itself, as the user who runs the server."
    LoginNeeded "login-needed" 401 exit 5
        "The server has to know who asks"
        "On the machine itself use the command line, or open the page with `staunch ui`; from elsewhere send a token: STAUNCH_TOKEN for the command line, `Authorization: Bearer stn_…` otherwise. `staunch token create` makes one."
    TokenInvalid "token-invalid" 401 exit 5
        "This token does not work"
        "The detail says why. `staunch token list` shows those that there are, `staunch token create` makes another."
    TokenElsewhere "token-elsewhere" 403 exit 5
        "This token is for another environment"
        "Use a token of this environment; `staunch token create --for NAME` names the environments of a new one."
    RoleTooLow "role-too-low" 403 exit 5
        "This role may not do that"
        "The detail names the roles that may. Viewers look, deployers change, approvers answer, admins do everything and give access."
    TooManyFailures "too-many-failures" 429 exit 5
        "Too many wrong tokens from this address"
        "Wait as long as the `Retry-After` header says; until then no token from there is looked at."
    LinkInvalid "login-link-invalid" 403 exit 5
        "This link does not sign in any more"
        "`staunch ui` makes a new one; it works once, within a minute."
    ProviderAway "sign-in-provider" 502 exit 4
        "The sign-in provider does not answer as it should"
        "The detail says what was asked and what came. Who is signed in stays so; on the machine itself `staunch ui` signs in without it."
    SignInRefused "sign-in-refused" 403 exit 5
        "You are not signed in"
        "The detail says why. Try again; `[control.oidc]` of the server's file says whom the provider lets in."
    UnknownToken "unknown-token" 404 exit 2
        "There is no such token"
        "`staunch token list` lists them with their ids."
    UnknownSession "unknown-session" 404 exit 2
        "Nobody is signed in by this name"
        "`staunch session list` lists the browsers that are signed in."
    TokenExists "token-exists" 409 exit 16
        "There is a token already"
        "One name has one token that works, so that the journal says which one acted. `staunch token revoke NAME` ends it."
    ProxyOnly "proxy-only" 403 exit 5
        "Only the proxy may connect here"
        "This server is reached through the proxies of `[control] trusted-proxies`; call their address."
    TooManyConnections "too-many-connections" 503 exit 4
        "The server has no room for another connection"
        "Try again in a few seconds. Close streams that nobody reads; each is a connection."
    UpgradeFailed "upgrade-failed" 500 exit 1
        "The upgrade did not happen"
        "The old binary goes on working; the detail says what failed."
    Internal "internal" 500 exit 1
        "Something is broken in Staunch"
        "This is a defect; please report it with the detail."
}

/// The whole table, for the command line and for documentation.
pub fn codes() -> impl Iterator<Item = &'static CodeInfo> {
    ALL.iter().map(|code| code.info())
}

/// What is known of a code by its name.
pub fn code(name: &str) -> Option<&'static CodeInfo> {
    codes().find(|info| info.code == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_is_unique_has_help_and_an_exit_code_of_the_documented_table() {
        let names: BTreeSet<_> = codes().map(|info| info.code).collect();
        assert_eq!(names.len(), codes().count());
        for info in codes() {
            assert!(!info.help.is_empty() && info.help.ends_with('.'), "{}", info.code);
            assert!([1, 2, 3, 4, 5, 13, 14, 15, 16, 17].contains(&info.exit), "{}", info.code);
            assert!((400..=503).contains(&info.status), "{}", info.code);
        }
    }
}
