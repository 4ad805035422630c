//! Tokens, sessions, and the page.

use std::process::{Command, Stdio};

use staunch_api::v1::{BrowserSession, ReasonRequest, Token, TokenRequest};

use crate::args::{SessionCommand, SessionEndArgs, TokenCommand, TokenCreateArgs, TokenRevokeArgs, UiArgs};
use crate::exit::{Exit, Failure, Outcome};
use crate::remote::Remote;
use crate::term::Term;

pub(crate) async fn token(term: &Term, remote: &Remote, what: &TokenCommand) -> Outcome {
    match what {
        TokenCommand::Create(args) => create(term, remote, args).await,
        TokenCommand::List => list(term, remote).await,
        TokenCommand::Revoke(args) => revoke(term, remote, args).await,
    }
}

async fn create(term: &Term, remote: &Remote, args: &TokenCreateArgs) -> Outcome {
    let request = TokenRequest {
        name: args.name.clone(),
        role: args.role.clone(),
        environments: args.environments.clone(),
        expires_in_ms: args.expires.as_deref().map(life).transpose()?,
        reason: args.reason.clone(),
    };
    let made = remote.client().create_token(&request).await?;
    let until = made.token.expires_at.map_or_else(String::new, |at| format!(", until {at}"));
    term.say(&format!("token {} for {}, {}{until}", made.token.id, made.token.name, made.token.role));
    term.say("shown this once; keep it where secrets are kept, and give it as STAUNCH_TOKEN");
    term.say_result(
        &made.secret,
        &serde_json::json!({ "secret": made.secret, "token": made.token, "exit": 0 }),
    );
    Ok(Exit::Ok)
}

/// Milliseconds.
fn life(text: &str) -> Result<u64, Failure> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit: Option<u64> = match &text[split..] {
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    };
    let life = text[..split].parse::<u64>().ok().zip(unit).and_then(|(count, unit)| count.checked_mul(unit));
    life.filter(|ms| *ms > 0).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("`{text}` is not how long a token lives"))
            .help("write 30m, 12h or 90d")
    })
}

async fn list(term: &Term, remote: &Remote) -> Outcome {
    let tokens = remote.client().tokens().await?;
    if tokens.is_empty() {
        term.say("no token; `staunch token create NAME --role ROLE` makes one");
    }
    for token in &tokens {
        term.say_result(&line(token), &serde_json::to_value(token).unwrap_or_default());
    }
    Ok(Exit::Ok)
}

fn line(token: &Token) -> String {
    let places = if token.environments.is_empty() { "all".to_owned() } else { token.environments.join(", ") };
    let state = match (token.revoked_at, token.expires_at) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(at)) if token.works => format!("until {at}"),
        (None, Some(at)) => format!("expired {at}"),
        (None, None) => "until it is revoked".to_owned(),
    };
    format!("{}  {:<20} {:<9} {places:<12} {state}", token.id, token.name, token.role)
}

async fn revoke(term: &Term, remote: &Remote, args: &TokenRevokeArgs) -> Outcome {
    let request = ReasonRequest { reason: args.reason.clone() };
    let token = remote.client().revoke_token(&args.token, &request).await?;
    let json = serde_json::json!({ "token": token, "exit": 0 });
    term.say_result(&format!("token {} of {} does not work any more", token.id, token.name), &json);
    Ok(Exit::Ok)
}

pub(crate) async fn session(term: &Term, remote: &Remote, what: &SessionCommand) -> Outcome {
    match what {
        SessionCommand::List => sessions(term, remote).await,
        SessionCommand::End(args) => end(term, remote, args).await,
    }
}

async fn sessions(term: &Term, remote: &Remote) -> Outcome {
    let sessions = remote.client().sessions().await?;
    if sessions.is_empty() {
        term.say("no browser is signed in; `staunch ui` signs one in");
    }
    for session in &sessions {
        let BrowserSession { name, role, by, created_at, expires_at } = session;
        let text = format!("{name:<24} {role:<9} by {by:<9} since {created_at}, until {expires_at}");
        term.say_result(&text, &serde_json::to_value(session).unwrap_or_default());
    }
    Ok(Exit::Ok)
}

async fn end(term: &Term, remote: &Remote, args: &SessionEndArgs) -> Outcome {
    let request = ReasonRequest { reason: args.reason.clone() };
    let ended = remote.client().end_sessions(&args.name, &request).await?;
    let browsers =
        if ended.ended == 1 { "one browser".to_owned() } else { format!("{} browsers", ended.ended) };
    let json = serde_json::json!({ "name": ended.name, "ended": ended.ended, "exit": 0 });
    term.say_result(&format!("{browsers} of {} signed out", ended.name), &json);
    Ok(Exit::Ok)
}

/// The link goes to standard output, so that it can be passed on; a browser is opened where there is one.
pub(crate) async fn ui(term: &Term, remote: &Remote, args: &UiArgs) -> Outcome {
    let link = remote.client().login_link().await?;
    if !args.print && open(&link.url) {
        term.say("the browser opens the page; if it does not, this link does, once, within a minute:");
    }
    term.say_result(
        &link.url,
        &serde_json::json!({ "url": link.url, "expires_at": link.expires_at, "exit": 0 }),
    );
    Ok(Exit::Ok)
}

fn open(url: &str) -> bool {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = Command::new(program);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_has_a_unit_and_is_not_nothing() {
        assert_eq!(life("90d").unwrap(), 90 * 86_400_000);
        assert_eq!(life("12h").unwrap(), 43_200_000);
        for bad in ["", "90", "0d", "d", "1y", "999999999999999999d"] {
            assert!(life(bad).is_err(), "{bad}");
        }
    }
}
