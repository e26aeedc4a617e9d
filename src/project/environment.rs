//! Which server to talk to, and as whom: from flags, environment variables, `.env` and
//! `couchctl.toml`, in this order.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::config::{Authentication, Config, checked_url, parsed_url};
use super::files;
use super::problem::{Fault, Problem, line_of};
use super::suggest::did_you_mean;

/// The built-in environment: a server inside the program.
pub const SANDBOX: &str = "sandbox";

/// The environment of `couchctl.toml` that is used when none is named.
const DEFAULT_ENVIRONMENT: &str = "local";

/// Where a CouchDB listens unless told otherwise.
const DEFAULT_URL: &str = "http://127.0.0.1:5984";

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

/// What the command line says of the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// An environment of `couchctl.toml`, or `sandbox`.
    pub environment: Option<String>,
    /// An address.
    pub url: Option<String>,
    /// A user.
    pub user: Option<String>,
    /// A database.
    pub database: Option<String>,
    /// A file of certificates to trust besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// How to sign in.
    pub authentication: Option<Authentication>,
}

/// The `COUCHDB_…` variables of one source.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, Secret>);

impl fmt::Debug for Variables {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_map().entries(&self.0).finish()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Variables {
    /// Keeps the variables whose name starts with `COUCHDB_`; of equal names the last one.
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let variables =
            variables.into_iter().map(|(name, value)| (name.into(), Secret::new(value)));
        Self(variables.filter(|(name, _)| name.starts_with("COUCHDB_")).collect())
    }
}

impl Variables {
    /// Those of the process; values that are not UTF-8 are left out.
    #[must_use]
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// Those of the project's `.env`; none when there is no such file. The process keeps its own
    /// variables unchanged.
    ///
    /// # Errors
    /// When the file cannot be read or a line is not `NAME=value`; no error quotes a value.
    pub fn of_file(root: &Path) -> Result<Self, Problem> {
        let path = root.join(".env");
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = files::read_text(&path)?;
        dotenvy::from_read_iter(text.as_bytes())
            .map(|variable| {
                variable.map_err(|error| {
                    let line = match &error {
                        dotenvy::Error::LineParse(line, _) => text.find(line.as_str()),
                        _ => None,
                    };
                    let fault = Fault::Config(
                        "expected `NAME=value`; quote values that hold spaces, `#` or quotes, and use single \
                         quotes around `$`"
                            .to_owned(),
                    );
                    Problem::at_line(Path::new(".env"), line.map_or(1, |at| line_of(&text, at)), fault)
                })
            })
            .collect()
    }

    /// `COUCHDB_PASSWORD`.
    #[must_use]
    pub fn password(&self) -> Option<Secret> {
        self.get("COUCHDB_PASSWORD").map(Secret::new)
    }

    fn get(&self, name: &str) -> Option<&str> {
        // An empty variable is one that is not set: compose files often pass them on like that.
        self.0.get(name).map(Secret::reveal).filter(|value| !value.is_empty())
    }
}

/// The server to talk to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// The environment's name, if it has one.
    pub environment: Option<String>,
    /// Its address without user and password, and without a slash at the end; empty for the
    /// sandbox.
    pub url: String,
    /// The user.
    pub user: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// A token to be sent instead of user and password.
    pub token: Option<Secret>,
    /// How user and password are sent.
    pub authentication: Authentication,
    /// A file of certificates to trust besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// The database to limit a command to, if one is named.
    pub database: Option<String>,
    /// Whether changing it asks first.
    pub protected: bool,
}

impl Connection {
    /// Whether it is the server inside the program.
    #[must_use]
    pub fn is_sandbox(&self) -> bool {
        self.environment.as_deref() == Some(SANDBOX)
    }

    /// Decides which server to talk to.
    ///
    /// # Errors
    /// When an address is not valid, a flag holds a password, or no such environment is known.
    pub fn resolve(
        config: &Config,
        flags: &Flags,
        process: &Variables,
        file: &Variables,
    ) -> Result<Self, Problem> {
        let variable = |name| process.get(name).or_else(|| file.get(name)).map(str::to_owned);
        let database = flags.database.clone().or_else(|| variable("COUCHDB_DATABASE"));
        if flags.url.is_none() && flags.environment.as_deref() == Some(SANDBOX) {
            return Ok(Self { environment: Some(SANDBOX.to_owned()), database, ..Self::default() });
        }
        let mut server = server(config, flags, process, file)?;
        let named = server.environment.as_ref().and_then(|name| config.environments.get(name));
        let user = flags
            .user
            .clone()
            .or_else(|| variable("COUCHDB_USER"))
            .or_else(|| named.and_then(|environment| environment.user.clone()))
            .or_else(|| server.user.take());
        let password = variable("COUCHDB_PASSWORD").map(Secret).or_else(|| server.password.take());
        // A protected server stays protected when its address comes from elsewhere.
        let protected = config.environments.values().any(|environment| {
            environment.protected
                && checked_url(&environment.url).is_ok_and(|url| without_slash(&url) == server.url)
        });
        let ca_file = flags
            .ca_file
            .clone()
            .or_else(|| variable("COUCHDB_CA_FILE").map(PathBuf::from))
            .or_else(|| named.and_then(|environment| environment.ca_file.clone()));
        let authentication = flags
            .authentication
            .or_else(|| named.and_then(|environment| environment.authentication))
            .unwrap_or_default();
        let token = variable("COUCHDB_TOKEN").map(Secret);
        Ok(Self { user, password, token, authentication, ca_file, database, protected, ..server })
    }
}

/// The server's address and what its text says besides.
fn server(
    config: &Config,
    flags: &Flags,
    process: &Variables,
    file: &Variables,
) -> Result<Connection, Problem> {
    let problem = |place: &str| {
        let place = place.to_owned();
        move |fault| Problem::new(Path::new(&place), fault)
    };
    if let Some(url) = &flags.url {
        let url = parsed_url(url).map_err(problem("--url"))?;
        if url.password().is_some() {
            return Err(problem("--url")(Fault::Password));
        }
        return Ok(connection(None, &url));
    }
    let known = |name: &str| {
        let environment = config.environments.get(name)?;
        Some(
            checked_url(&environment.url)
                .map(|url| connection(Some(name), &url))
                .map_err(problem(name)),
        )
    };
    if let Some(name) = &flags.environment {
        return known(name).unwrap_or_else(|| {
            let names = config.environments.keys().map(String::as_str).chain([SANDBOX]);
            let guess = did_you_mean(name, names)
                .map(|guess| format!("; did you mean `{guess}`?"))
                .unwrap_or_default();
            Err(problem("--env")(Fault::Config(format!("no environment `{name}`{guess}"))))
        });
    }
    for (place, variables) in [("COUCHDB_URL", process), (".env", file)] {
        if let Some(url) = variables.get("COUCHDB_URL") {
            let url = parsed_url(url).map_err(problem(place))?;
            return Ok(connection(None, &url));
        }
    }
    let only = config.environments.keys().next().filter(|_| config.environments.len() == 1);
    known(DEFAULT_ENVIRONMENT).or_else(|| known(only?)).unwrap_or_else(|| {
        parsed_url(DEFAULT_URL).map(|url| connection(None, &url)).map_err(problem("default"))
    })
}

/// Takes user and password out of an address.
fn connection(environment: Option<&str>, url: &url::Url) -> Connection {
    let decoded = |text: &str| percent_decode(text);
    let user = Some(url.username()).filter(|user| !user.is_empty()).map(decoded);
    let password = url.password().map(decoded).map(Secret);
    let mut bare = url.clone();
    // Both fail only for addresses without a host, which are refused before.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    Connection {
        environment: environment.map(str::to_owned),
        url: without_slash(&bare),
        user,
        password,
        ..Connection::default()
    }
}

fn without_slash(url: &url::Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

fn percent_decode(text: &str) -> String {
    // The `+` of a form stands for a space, but in a password for itself.
    let form = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(form.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let text = "[environments.local]\nurl = \"http://localhost:5984/\"\n\
                    [environments.production]\nurl = \"https://couch.example.org\"\nprotected = true\nuser = \"deploy\"";
        Config::parse(text, Path::new("couchctl.toml")).expect("a configuration")
    }

    fn variables(text: &[(&str, &str)]) -> Variables {
        text.iter().copied().collect()
    }

    fn resolve(flags: &Flags, process: &[(&str, &str)], file: &[(&str, &str)]) -> Connection {
        Connection::resolve(&config(), flags, &variables(process), &variables(file))
            .expect("a connection")
    }

    #[test]
    fn precedence() {
        let file =
            [("COUCHDB_URL", "http://file:1"), ("COUCHDB_USER", "file"), ("COUCHDB_DATABASE", "f")];
        let process = [("COUCHDB_URL", "http://process:2/"), ("COUCHDB_PASSWORD", "p@ss")];
        let none = Flags::default();
        assert_eq!(resolve(&none, &[], &[]).url, "http://localhost:5984");
        assert_eq!(resolve(&none, &[], &[]).environment.as_deref(), Some("local"));
        assert_eq!(resolve(&none, &[], &file).url, "http://file:1");
        let both = resolve(&none, &process, &file);
        assert_eq!((both.url.as_str(), both.user.as_deref()), ("http://process:2", Some("file")));
        assert_eq!(both.password, Some(Secret::new("p@ss")));
        let flags = Flags { environment: Some("production".into()), ..Flags::default() };
        let production = resolve(&flags, &process, &[]);
        assert_eq!(production.url, "https://couch.example.org");
        assert_eq!(production.user.as_deref(), Some("deploy"));
        assert!(production.protected);
        let flags =
            Flags { url: Some("http://flag:3/x/".into()), database: Some("d".into()), ..flags };
        let flag = resolve(&flags, &process, &file);
        assert_eq!((flag.url.as_str(), flag.database.as_deref()), ("http://flag:3/x", Some("d")));
        let empty =
            Connection::resolve(&Config::default(), &none, &variables(&[]), &variables(&[]));
        assert_eq!(empty.expect("a connection").url, DEFAULT_URL);
    }

    #[test]
    fn a_protected_server_stays_protected_by_another_name() {
        let connection =
            resolve(&Flags::default(), &[("COUCHDB_URL", "https://couch.example.org:443/")], &[]);
        assert!(connection.protected);
    }

    #[test]
    fn credentials_in_the_variable_are_taken_out_of_the_address() {
        let connection =
            resolve(&Flags::default(), &[("COUCHDB_URL", "http://a%40b:p@ss%2F+1@host:5984")], &[]);
        assert_eq!(connection.url, "http://host:5984");
        assert_eq!(connection.user.as_deref(), Some("a@b"));
        assert_eq!(connection.password.as_ref().map(Secret::reveal), Some("p@ss/+1"));
        let shown = format!("{connection:?} {}", Secret::new("p@ss"));
        assert!(!shown.contains("ss/"), "{shown}");
    }

    #[test]
    fn refusals() {
        let refuse = |flags: Flags, process: &[(&str, &str)]| {
            Connection::resolve(&config(), &flags, &variables(process), &Variables::default())
                .expect_err("a refusal")
                .to_string()
        };
        let url = Flags { url: Some("http://a:s3cret@x".into()), ..Flags::default() };
        assert_eq!(refuse(url, &[]), "--url: a password must not stand here");
        let name = Flags { environment: Some("prodution".into()), ..Flags::default() };
        assert_eq!(
            refuse(name, &[]),
            "--env: no environment `prodution`; did you mean `production`?"
        );
        let malformed = refuse(Flags::default(), &[("COUCHDB_URL", "http//a:s3cret@x")]);
        assert!(
            malformed.starts_with("COUCHDB_URL: ") && !malformed.contains("s3cret"),
            "{malformed}"
        );
    }

    #[test]
    fn sandbox() {
        let flags = Flags { environment: Some(SANDBOX.into()), ..Flags::default() };
        assert!(resolve(&flags, &[("COUCHDB_URL", "http://x")], &[]).is_sandbox());
    }

    #[test]
    fn env_file() {
        let root = tempfile::tempdir().expect("a folder");
        assert_eq!(Variables::of_file(root.path()), Ok(Variables::default()));
        let text = "# comment\nexport COUCHDB_URL=http://x:1 # why\nCOUCHDB_PASSWORD='p$1 #\"x'\nOTHER=1\n\nCOUCHDB_USER=\"a b\"\n";
        std::fs::write(root.path().join(".env"), text).expect("a file");
        let variables = Variables::of_file(root.path()).expect("variables");
        assert_eq!(variables.get("COUCHDB_URL"), Some("http://x:1"));
        assert_eq!(variables.get("COUCHDB_PASSWORD"), Some("p$1 #\"x"));
        assert_eq!(variables.get("COUCHDB_USER"), Some("a b"));
        assert_eq!(variables.get("OTHER"), None);
        assert!(!format!("{variables:?}").contains("p$1"));
        std::fs::write(root.path().join(".env"), "A=1\nCOUCHDB_PASSWORD=s3cret word\n")
            .expect("a file");
        let problem = Variables::of_file(root.path()).expect_err("a problem").to_string();
        assert!(problem.starts_with(".env:2: ") && !problem.contains("s3cret"), "{problem}");
    }
}
