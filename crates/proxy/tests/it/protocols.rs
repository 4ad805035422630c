//! HTTP/2 on either side, and TLS.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use staunch_model::{StickyKey, TlsSpec, Upstream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use crate::app::{App, reply};
use crate::browser::Browser;
use crate::stage::Stage;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// An h2c application: answers with what it saw, and ends with this `grpc-status`.
fn h2c_app(grpc_status: &'static str) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        block_on(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let service = service_fn(move |request: Request<Incoming>| answer(request, grpc_status));
                let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
            }
        });
    });
    addr
}

async fn answer(
    request: Request<Incoming>,
    grpc_status: &'static str,
) -> Result<Response<impl Body<Data = Bytes, Error = Infallible>>, Infallible> {
    let seen = format!("{:?} {}", request.version(), request.uri());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let text = format!("{seen} {}", String::from_utf8_lossy(&body));
    let trailers = HeaderMap::from_iter([(
        http::HeaderName::from_static("grpc-status"),
        HeaderValue::from_static(grpc_status),
    )]);
    let body = Full::new(Bytes::from(text)).with_trailers(async move { Some(Ok(trailers)) });
    Ok(Response::builder().header("content-type", "application/grpc").body(body).unwrap())
}

async fn h2(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> http2::SendRequest<Full<Bytes>> {
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn text(response: Response<Incoming>) -> (String, Option<HeaderMap>) {
    let all = response.into_body().collect().await.unwrap();
    let trailers = all.trailers().cloned();
    (String::from_utf8(all.to_bytes().to_vec()).unwrap(), trailers)
}

fn post(uri: &str, body: &'static str) -> Request<Full<Bytes>> {
    Request::post(uri).header("te", "trailers").body(Full::new(Bytes::from(body))).unwrap()
}

#[test]
fn h2c_in_and_http1_out() {
    let app = App::start(|request, stream| {
        let all = |name: &str| {
            let found = request.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
            found.map(|(_, v)| v.as_str()).collect::<Vec<_>>().join("|")
        };
        let body = String::from_utf8_lossy(&request.body).into_owned();
        reply(stream, 200, &format!("{} {} {} {body}", all("host"), all("cookie"), all("via")))
    });
    let mut stage = Stage::stable(&[app.addr]);
    block_on(async {
        let mut sender = h2(TcpStream::connect(stage.addr).await.unwrap()).await;
        let calls: Vec<_> = (0..20)
            .map(|_| {
                let mut request = post("http://shop.example/x", "hi");
                request.headers_mut().append("cookie", HeaderValue::from_static("a=1"));
                request.headers_mut().append("cookie", HeaderValue::from_static("b=2"));
                sender.send_request(request)
            })
            .collect();
        for call in calls {
            let response = call.await.unwrap();
            assert_eq!((response.status().as_u16(), response.version()), (200, Version::HTTP_2));
            assert_eq!(text(response).await.0, "shop.example a=1; b=2 2 staunch hi");
        }
    });
    assert_eq!(stage.settled(1, 20).ok, 20);
}

#[test]
fn grpc_statuses_in_trailers_are_judged() {
    let (good, bad) = (h2c_app("0"), h2c_app("13"));
    let mut stage = Stage::tuned(&[good], &[bad], 5_000, |table| {
        table.upstream = Upstream::H2c;
        table.edge.sticky = Some(StickyKey::Header { name: "user".to_owned() });
    });
    let (mut ok, mut failed) = (0, 0);
    block_on(async {
        let mut sender = h2(TcpStream::connect(stage.addr).await.unwrap()).await;
        for user in 0..40 {
            let mut request = post("http://shop.example/pkg.Cart/Add", "hi");
            request.headers_mut().insert("user", HeaderValue::from(user));
            let (text, trailers) = text(sender.send_request(request).await.unwrap()).await;
            assert_eq!(text, "HTTP/2.0 http://shop.example/pkg.Cart/Add hi");
            match trailers.unwrap().get("grpc-status").unwrap().as_bytes() {
                b"0" => ok += 1,
                _ => failed += 1,
            }
        }
    });
    assert!(ok > 0 && failed > 0);
    assert_eq!((stage.settled(1, ok).ok, stage.settled(2, failed).server_error), (ok, failed));
}

#[test]
fn http1_in_and_h2c_out() {
    let mut stage = Stage::tuned(&[h2c_app("0")], &[], 0, |table| table.upstream = Upstream::H2c);
    let mut browser = Browser::open(stage.addr);
    for _ in 0..10 {
        let answer = browser.ask("POST", "/a?b", "TE: trailers\r\n", "hi").unwrap();
        assert_eq!(answer.text(), "HTTP/2.0 http://shop/a?b hi");
        assert_eq!(answer.header("via"), Some("2 staunch"));
    }
    assert_eq!(stage.settled(1, 10).ok, 10);
}

#[test]
fn tls_offers_both_protocols_and_marks_its_cookie_secure() {
    let app = App::start(|request, stream| reply(stream, 200, request.header("x-forwarded-proto").unwrap()));
    let mut stage = Stage::empty();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (stage.dir.path().join("cert.pem"), stage.dir.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    stage.table.tls = Some(TlsSpec { cert: path(&cert), key: path(&key) });
    stage.table.stable = Some(crate::stage::backend(1, &[app.addr]));
    stage.table.edge.sticky = Some(StickyKey::Cookie { name: "place".to_owned() });
    stage.publish();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&cert).unwrap()).unwrap();
    for protocol in ["h2", "http/1.1"] {
        let (version, cookie, proto) = block_on(ask_tls(stage.addr, roots.clone(), protocol));
        assert_eq!(version, if protocol == "h2" { Version::HTTP_2 } else { Version::HTTP_11 });
        assert!(cookie.ends_with("; Secure"), "{cookie}");
        assert_eq!(proto, "https");
    }
    std::fs::write(&cert, "nonsense").unwrap();
    stage.publish();
    stage.control.wait("the refusal", |c| c.refused.iter().any(|reason| reason.contains("cert.pem")));
    assert_eq!(block_on(ask_tls(stage.addr, roots, "h2")).2, "https", "the old certificate goes on serving");
}

async fn ask_tls(
    addr: SocketAddr,
    roots: rustls::RootCertStore,
    protocol: &str,
) -> (Version, String, String) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(addr).await.unwrap();
    let stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    let request =
        Request::get("https://localhost/").header("host", "localhost").body(Full::default()).unwrap();
    let response = if protocol == "h2" {
        h2(stream).await.send_request(request).await.unwrap()
    } else {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    };
    let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
    (response.version(), cookie, text(response).await.0)
}
