//! What of an answer may be kept as an example: cut short, and nothing that is a secret.

/// Bytes of one value that are shown.
const SHOWN: usize = 120;
const KEPT_BACK: &str = "(kept back)";
const SECRETS: [&str; 10] = [
    "authorization",
    "cookie",
    "credential",
    "passw",
    "secret",
    "session",
    "token",
    "apikey",
    "api_key",
    "api-key",
];
/// Shorter values of headers are no secrets, and would be found everywhere.
const LEAST: usize = 4;

/// The values of the request's own credentials.
pub(crate) struct Credentials(Vec<String>);

impl Credentials {
    /// From a request as it is sent.
    pub(crate) fn of(request: &[u8]) -> Self {
        let text = String::from_utf8_lossy(request);
        let head = text.split("\r\n\r\n").next().unwrap_or_default();
        let lines = head.lines().filter_map(|line| line.split_once(':'));
        let secret = lines.filter(|(name, _)| {
            ["authorization", "proxy-authorization", "cookie"]
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known))
        });
        let words = secret.flat_map(|(_, value)| value.split([' ', ';', '=', ','])).map(str::trim);
        Self(words.filter(|word| word.len() >= LEAST).map(str::to_owned).collect())
    }

    /// The text as it may be shown at this place.
    pub(crate) fn shown(&self, place: &str, text: &str) -> String {
        let own = |word: &String| text.contains(word.as_str());
        if names_a_secret(place) || names_a_secret(text) || self.0.iter().any(own) {
            return KEPT_BACK.to_owned();
        }
        match text.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text.to_owned(),
        }
    }
}

fn names_a_secret(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    SECRETS.iter().any(|secret| text.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_kept_back_by_name_and_by_value() {
        let request =
            b"GET / HTTP/1.1\r\nAuthorization: Bearer abc123xyz\r\ncookie: a=1; sid=s3cr3tvalue\r\n\r\n";
        let credentials = Credentials::of(request);
        assert_eq!(credentials.shown("/user/apiKey", "1"), KEPT_BACK);
        assert_eq!(credentials.shown("/echo", "you sent abc123xyz"), KEPT_BACK);
        assert_eq!(credentials.shown("body", "…s3cr3tvalue…"), KEPT_BACK);
        assert_eq!(credentials.shown("body", "<input name=csrf_token>"), KEPT_BACK);
        assert_eq!(credentials.shown("/price", "12"), "12");
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let long = "ü".repeat(500);
        let shown = Credentials::of(b"").shown("/text", &long);
        assert_eq!(shown.chars().count(), SHOWN + 1);
    }
}
