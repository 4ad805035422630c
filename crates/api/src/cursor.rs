//! Where the next page of a list begins. Opaque, and good for one list of one database.

use crate::app::App;
use crate::codes::Code;
use crate::problem::{Answer, Refusal};

/// A list, with what it was filtered by.
pub(crate) struct List {
    database: String,
    asked: String,
}

impl List {
    /// `asked` names the list and everything that it was filtered by.
    pub(crate) async fn of(app: &App, asked: &str) -> Answer<Self> {
        let digest = crate::access::digest(asked);
        Ok(Self { database: app.database().await?, asked: crate::access::hex(&digest[..4]) })
    }

    /// Behind this number.
    pub(crate) fn cursor(&self, at: u64) -> String {
        format!("{}{}{at:016x}", self.database, self.asked)
    }

    pub(crate) fn position(&self, cursor: &str) -> Answer<u64> {
        let rest = cursor.strip_prefix(self.database.as_str()).ok_or_else(|| {
            refused("it belongs to another database: the server was set up anew, or this is another one")
        })?;
        let rest = rest
            .strip_prefix(self.asked.as_str())
            .ok_or_else(|| refused("it belongs to another list, or to the same list with another filter"))?;
        let well = rest.len() == 16 && rest.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(rest, 16).ok().filter(|_| well);
        number.ok_or_else(|| refused("it is no cursor of this server"))
    }
}

fn refused(why: &str) -> Refusal {
    Refusal::new(Code::CursorInvalid, format!("this cursor cannot be used: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(database: &str, asked: &str) -> List {
        List { database: database.to_owned(), asked: asked.to_owned() }
    }

    #[test]
    fn a_cursor_is_good_for_its_list_of_its_database_alone() {
        let ours = list("0a0b0c0d", "11111111");
        let cursor = ours.cursor(42);
        assert_eq!(ours.position(&cursor).unwrap(), 42);
        for other in [list("0a0b0c0e", "11111111"), list("0a0b0c0d", "11111112")] {
            assert_eq!(other.position(&cursor).unwrap_err().code, Code::CursorInvalid);
        }
        for bad in
            ["", "0a0b0c0d", "0a0b0c0d11111111", &format!("{cursor}0"), "0a0b0c0d11111111+00000000000002a"]
        {
            assert!(ours.position(bad).is_err(), "{bad}");
        }
    }
}
