//! Answers in every framing, and answers that lie.

use std::io::Write as _;
use std::net::TcpStream;

use crate::app::{App, reply};
use crate::browser::Browser;
use crate::stage::Stage;

/// An application that writes the same bytes for every request, with its connection's port for `PORT`.
fn says(text: &'static str, keeps: bool) -> App {
    App::start(move |_, stream| {
        let port = format!("{:05}", stream.peer_addr().map_or(0, |addr| addr.port()));
        stream.write_all(text.replace("PORT", &port).as_bytes()).is_ok() && keeps
    })
}

/// The first three answers to one client, and over how many connections they came.
fn three_answers(app: &App) -> (Vec<String>, usize) {
    let stage = Stage::stable(&[app.addr]);
    let mut browser = Browser::open(stage.addr);
    let texts: Vec<String> = (0..3).map(|_| browser.get("/").text().to_owned()).collect();
    let mut ports: Vec<&str> = texts.iter().map(|text| &text[..5]).collect();
    ports.dedup();
    let connections = ports.len();
    (texts, connections)
}

#[test]
fn a_connection_is_used_again_after_a_whole_answer() {
    let cases = [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nPORT",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nPORT\r\n0\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nPORT",
    ];
    for text in cases {
        let (texts, connections) = three_answers(&says(text, true));
        assert_eq!(connections, 1, "{text:?}: {texts:?}");
        assert!(texts.iter().all(|text| text.len() == 5), "{texts:?}");
    }
}

#[test]
fn a_connection_whose_state_is_doubtful_is_not_used_again() {
    let cases = [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nPORT",
        "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nPORT",
        "HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nPORT\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nPORTHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nEVIL!",
    ];
    for text in cases {
        let (texts, connections) = three_answers(&says(text, true));
        assert_eq!(connections, 3, "{text:?}: {texts:?}");
        assert!(!texts.iter().any(|text| text.contains("EVIL")), "{texts:?}");
    }
}

#[test]
fn an_answer_may_end_with_its_connection() {
    let (texts, connections) = three_answers(&says("HTTP/1.1 200 OK\r\n\r\nPORT and more", false));
    assert_eq!(connections, 3);
    assert!(texts.iter().all(|text| text.ends_with(" and more")), "{texts:?}");
}

#[test]
fn what_is_no_answer_is_a_failure_of_the_instance() {
    let cases = [
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Le",
    ];
    for text in cases {
        let mut stage = Stage::stable(&[says(text, false).addr]);
        let answer = Browser::open(stage.addr).get("/");
        assert_eq!(
            (answer.status, answer.header("staunch-error")),
            (502, Some("connection-lost")),
            "{text:?}"
        );
        assert_eq!(stage.settled(1, 1).reset, 1, "{text:?}");
    }
}

#[test]
fn a_broken_chunk_is_a_reset_and_the_client_can_tell() {
    let app = says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nno size\r\n", true);
    let mut stage = Stage::stable(&[app.addr]);
    let answer = Browser::open(stage.addr).get("/");
    assert_eq!((answer.status, answer.complete), (200, false));
    assert_eq!(stage.settled(1, 1).reset, 1);
}

#[test]
fn a_large_answer_passes_whole_in_either_framing() {
    const CHUNK: usize = 70_001;
    let write = |stream: &mut TcpStream, chunked: bool| {
        let framing = if chunked { "Transfer-Encoding: chunked" } else { "Content-Length: 3500050" };
        stream.write_all(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n").as_bytes())?;
        for number in 0..50u8 {
            let data = vec![b'a' + number % 26; CHUNK];
            if chunked {
                write!(stream, "{CHUNK:x}\r\n")?;
            }
            stream.write_all(&data)?;
            stream.write_all(if chunked { b"\r\n" } else { b"" })?;
        }
        stream.write_all(if chunked { b"0\r\n\r\n" } else { b"" })
    };
    let app = App::start(move |request, stream| write(stream, request.path == "/chunked").is_ok());
    let stage = Stage::stable(&[app.addr]);
    let mut browser = Browser::open(stage.addr);
    let whole: Vec<u8> = (0..50u8).flat_map(|number| vec![b'a' + number % 26; CHUNK]).collect();
    for path in ["/chunked", "/length"] {
        let answer = browser.get(path);
        assert!(answer.complete, "{path}");
        assert!(answer.body == whole, "{path}: {} bytes", answer.body.len());
    }
}

#[test]
fn a_post_without_a_body_says_so() {
    let app =
        App::start(|request, stream| reply(stream, 200, request.header("content-length").unwrap_or("none")));
    let stage = Stage::stable(&[app.addr]);
    let mut browser = Browser::open(stage.addr);
    assert_eq!(browser.ask("POST", "/", "", "").unwrap().text(), "0");
    assert_eq!(browser.ask("POST", "/", "Content-Length: 0\r\n", "").unwrap().text(), "0");
    assert_eq!(browser.get("/").text(), "none");
}
