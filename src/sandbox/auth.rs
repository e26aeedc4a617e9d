//! Logging in: basic authentication and cookies (`couch_httpd_auth`), and the lock on accounts after
//! wrong passwords (`couch_auth_lockout`).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha1::Sha1;

use super::failure::Failure;
use super::request::Request;
use super::security::User;
use super::state::{Server, hexadecimal, random_hex, unix_time};
use crate::json::{self, Map, Value};

/// How long a cookie is good for, in seconds (`[chttpd_auth] timeout`).
const SESSION: u64 = 600;

/// A cookie is renewed on use when less than this much of its time is left.
const RENEWED_BELOW: u64 = SESSION * 9 / 10;

/// Wrong passwords for one account from one address, after which it is locked, and for how long.
const THRESHOLD: u32 = 5;
const LOCK: Duration = Duration::from_mins(5);

/// Rounds of the key derivation for passwords in `_users`. They protect nothing here, the documents
/// are in memory in plain sight of the tests that wrote them, and must not slow these down.
const ITERATIONS: u32 = 1000;

#[derive(Debug)]
struct Session {
    name: String,
    started: u64,
}

/// Sessions under way, and failed attempts.
#[derive(Debug, Default)]
pub(super) struct Logins {
    sessions: Mutex<HashMap<String, Session>>,
    failures: Mutex<HashMap<(String, IpAddr), (u32, Instant)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Finds out who makes a request, and the cookie that must be renewed.
pub(super) fn authenticate(
    server: &Server,
    request: &Request,
) -> Result<(User, Option<String>), Failure> {
    if let Some(found) = by_cookie(server, request)? {
        return Ok(found);
    }
    if let Some((name, password)) = basic_credentials(request)? {
        let user = check_password(server, request.peer, &name, &password)?;
        return Ok((User { authenticated: Some("default"), ..user }, None));
    }
    let roles = if server.is_admin_party() { vec!["_admin".to_owned()] } else { Vec::new() };
    Ok((User { roles, ..User::default() }, None))
}

fn basic_credentials(request: &Request) -> Result<Option<(String, String)>, Failure> {
    let Some(encoded) = request.header("Authorization").and_then(|text| {
        let (scheme, rest) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("basic").then(|| rest.trim())
    }) else {
        return Ok(None);
    };
    let invalid = || Failure::bad_request("Authorization header has invalid base64 value");
    let bytes = STANDARD.decode(encoded).map_err(|_| invalid())?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(text.split_once(':').map(|(name, password)| (name.to_owned(), password.to_owned())))
}

fn by_cookie(
    server: &Server,
    request: &Request,
) -> Result<Option<(User, Option<String>)>, Failure> {
    let Some(token) = session_token(request) else { return Ok(None) };
    if token.is_empty() {
        return Ok(None);
    }
    let malformed =
        || Failure::bad_request("Malformed AuthSession cookie. Please clear your cookies.");
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| malformed())?;
    if bytes.split(|byte| *byte == b':').count() < 3 {
        return Err(malformed());
    }
    let now = unix_time();
    let (name, left) = match lock(&server.logins.sessions).get(token) {
        Some(session) if now < session.started + SESSION => {
            (session.name.clone(), session.started + SESSION - now)
        }
        _ => return Ok(None),
    };
    let Some(user) = known_user(server, &name) else { return Ok(None) };
    let renewed = (left < RENEWED_BELOW).then(|| start_session(server, &name));
    Ok(Some((User { authenticated: Some("cookie"), ..user }, renewed)))
}

fn session_token(request: &Request) -> Option<&str> {
    let cookies = request.header("Cookie")?.split(';');
    cookies.map(str::trim).find_map(|cookie| cookie.strip_prefix("AuthSession="))
}

/// Starts a session and gives its cookie.
pub(super) fn start_session(server: &Server, name: &str) -> String {
    let now = unix_time();
    let token = URL_SAFE_NO_PAD.encode(format!("{name}:{now:X}:{}", random_hex()));
    let mut sessions = lock(&server.logins.sessions);
    sessions.retain(|_, session| now < session.started + SESSION);
    sessions.insert(token.clone(), Session { name: name.to_owned(), started: now });
    cookie(&token, SystemTime::now() + Duration::from_secs(SESSION))
}

/// Ends the session of a request and gives the cookie that takes its own back.
pub(super) fn end_session(server: &Server, request: &Request) -> String {
    if let Some(token) = session_token(request) {
        lock(&server.logins.sessions).remove(token);
    }
    cookie("", SystemTime::UNIX_EPOCH)
}

fn cookie(token: &str, expires: SystemTime) -> String {
    let expires = httpdate::fmt_http_date(expires);
    format!(
        "AuthSession={token}; Version=1; Expires={expires}; Max-Age={SESSION}; Path=/; HttpOnly"
    )
}

/// The user with this name and password.
pub(super) fn check_password(
    server: &Server,
    peer: IpAddr,
    name: &str,
    password: &str,
) -> Result<User, Failure> {
    let account = (name.to_owned(), peer);
    {
        let mut failures = lock(&server.logins.failures);
        failures.retain(|_, (_, since)| since.elapsed() < LOCK);
        if failures.get(&account).is_some_and(|(count, _)| *count >= THRESHOLD) {
            return Err(Failure::forbidden(
                "Account is temporarily locked due to multiple authentication failures",
            ));
        }
    }
    let admin = server.options.admins.iter().find(|(admin, _)| admin == name);
    let right = match admin {
        Some((_, secret)) => same(secret.reveal().as_bytes(), password.as_bytes()),
        None => user_document(server, name).is_some_and(|user| verify(&user, password)),
    };
    match known_user(server, name).filter(|_| right) {
        Some(user) => Ok(user),
        None => {
            let mut failures = lock(&server.logins.failures);
            failures.entry(account).or_insert((0, Instant::now())).0 += 1;
            Err(Failure::unauthorized("Name or password is incorrect."))
        }
    }
}

/// The user of this name, with the roles that admins and `_users` give.
fn known_user(server: &Server, name: &str) -> Option<User> {
    let is_admin = server.options.admins.iter().any(|(admin, _)| admin == name);
    let document = user_document(server, name);
    let mut roles: Vec<String> = if is_admin { vec!["_admin".to_owned()] } else { Vec::new() };
    match &document {
        Some(document) => {
            let listed = document.get("roles").and_then(Value::as_array).into_iter().flatten();
            roles.extend(listed.filter_map(|role| role.as_str().map(str::to_owned)));
        }
        None if !is_admin => return None,
        None => {}
    }
    Some(User { name: Some(name.to_owned()), roles, authenticated: None })
}

fn user_document(server: &Server, name: &str) -> Option<Map<String, Value>> {
    let users = server.store("_users").ok()?;
    let text = users.read().database.read(
        &format!("org.couchdb.user:{name}"),
        None,
        crate::document::ReadOptions::default(),
    );
    match json::parse_str(&text.ok()?) {
        Ok(Value::Object(members)) => Some(members),
        _ => None,
    }
}

/// Replaces the password of a document for `_users` by a key derived from it
/// (`couch_users_db:save_doc`).
pub(super) fn hash_password(document: &mut Map<String, Value>) {
    let Some(Value::String(password)) = document.get("password") else { return };
    let salt = random_hex();
    let key = derived_key(password, &salt, ITERATIONS);
    document.shift_remove("password");
    document.insert("password_scheme".into(), "pbkdf2".into());
    document.insert("pbkdf2_prf".into(), "sha".into());
    document.insert("salt".into(), salt.into());
    document.insert("iterations".into(), ITERATIONS.into());
    document.insert("derived_key".into(), key.into());
}

fn verify(user: &Map<String, Value>, password: &str) -> bool {
    let text = |name: &str| user.get(name).and_then(Value::as_str);
    let (Some(key), Some(salt)) = (text("derived_key"), text("salt")) else { return false };
    let iterations = user.get("iterations").and_then(Value::as_u64);
    let iterations = iterations.and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
    // More rounds than a server uses by default would only serve to keep the sandbox busy.
    (1..=600_000).contains(&iterations)
        && text("pbkdf2_prf").is_none_or(|function| function == "sha")
        && same(derived_key(password, salt, iterations).as_bytes(), key.as_bytes())
}

fn derived_key(password: &str, salt: &str, iterations: u32) -> String {
    let key: [u8; 20] =
        pbkdf2::pbkdf2_hmac_array::<Sha1, 20>(password.as_bytes(), salt.as_bytes(), iterations);
    hexadecimal(&key)
}

/// Compares without telling by its time how much is right.
fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).fold(0, |found, (left, right)| found | (left ^ right)) == 0
}
