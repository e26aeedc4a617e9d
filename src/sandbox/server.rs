//! Connections: accepting them, reading requests within bounds, and answering come what may.

use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Semaphore, oneshot};

use super::failure::Failure;
use super::index::autobuild;
use super::lenient::{AtHead, Lenient};
use super::patience::{Answers, Patient};
use super::request::{MAX_BODY, Request, too_large};
use super::response::{Body, Response};
use super::router;
use super::state::{Call, Server};

/// Connections served at a time; further ones wait.
const MAX_CONNECTIONS: usize = 2048;

/// Bodies that may be read at a time, in pieces of a mebibyte: what all requests together may hold.
const BODY_PIECES: usize = 512;

/// How long a client may take to send the head of a request.
const HEAD_TIME: Duration = Duration::from_mins(1);

/// How long a client may take to send the body of a request.
const BODY_TIME: Duration = Duration::from_mins(5);

/// How long a client may pause while it sends a body.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// How long a client may take to read a further part of an answer.
const READ_TIME: Duration = Duration::from_mins(1);

/// The longest request line that mochiweb, CouchDB's HTTP server, reads.
const MAX_TARGET: usize = 8192;

/// Serves until told to stop.
pub(super) async fn serve(
    listener: TcpListener,
    server: Arc<Server>,
    mut stopped: oneshot::Receiver<()>,
) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let bodies = Arc::new(Semaphore::new(BODY_PIECES));
    let answers = Arc::new(Answers::new());
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &connections) => accepted,
            _ = &mut stopped => return,
        };
        let Some((stream, peer, permit)) = accepted else { continue };
        let shared = (Arc::clone(&server), Arc::clone(&bodies), Arc::clone(&answers));
        tokio::spawn(async move {
            let (reading, writing) = stream.into_split();
            let at_head = AtHead::new();
            let reading = Lenient::new(reading, at_head.clone());
            let connection = tokio::io::join(reading, Patient::new(writing, READ_TIME));
            let service = service_fn(move |request| {
                let (server, bodies, answers) = shared.clone();
                // Its head is over; what follows is its body.
                at_head.set(false);
                let at_head = at_head.clone();
                async move {
                    let response = answer(server, request, peer, &bodies, &at_head).await;
                    let response = answers.hold(response);
                    Ok::<hyper::Response<Body>, std::convert::Infallible>(response.into_http())
                }
            });
            // A connection that breaks is the client's business.
            let _ = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIME)
                .title_case_headers(true)
                .serve_connection(TokioIo::new(connection), service)
                .await;
            drop(permit);
        });
    }
}

async fn accept(
    listener: &tokio::net::TcpListener,
    connections: &Arc<Semaphore>,
) -> Option<(tokio::net::TcpStream, IpAddr, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.ok()?;
    let Ok((stream, peer)) = listener.accept().await else {
        // No file descriptors left, say: some connection will end.
        tokio::time::sleep(Duration::from_millis(20)).await;
        return None;
    };
    // Answers are small and wanted at once.
    let _ = stream.set_nodelay(true);
    Some((stream, peer.ip(), permit))
}

async fn answer(
    server: Arc<Server>,
    request: hyper::Request<Incoming>,
    peer: IpAddr,
    bodies: &Semaphore,
    at_head: &AtHead,
) -> Response {
    let (head, body) = request.into_parts();
    let target = head.uri.path_and_query().map_or("/", hyper::http::uri::PathAndQuery::as_str);
    if target.len() > MAX_TARGET {
        return Response::empty(400).with("Connection", "close");
    }
    let declared = head
        .headers
        .get("Content-Length")
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > MAX_BODY) {
        return Response::from(too_large()).with("Connection", "close");
    }
    let pieces = declared.map_or(MAX_BODY, |length| length.min(MAX_BODY)).div_ceil(1 << 20);
    let has_body = !hyper::body::Body::is_end_stream(&body);
    let pieces = if has_body { u32::try_from(pieces).unwrap_or(1) } else { 0 };
    let Ok(_permit) = bodies.acquire_many(pieces).await else {
        return Failure::internal("closed").into();
    };
    let body = match tokio::time::timeout(BODY_TIME, read(body)).await {
        Ok(Ok(body)) => body,
        Ok(Err(failure)) => return Response::from(failure).with("Connection", "close"),
        Err(_) => return Response::empty(408).with("Connection", "close"),
    };
    at_head.set(true);
    let request = Request::new(head.method.as_str(), target, head.headers, body, peer);
    let request = match request {
        Ok(request) => request,
        Err(failure) => return failure.into(),
    };
    // A panic in a handler must not take the connection with it.
    let handled = tokio::spawn(async move {
        match super::auth::authenticate(&server, &request) {
            Err(failure) => Response::from(failure),
            Ok((user, cookie)) => {
                let call = Call { server, request: Arc::new(request), user, rewrites: 0 };
                let response = router::route(call.clone()).await.unwrap_or_else(Response::from);
                if call.server.options.autobuild && call.request.method != "GET" {
                    build_indexes(call).await;
                }
                match cookie {
                    Some(cookie) if !sets_cookie(&response) => response.with("Set-Cookie", cookie),
                    _ => response,
                }
            }
        }
    });
    handled.await.unwrap_or_else(|_| Failure::internal("a handler failed").into())
}

/// Has the indexes of the database that a request may have changed built.
async fn build_indexes(call: Call) {
    let Some(store) = call.request.path.first().and_then(|name| call.server.store(name).ok())
    else {
        return;
    };
    let built = call.blocking(move |call| {
        autobuild(&call.server, &store);
        Ok(())
    });
    // Nobody waits for it.
    let _ = built.await;
}

fn sets_cookie(response: &Response) -> bool {
    response.headers.iter().any(|(name, _)| name == "Set-Cookie")
}

async fn read(body: Incoming) -> Result<bytes::Bytes, Failure> {
    let broken = |reason: &str| Failure::bad_request(reason);
    let mut body = std::pin::pin!(Limited::new(body, MAX_BODY));
    let mut bytes = bytes::BytesMut::new();
    loop {
        let Ok(frame) = tokio::time::timeout(IDLE_TIME, body.frame()).await else {
            return Err(broken("the body of the request does not come"));
        };
        match frame {
            None => return Ok(bytes.freeze()),
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    bytes.extend_from_slice(data);
                }
            }
            Some(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => {
                return Err(too_large());
            }
            Some(Err(_)) => return Err(broken("the body of the request cannot be read")),
        }
    }
}
