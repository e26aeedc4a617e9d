//! What stands between a client and a server: TLS, proxies, compression.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use couchctl::project::{Connection, Secret};
use couchctl::server::{Failure, Options, Server, ServerError, Welcome};
use flate2::Compression;
use flate2::write::GzEncoder;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};

use crate::wire::{Reply, Wire};

const WELCOME: &str = r#"{"couchdb":"Welcome","version":"3.5.0","features":[]}"#;

fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deploy/certificates").join(name)
}

fn welcome(connection: &Connection) -> Result<Welcome, ServerError> {
    let options =
        Options { patience: Duration::from_secs(5), pause: Duration::ZERO, ..Options::default() };
    let server = Server::new(connection, options)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(server.welcome())
}

/// A server with the certificate for 127.0.0.1, which answers every request alike.
fn tls_server() -> String {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = CertificateDer::from_pem_file(certificate("server.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(certificate("server.key.pem")).expect("a key");
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .expect("a configuration");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            let mut tls = Stream::new(&mut connection, &mut stream);
            let mut request = [0; 4096];
            // A client that does not trust the certificate says no more.
            if tls.read(&mut request).is_ok_and(|read| read > 0) {
                let length = WELCOME.len();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{WELCOME}"
                );
                drop(tls.write_all(answer.as_bytes()).and_then(|()| tls.flush()));
            }
        }
    });
    url
}

#[test]
fn a_certificate_is_trusted_when_its_authority_is() {
    let connection = Connection {
        url: tls_server(),
        user: Some("ann".into()),
        password: Some(Secret::new("s3cret")),
        ..Connection::default()
    };
    let error = welcome(&connection).expect_err("an unknown authority");
    assert!(matches!(error.failure, Failure::Connect(_)), "{error}");
    assert!(error.to_string().contains("ertificate"), "{error}");
    let trusting = Connection { ca_file: Some(certificate("authority.pem")), ..connection.clone() };
    assert_eq!(welcome(&trusting).expect("an answer").version, "3.5.0");
    for (file, said) in [("none.pem", "cannot"), ("server.key.pem", "there is none in it")] {
        let wrong = Connection { ca_file: Some(certificate(file)), ..connection.clone() };
        let error = welcome(&wrong).expect_err("no certificates").to_string();
        assert!(error.contains(file) && (error.contains(said) || file == "none.pem"), "{error}");
    }
}

#[test]
fn a_proxy_of_the_environment_is_used() {
    let wire = Wire::start(|_| {
        Reply::json(404, r#"{"error":"not_found","reason":"Database does not exist."}"#)
    });
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(folder.path().join("views/mine/a/v")).expect("a folder");
    std::fs::write(folder.path().join("views/mine/a/v/map.js"), "function (doc) {}")
        .expect("a file");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_couchctl"))
        .arg("warm")
        .current_dir(folder.path())
        .env("COUCHDB_URL", "http://couch.invalid:5984")
        .env("HTTP_PROXY", wire.url())
        .env("http_proxy", wire.url())
        .output()
        .expect("couchctl runs");
    assert_eq!(output.status.code(), Some(3));
    let requests = wire.requests();
    assert!(requests[0].target.starts_with("http://couch.invalid:5984/mine/"), "{requests:?}");
    let shown = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(shown.contains("Database does not exist."), "{shown}");
}

#[test]
fn a_compressed_answer_is_read() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(WELCOME.as_bytes()).expect("written");
    let body = gzip.finish().expect("compressed");
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let answer = [head.into_bytes(), body].concat();
    let wire = Wire::start(move |_| Reply::Bytes(answer.clone()));
    let connection = Connection { url: wire.url(), ..Connection::default() };
    assert_eq!(welcome(&connection).expect("an answer").version, "3.5.0");
    assert!(
        wire.requests()[0].header("accept-encoding").is_some_and(|kinds| kinds.contains("gzip"))
    );
}

#[test]
fn a_token_is_sent_in_place_of_user_and_password() {
    let wire = Wire::start(|_| Reply::json(200, WELCOME));
    let connection = Connection {
        url: wire.url(),
        user: Some("ann".into()),
        password: Some(Secret::new("s3cret")),
        token: Some(Secret::new("abc.def")),
        ..Connection::default()
    };
    welcome(&connection).expect("an answer");
    assert_eq!(wire.requests()[0].header("authorization"), Some("Bearer abc.def"));
}

#[test]
fn any_password_can_be_sent() {
    for password in ["", "p@ss:wörd/+ 1", "\u{1f511}", "a\tb"] {
        let wire = Wire::start(|_| Reply::json(200, WELCOME));
        let connection = Connection {
            url: wire.url(),
            user: Some("ann".into()),
            password: Some(Secret::new(password)),
            ..Connection::default()
        };
        welcome(&connection).expect("an answer");
        let requests = wire.requests();
        let sent =
            requests[0].header("authorization").expect("a header").trim_start_matches("Basic ");
        let sent = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, sent);
        assert_eq!(sent.expect("base64"), format!("ann:{password}").into_bytes());
        assert_eq!(requests[0].target, "/", "nothing of it stands in the address");
    }
}
