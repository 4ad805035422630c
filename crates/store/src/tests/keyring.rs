use staunch_model::{Role, SessionRecord, Timestamp, TokenRecord};
use staunch_ports::{JournalError, KeptAnswer, KeptRequest, Keyring as _};

use crate::SqliteKeyring;

fn token(id: &str) -> TokenRecord {
    TokenRecord {
        id: id.to_owned(),
        name: "ci".to_owned(),
        role: Role::Deployer,
        environments: vec!["production".to_owned()],
        digest: [7; 32],
        created: Timestamp(1),
        created_by: "ann".to_owned(),
        expires: None,
        revoked: None,
    }
}

fn request(key: u8, at: i64) -> KeptRequest {
    KeptRequest { key: [key; 32], request: [9; 32], boot: u64::MAX, at: Timestamp(at), answer: None }
}

#[test]
fn what_was_put_is_there_after_a_restart_and_nobody_else_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.db");
    let session = SessionRecord {
        digest: [3; 32],
        name: "ann".to_owned(),
        role: Role::Admin,
        created: Timestamp(1),
        expires: Timestamp(2),
        token: None,
        terms: None,
    };
    {
        let mut ring = SqliteKeyring::open(&path).unwrap();
        ring.put_token(&token("a1")).unwrap();
        ring.put_token(&TokenRecord { revoked: Some(Timestamp(5)), ..token("a1") }).unwrap();
        ring.put_session(&session).unwrap();
    }
    let mut ring = SqliteKeyring::open(&path).unwrap();
    assert_eq!(ring.tokens().unwrap(), [TokenRecord { revoked: Some(Timestamp(5)), ..token("a1") }]);
    assert_eq!(ring.sessions().unwrap(), [session]);
    ring.remove_session(&[3; 32]).unwrap();
    assert_eq!(ring.sessions().unwrap(), []);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_key_is_taken_once_and_its_answer_outlives_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.db");
    let answer = KeptAnswer {
        status: 202,
        content_type: Some("application/json".to_owned()),
        location: None,
        body: Some(b"{}".to_vec()),
    };
    {
        let mut ring = SqliteKeyring::open(&path).unwrap();
        assert_eq!(ring.take_key(&request(1, 10)).unwrap(), None);
        assert_eq!(ring.take_key(&request(1, 11)).unwrap(), Some(request(1, 10)));
        ring.put_answer(&[1; 32], &answer).unwrap();
        assert_eq!(ring.take_key(&request(2, 12)).unwrap(), None);
        ring.free_key(&[2; 32]).unwrap();
        assert_eq!(ring.take_key(&request(2, 13)).unwrap(), None);
    }
    let mut ring = SqliteKeyring::open(&path).unwrap();
    let taken = ring.take_key(&request(1, 14)).unwrap();
    assert_eq!(taken, Some(KeptRequest { answer: Some(answer), ..request(1, 10) }));
    ring.forget_requests(Timestamp(11), 10).unwrap();
    assert_eq!(ring.take_key(&request(1, 15)).unwrap(), None, "the first was older");
    ring.forget_requests(Timestamp(0), 1).unwrap();
    assert_eq!(ring.take_key(&request(2, 16)).unwrap(), None, "the newest stays, the others go");
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.db");
    drop(SqliteKeyring::open(&path).unwrap());
    let other = rusqlite::Connection::open(&path).unwrap();
    other.pragma_update(None, "application_id", 7).unwrap();
    drop(other);
    assert!(matches!(SqliteKeyring::open(&path), Err(JournalError::Broken(_))));
}
