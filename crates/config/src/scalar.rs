//! Single values: each function reads one form and says precisely why another is not it.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

use staunch_model::{ServiceName, VersionFlaw, VersionName, Weight};
use toml::Spanned;
use toml::de::DeValue;

use crate::codes::Code;
use crate::command::{self, CommandFlaw};
use crate::v1::keys::{Key, Kind};

/// Why a value does not fit its key.
pub(crate) struct Flaw {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    /// The part of a text that is meant, in bytes of the text.
    pub(crate) within: Option<Range<usize>>,
    /// The item of a list that is meant, in bytes of the file.
    pub(crate) item: Option<Range<usize>>,
}

impl Flaw {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: None, within: None, item: None }
    }
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
    pub(crate) fn wrong_type(key: &Key, expected: &str, found: &DeValue<'_>) -> Self {
        Self::new(Code::WrongType, format!("`{}` takes {expected}, this is {}", key.name, type_name(found)))
    }
}

pub(crate) type Read<T> = Result<T, Flaw>;

pub(crate) fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn string<'a>(key: &Key, value: &'a DeValue<'_>) -> Read<&'a str> {
    let text = value.as_str().ok_or_else(|| Flaw::wrong_type(key, "text in double quotes", value))?;
    let invalid = |what: &str| Flaw::new(Code::InvalidText, format!("`{}` {what}", key.name));
    if text.is_empty() && !matches!(key.kind, Kind::Command | Kind::Env) {
        return Err(invalid("is empty"));
    }
    if text.contains('\0') {
        return Err(invalid("has a NUL character"));
    }
    Ok(text)
}

/// A number as it stands in the file, for a proposal with a unit.
fn bare_number(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::String(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => None,
    }
}

/// The text of a value with a unit; a bare number is told which unit it may have meant.
fn with_unit<'a>(
    key: &Key,
    value: &'a DeValue<'_>,
    noun: &str,
    propose: fn(&str) -> String,
) -> Read<&'a str> {
    match bare_number(value) {
        Some(number) => Err(Flaw::new(Code::WrongUnit, format!("`{}` is {noun} and needs a unit", key.name))
            .help(format!("write \"{}\"", propose(&number)))),
        None => string(key, value),
    }
}

fn wrong_unit(key: &Key, text: &str, noun: &str, example: &str) -> Flaw {
    Flaw::new(Code::WrongUnit, format!("`{}` is {noun}; \"{text}\" is not", key.name))
        .help(format!("write {example}"))
}

fn out_of_range(key: &Key, least: &str, most: &str) -> Flaw {
    Flaw::new(Code::OutOfRange, format!("`{}` lies between {least} and {most}", key.name))
        .help(format!("choose a value from {least} to {most}"))
}

// Numbers.

/// Digits with at most one point: no sign, no exponent, so few that `f64` carries them.
fn decimal(text: &str) -> Option<f64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    (digits(whole) && digits(part) && text.len() <= 16).then(|| text.parse().ok()).flatten()
}

/// The leading number and the rest, which is the unit.
fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    Some((decimal(&text[..end])?, text[end..].trim()))
}

pub(crate) fn integer(key: &Key, value: &DeValue<'_>) -> Read<u64> {
    let number = value.as_integer().ok_or_else(|| Flaw::wrong_type(key, "a whole number", value))?;
    let (least, most) = key.kind.bounds();
    u64::from_str_radix(number.as_str(), number.radix())
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| out_of_range(key, &least.to_string(), &most.to_string()))
}

pub(crate) fn flag(key: &Key, value: &DeValue<'_>) -> Read<bool> {
    value.as_bool().ok_or_else(|| Flaw::wrong_type(key, "true or false", value))
}

/// `true`: saying "no" to one of several ways names none.
pub(crate) fn yes(key: &Key, value: &DeValue<'_>) -> Read<()> {
    match flag(key, value)? {
        true => Ok(()),
        false => Err(Flaw::new(Code::UnknownChoice, format!("`{}` can only be true", key.name))
            .help("remove the key to choose another way")),
    }
}

// Durations.

const DURATION: &str = "\"500ms\", \"30s\", \"5m\", \"1h\" or \"1m30s\"";

pub(crate) fn duration(key: &Key, value: &DeValue<'_>) -> Read<Duration> {
    let text = with_unit(key, value, "a duration", |number| format!("{number}s"))?;
    let (least, most) = key.kind.bounds();
    let span = milliseconds(text).ok_or_else(|| wrong_unit(key, text, "a duration", DURATION))?;
    if (least..=most).contains(&span) {
        Ok(Duration::from_millis(span))
    } else {
        Err(out_of_range(key, &short_duration(least), &short_duration(most)))
    }
}

/// `1m30s`: numbers with falling units, whole milliseconds in the end.
fn milliseconds(text: &str) -> Option<u64> {
    let (mut rest, mut total, mut above) = (text, 0.0, f64::INFINITY);
    while !rest.is_empty() {
        let (number, _) = number_and_unit(rest)?;
        rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').trim_start();
        let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit = milliseconds_of(&rest[..end])?;
        if unit >= above {
            return None;
        }
        (total, above, rest) = (total + number * unit, unit, &rest[end..]);
    }
    (above.is_finite() && (total - total.round()).abs() < 1e-6 && total < 1e15)
        .then_some(total.round() as u64)
}

fn milliseconds_of(unit: &str) -> Option<f64> {
    match unit {
        "ms" => Some(1.0),
        "s" => Some(1e3),
        "m" | "min" => Some(60e3),
        "h" => Some(3_600e3),
        "d" => Some(86_400e3),
        _ => None,
    }
}

/// The shortest way to write a span in the file.
pub(crate) fn short_duration(ms: u64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let exact = units
        .into_iter()
        .find(|&(size, unit)| ms >= size && ms.is_multiple_of(size) && (unit != "d" || ms > size));
    exact.map_or_else(|| format!("{ms}ms"), |(size, unit)| format!("{}{unit}", ms / size))
}

// Sizes.

pub(crate) fn size(key: &Key, value: &DeValue<'_>) -> Read<u64> {
    let text = with_unit(key, value, "a size", |number| format!("{number}MB"))?;
    let (least, most) = key.kind.bounds();
    let bytes = number_and_unit(text)
        .and_then(|(number, unit)| Some(number * bytes_of(unit)?))
        .ok_or_else(|| wrong_unit(key, text, "a size", "\"64KiB\", \"10MB\" or \"1GiB\""))?;
    if (least as f64..=most as f64).contains(&bytes) {
        Ok(bytes.round() as u64)
    } else {
        Err(out_of_range(key, &short_size(least), &short_size(most)))
    }
}

fn bytes_of(unit: &str) -> Option<f64> {
    match unit {
        "B" => Some(1.0),
        "KB" | "kB" => Some(1e3),
        "MB" => Some(1e6),
        "GB" => Some(1e9),
        "TB" => Some(1e12),
        "KiB" => Some(1_024.0),
        "MiB" => Some(1_048_576.0),
        "GiB" => Some(1_073_741_824.0),
        "TiB" => Some(1_099_511_627_776.0),
        _ => None,
    }
}

fn short_size(bytes: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let exact = units.into_iter().find(|&(bits, _)| bytes >= 1 << bits && bytes.trailing_zeros() >= bits);
    exact.map_or_else(|| format!("{bytes}B"), |(bits, unit)| format!("{}{unit}", bytes >> bits))
}

// Shares and margins, all as ratios: 1 % is 0.01.

pub(crate) fn share(key: &Key, value: &DeValue<'_>) -> Read<f64> {
    let text = with_unit(key, value, "a share", percent_of)?;
    let (least, most) = key.kind.percent_bounds();
    let percent =
        number_and_unit(text).and_then(|(number, unit)| (unit == "%").then_some(number)).ok_or_else(
            || wrong_unit(key, text, "a share of the requests", "a percentage, for example \"1%\""),
        )?;
    if (least..=most).contains(&percent) {
        // As it is written: 99.9 % is 0.999, without the last bit of a division.
        Ok((percent * 1e10).round() / 1e12)
    } else {
        Err(out_of_range(key, &format!("{least}%"), &format!("{most}%")))
    }
}

/// 0.01 was surely meant as a ratio, 5 as a percentage.
fn percent_of(number: &str) -> String {
    match number.parse::<f64>() {
        Ok(ratio) if ratio > 0.0 && ratio < 1.0 => format!("{}%", (ratio * 1e8).round() / 1e6),
        _ => format!("{number}%"),
    }
}

/// How much slower than stable: `"+10%"`.
pub(crate) fn growth(key: &Key, value: &DeValue<'_>) -> Read<f64> {
    let text = with_unit(key, value, "a margin", |number| format!("+{}", percent_of(number)))?;
    margin(text, "%").map(|percent| percent / 100.0).filter(|ratio| *ratio <= 100.0).ok_or_else(|| {
        wrong_unit(key, text, "a margin over stable", "how much slower it may be, for example \"+10%\"")
    })
}

/// How far above stable's error rate: `"+0.5pp"`.
pub(crate) fn points(key: &Key, value: &DeValue<'_>) -> Read<f64> {
    let text = with_unit(key, value, "a margin", |number| format!("+{number}pp"))?;
    margin(text, "pp").map(|points| points / 100.0).filter(|ratio| *ratio < 1.0).ok_or_else(|| {
        let noun = "a margin over stable in percentage points";
        wrong_unit(key, text, noun, "how far above stable's error rate it may be, for example \"+0.5pp\"")
    })
}

/// The plus is asked for: "10%" could as well mean 10 % of stable.
fn margin(text: &str, wanted: &str) -> Option<f64> {
    let (number, unit) = number_and_unit(text.strip_prefix('+')?.trim_start())?;
    (unit == wanted).then_some(number)
}

/// A share of the traffic: 5, 0.5 or "5%".
pub(crate) fn weight(key: &Key, value: &DeValue<'_>) -> Read<Weight> {
    let number = match value {
        DeValue::String(text) => {
            number_and_unit(text).filter(|&(_, unit)| unit == "%").map(|(number, _)| number)
        }
        DeValue::Integer(_) | DeValue::Float(_) => bare_number(value).and_then(|number| number.parse().ok()),
        DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    };
    let percent = number.ok_or_else(|| Flaw::wrong_type(key, "a number of percent such as 5", value))?;
    Weight::percent(percent).ok().filter(|weight| *weight > Weight::ZERO).ok_or_else(|| {
        let what = if key.name == "weight" { "a step" } else { "a share of the traffic" };
        Flaw::new(Code::StepsRange, format!("{percent} % cannot be {what}"))
    })
}

/// A positive number without a unit.
pub(crate) fn number(key: &Key, value: &DeValue<'_>) -> Read<f64> {
    let number: Option<f64> = bare_number(value).and_then(|number| number.parse().ok());
    let number = number.ok_or_else(|| Flaw::wrong_type(key, "a number without a unit", value))?;
    let usable = number.is_finite() && number > 0.0;
    usable.then_some(number).ok_or_else(|| {
        Flaw::new(Code::OutOfRange, format!("`{}` must be above zero, this is {number}", key.name))
    })
}

// Names, addresses and commands.

pub(crate) fn choice(key: &Key, value: &DeValue<'_>) -> Read<&'static str> {
    let text = string(key, value)?;
    let words = key.kind.choices();
    words.iter().find(|word| **word == text).copied().ok_or_else(|| {
        let listed = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
        Flaw::new(Code::UnknownChoice, format!("`{}` cannot be \"{text}\"", key.name))
            .help(format!("use one of {listed}"))
    })
}

pub(crate) fn service_name(key: &Key, value: &DeValue<'_>) -> Read<ServiceName> {
    name_of(string(key, value)?)
}

pub(crate) fn name_of(text: &str) -> Read<ServiceName> {
    ServiceName::try_from(text.to_owned())
        .map_err(|_| Flaw::new(Code::ServiceName, format!("\"{text}\" cannot be a service's name")))
}

/// The name of one content; a word that moves on cannot be one.
pub(crate) fn version(key: &Key, value: &DeValue<'_>) -> Read<VersionName> {
    VersionName::try_from(string(key, value)?.to_owned()).map_err(|flaw| match flaw {
        VersionFlaw::Mutable(_) | VersionFlaw::Untagged(_) => {
            Flaw::new(Code::VersionMutable, flaw.to_string())
        }
        VersionFlaw::Characters => {
            let message = format!("`{}` is at most 128 bytes of visible characters without spaces", key.name);
            Flaw::new(Code::InvalidText, message)
        }
    })
}

/// Text for people, or a name that is checked elsewhere.
pub(crate) fn text(key: &Key, value: &DeValue<'_>) -> Read<String> {
    if let DeValue::Datetime(date) = value {
        return Ok(date.to_string());
    }
    string(key, value).map(str::to_owned)
}

/// A file the machine reads, anywhere on it: certificates rarely lie in the project.
pub(crate) fn file(key: &Key, value: &DeValue<'_>) -> Read<String> {
    string(key, value).map(str::to_owned)
}

/// A path that stays below the folder of the file.
pub(crate) fn inside(key: &Key, value: &DeValue<'_>) -> Read<String> {
    let text = string(key, value)?;
    if text.starts_with('/') || text.split('/').any(|part| part == "..") {
        let message = format!("`{}`: \"{text}\" is outside the folder of this file", key.name);
        return Err(Flaw::new(Code::InvalidPath, message));
    }
    Ok(text.to_owned())
}

/// The same, for what is not there yet: a pattern, or a path that a tool will write.
pub(crate) fn report(key: &Key, value: &DeValue<'_>) -> Read<String> {
    inside(key, value)
}

pub(crate) fn url_path(key: &Key, value: &DeValue<'_>) -> Read<String> {
    let text = string(key, value)?;
    let well = text.starts_with('/') && text.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
    if well { Ok(text.to_owned()) } else { Err(not_a_url_path(key, text)) }
}

fn not_a_url_path(key: &Key, text: &str) -> Flaw {
    Flaw::new(Code::InvalidPath, format!("`{}`: \"{text}\" is not the path of a request", key.name))
        .help("start with `/` and leave out host, spaces and `#`, for example \"/healthz\"")
}

/// A token of RFC 9110, as cookie and header names are.
pub(crate) fn token(key: &Key, value: &DeValue<'_>) -> Read<String> {
    let text = string(key, value)?;
    let well = text.len() <= 64
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    if well {
        Ok(text.to_owned())
    } else {
        Err(Flaw::new(Code::StickyName, format!("\"{text}\" cannot be the name of a {}", key.name)))
    }
}

pub(crate) fn address(key: &Key, value: &DeValue<'_>) -> Read<SocketAddr> {
    if let Some(number) = bare_number(value) {
        return Err(ambiguous_port(&number));
    }
    let text = string(key, value)?;
    if port_number(text).is_some() {
        return Err(ambiguous_port(text));
    }
    let parsed = match (text.strip_prefix(':'), text.strip_prefix("localhost:")) {
        (Some(port), _) => port_number(port).map(|port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
        (_, Some(port)) => port_number(port).map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        (None, None) => text.parse().ok(),
    };
    parsed.ok_or_else(|| Flaw::new(Code::InvalidAddress, format!("\"{text}\" is not an IP address and port")))
}

fn port_number(text: &str) -> Option<u16> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn ambiguous_port(port: &str) -> Flaw {
    Flaw::new(Code::InvalidAddress, format!("port {port} of which address?")).help(format!(
        "write \"127.0.0.1:{port}\" for this machine only, or \":{port}\" for every address of it"
    ))
}

/// `host:port`; a name is looked up when it is asked.
pub(crate) fn host_port(key: &Key, value: &DeValue<'_>) -> Read<String> {
    let text = string(key, value)?;
    if is_host_port(text) { Ok(text.to_owned()) } else { Err(not_an_address(key, text)) }
}

fn is_host_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host_is_fine = match inner {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)),
    };
    host_is_fine && host.len() <= 255 && port_number(port).is_some_and(|port| port > 0)
}

fn not_an_address(key: &Key, text: &str) -> Flaw {
    Flaw::new(Code::DependencyAddress, format!("`{}`: \"{text}\" is not a host and a port", key.name))
}

/// `http://host[:port][/path]` as address and path.
pub(crate) fn http_url(key: &Key, value: &DeValue<'_>) -> Read<(String, String)> {
    let text = string(key, value)?;
    let rest = text.strip_prefix("http://").ok_or_else(|| no_plain_http(key, text))?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let ported = if is_host_port(authority) { authority.to_owned() } else { format!("{authority}:80") };
    let path = if path.is_empty() { "/" } else { path };
    let well = is_host_port(&ported) && path.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
    if well { Ok((ported, path.to_owned())) } else { Err(not_an_address(key, text)) }
}

fn no_plain_http(key: &Key, text: &str) -> Flaw {
    let flaw =
        Flaw::new(Code::DependencyAddress, format!("`{}`: \"{text}\" is not a plain http address", key.name));
    if text.starts_with("https://") {
        return flaw.help("only http is asked; for TLS use command = [\"curl\", \"-fsS\", \"https://…\"]");
    }
    flaw.help(format!("write \"http://{text}\""))
}

pub(crate) fn words(key: &Key, value: &DeValue<'_>) -> Read<Vec<String>> {
    let words = match value {
        DeValue::String(_) => command::split(string(key, value)?).map_err(|flaw| command_flaw(key, flaw))?,
        DeValue::Array(list) => list.iter().map(|item| word(key, item)).collect::<Read<_>>()?,
        DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Table(_) => {
            return Err(Flaw::wrong_type(key, "text or a list of words", value));
        }
    };
    match words.first() {
        Some(program) if !program.trim().is_empty() => Ok(words),
        _ => Err(command_flaw(key, CommandFlaw::Empty)),
    }
}

fn word(key: &Key, item: &Spanned<DeValue<'_>>) -> Read<String> {
    string(key, item.get_ref()).map(str::to_owned).map_err(|flaw| Flaw { item: Some(item.span()), ..flaw })
}

fn command_flaw(key: &Key, flaw: CommandFlaw) -> Flaw {
    let name = key.name;
    match flaw {
        CommandFlaw::Empty => Flaw::new(Code::CommandEmpty, format!("`{name}` names no program"))
            .help(format!("name the program: {name} = \"./my-app --flag\"")),
        CommandFlaw::Unbalanced { at } => Flaw {
            within: Some(at),
            ..Flaw::new(Code::CommandQuotes, format!("`{name}` has a quotation that does not end"))
        },
        CommandFlaw::Shell { at } => Flaw {
            within: Some(at),
            ..Flaw::new(Code::CommandShell, format!("`{name}` is not run by a shell"))
                .help(format!("use {name} = [\"sh\", \"-c\", \"…\"]"))
        },
    }
}

/// Names of environment variables; PORT is not free.
pub(crate) fn env_name(name: &str) -> Read<()> {
    let well = !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty();
    if !well || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err(Flaw::new(Code::EnvName, format!("\"{name}\" cannot be an environment variable")));
    }
    if name == "PORT" {
        return Err(Flaw::new(Code::EnvReserved, "PORT is set by Staunch, a free one for each instance"));
    }
    Ok(())
}

/// The value of a variable: text, since a program would see nothing else.
pub(crate) fn env_value(key: &Key, name: &str, value: &DeValue<'_>) -> Read<String> {
    match value.as_str() {
        Some(_) => string(key, value).map(str::to_owned),
        None => Err(env_not_text(name, value)),
    }
}

fn env_not_text(name: &str, value: &DeValue<'_>) -> Flaw {
    let flaw = Flaw::new(Code::WrongType, format!("`{name}` takes text, this is {}", type_name(value)));
    match bare_number(value) {
        Some(number) => flaw.help(format!("put it in quotes: {name} = \"{number}\"")),
        None => flaw,
    }
}
