//! One boa context and what all functions that run in it share.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use boa_engine::context::{ContextBuilder, HostHooks};
use boa_engine::error::{EngineError as BoaError, RuntimeLimitError};
use boa_engine::job::{Job, JobExecutor};
use boa_engine::module::IdleModuleLoader;
use boa_engine::object::builtins::JsArray;
use boa_engine::object::{IntegrityLevel, JsObject};
use boa_engine::property::PropertyKey;
use boa_engine::realm::Realm;
use boa_engine::{Context, JsError, JsNativeError, JsResult, JsString, JsValue};

use super::compile::Compiled;
use super::documents::Documents;
use super::globals::Sandbox;
use super::mime::Mime;
use super::peer::Peer;
use super::query_server::QueryServer;
use super::render::Rendering;
use super::sources::Sources;
use super::worker::Progress;
use super::{EngineError, Limits, Profile, builtins, json_global, memory, stringify};
use crate::json::Value;

/// The JavaScript virtual machine of one engine thread.
///
/// Documents, design documents and CouchDB's helpers live in its outer realm; every compiled
/// function has a realm of its own, the sandbox.
pub struct Vm {
    pub(super) context: Context,
    /// The same that the natives find in the context, where every access is a search.
    pub(super) host: Rc<Host>,
    pub(super) profile: Profile,
    pub(super) limits: Limits,
    pub(super) documents: Documents,
    /// `JSON` of the outer realm, which all sandboxes share under SpiderMonkey.
    pub(super) json: JsObject,
    /// Functions that leave nothing behind, by what they are for and their source.
    pub(super) reusable: HashMap<(Sandbox, Box<str>), Compiled>,
    /// What this machine knows as a query server.
    pub(super) server: QueryServer,
    progress: Arc<Progress>,
    /// How many watched steps run inside of each other now; the outermost is what is watched.
    watched: usize,
}

impl std::fmt::Debug for Vm {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Vm").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// What the native helpers of the sandboxes write to.
#[derive(Default)]
pub(super) struct Host {
    /// Keys and values given to `emit`, of all functions since the last document.
    pub(super) rows: RefCell<Vec<(JsValue, JsValue)>>,
    /// What the `index` of Clouseau was given.
    pub(super) fields: RefCell<Vec<JsValue>>,
    /// What the `index` of Nouveau was given.
    pub(super) nouveau_fields: RefCell<Vec<JsValue>>,
    /// Whether the `emit` of a `_view` filter was called.
    pub(super) emitted: Cell<bool>,
    /// Messages given to `log`, and exceptions that were only logged, where there is no peer to tell.
    log: RefCell<Vec<JsString>>,
    /// Who reads what a query server answers, and sends it rows.
    pub(super) peer: RefCell<Option<Box<dyn Peer>>>,
    /// What show and list functions have sent so far.
    pub(super) rendering: RefCell<Rendering>,
    /// The types that show and list functions can provide.
    pub(super) mime: RefCell<Mime>,
    /// The document that map functions run over now; it makes error messages more precise.
    pub(super) document: RefCell<Option<JsValue>>,
    /// Whether only the members of the document were built that the functions read.
    pub(super) is_projected: Cell<bool>,
    pub(super) sources: RefCell<Sources>,
    /// Why the process of a query server has to end, once that is so.
    pub(super) ended: Cell<Option<&'static str>>,
    /// How many realms were made for functions and modules.
    pub(super) realms: Cell<usize>,
    /// Which engine the natives behave as.
    pub(super) profile: Profile,
    /// Whether a promise callback is due: SpiderMonkey's couchjs would crash now.
    promise: Rc<Cell<bool>>,
    progress: Arc<Progress>,
}

impl Host {
    /// Logs a message (`log` in `share/server/util.js`): at once where there is a peer.
    pub(super) fn log(&self, message: JsString, context: &mut Context) {
        if self.peer.borrow().is_none() {
            self.log.borrow_mut().push(message);
            return;
        }
        let mut line = String::from("[\"log\",");
        // A string always has a JSON text.
        let _ =
            stringify::write(&message.into(), stringify::Spelling::JavaScript, &mut line, context);
        line.push(']');
        self.send(&line);
    }

    /// Sends a line to the peer, if there is one. Time spent on it is not the function's.
    pub(super) fn send(&self, line: &str) {
        self.outside(|peer| peer.send(line));
    }

    /// Waits for a line of the peer; `None` where there is no peer, or no more line.
    pub(super) fn receive(&self) -> Option<String> {
        self.outside(|peer| peer.receive()).flatten()
    }

    fn outside<T>(&self, talk: impl FnOnce(&mut dyn Peer) -> T) -> Option<T> {
        let mut peer = self.peer.borrow_mut();
        let peer = peer.as_mut()?;
        let counted = memory::count_this_thread(false);
        let paused = self.progress.pause();
        let result = talk(peer.as_mut());
        if paused {
            self.progress.enter();
        }
        memory::count_this_thread(counted);
        Some(result)
    }
}

/// The host state of a context.
pub(super) fn host(context: &Context) -> &Host {
    context.get_data::<Rc<Host>>().expect(BUILT)
}

const BUILT: &str = "the context was built with its host state";

/// Where promise callbacks go: nowhere, but it is remembered that there was one.
struct Jobs(Rc<Cell<bool>>);

impl JobExecutor for Jobs {
    fn enqueue_job(self: Rc<Self>, _job: Job, _context: &mut Context) {
        self.0.set(true);
    }

    fn run_jobs(self: Rc<Self>, _context: &mut Context) -> JsResult<()> {
        Ok(())
    }
}

struct Hooks(Profile);

impl HostHooks for Hooks {
    fn ensure_can_compile_strings(
        &self,
        _realm: Realm,
        _parameters: &[JsString],
        _body: &JsString,
        direct: bool,
        _context: &mut Context,
    ) -> JsResult<()> {
        // couchjs runs SpiderMonkey without `--eval`; QuickJS evaluates.
        match self.0 {
            Profile::SpiderMonkey => Err(JsNativeError::eval()
                .with_message(if direct {
                    "call to eval() blocked by CSP"
                } else {
                    "call to Function() blocked by CSP"
                })
                .into()),
            Profile::QuickJs => Ok(()),
        }
    }

    fn local_timezone_offset_seconds(&self, _unix_time_seconds: i64) -> i32 {
        // Servers run in UTC, and a test must not depend on the laptop it runs on.
        0
    }

    fn max_buffer_size(&self, _context: &mut Context) -> u64 {
        1 << 28
    }
}

/// What came out of a call that did not return.
pub(super) enum Thrown {
    /// JavaScript threw this value.
    Value(JsValue),
    /// A limit or the engine ended the call.
    Fatal(EngineError),
}

impl Vm {
    pub(super) fn new(profile: Profile, limits: Limits, progress: Arc<Progress>) -> Self {
        let host = Host { profile, progress: Arc::clone(&progress), ..Host::default() };
        let mut context = ContextBuilder::new()
            .host_hooks(Rc::new(Hooks(profile)))
            .job_executor(Rc::new(Jobs(Rc::clone(&host.promise))))
            .module_loader(Rc::new(IdleModuleLoader))
            .build()
            .expect("a context without options always builds");
        let host = Rc::new(host);
        context.insert_data(Rc::clone(&host));
        let runtime = context.runtime_limits_mut();
        // couchjs overflows its native stack somewhere beyond 10,000 frames.
        runtime.set_recursion_limit(10_000);
        runtime.set_stack_size_limit(4 << 20);
        // Ends, in the end, a thread that was given up because of an endless loop: no machine runs
        // this many iterations in time.
        let iterations = u64::try_from(limits.call_time.as_millis()).unwrap_or(u64::MAX);
        runtime.set_loop_iteration_limit(iterations.saturating_mul(200_000));
        let documents = Documents::new(&mut context);
        let json = context.intrinsics().objects().json();
        let realm = context.realm().clone();
        json_global::install(&realm, &mut context);
        builtins::apply_profile(profile, &realm, &mut context);
        // CouchDB freezes the JSON object of its outer realm.
        let _ = json.set_integrity_level(IntegrityLevel::Frozen, &mut context);
        Self {
            context,
            host,
            profile,
            limits,
            documents,
            json,
            reusable: HashMap::new(),
            server: QueryServer::default(),
            progress,
            watched: 0,
        }
    }

    /// Calls `function` under the watch of the limits.
    pub(super) fn call(
        &mut self,
        function: &JsObject,
        this: &JsValue,
        arguments: &[JsValue],
    ) -> Result<JsValue, Thrown> {
        self.enter();
        let result = function.call(this, arguments, &mut self.context);
        self.leave();
        if self.host.promise.replace(false) {
            return Err(self.promise_used());
        }
        result.map_err(|error| self.thrown(error))
    }

    /// What becomes of a function that uses promises: SpiderMonkey's couchjs crashes, QuickJS is
    /// built without promises and cannot call asynchronous functions.
    fn promise_used(&mut self) -> Thrown {
        match self.profile {
            Profile::SpiderMonkey => Thrown::Fatal(EngineError::PROMISE),
            Profile::QuickJs => {
                self.thrown(JsNativeError::typ().with_message("not a function").into())
            }
        }
    }

    /// Runs `step`, in which user code may run, under the watch of the limits: whatever asks a value
    /// of user code for its text or members may end in a getter or a proxy. What the step builds is
    /// not held against the function later.
    pub(super) fn watched<T>(&mut self, step: impl FnOnce(&mut Self) -> T) -> T {
        let held = memory::held();
        self.enter();
        let result = step(self);
        self.leave();
        memory::reset_held(held);
        result
    }

    fn enter(&mut self) {
        if self.watched == 0 {
            self.progress.enter();
            memory::count_this_thread(true);
        }
        self.watched += 1;
    }

    fn leave(&mut self) {
        self.watched -= 1;
        if self.watched == 0 {
            memory::count_this_thread(false);
            self.progress.leave();
        }
    }

    /// Tells what JavaScript threw from what ended it.
    pub(super) fn thrown(&mut self, error: JsError) -> Thrown {
        thrown(error, &mut self.context)
    }

    /// How many realms were made for functions and modules. boa gives back the memory of a realm, about
    /// 230 KB, only with the whole machine.
    #[must_use]
    pub fn realms(&self) -> usize {
        self.host.realms.get()
    }

    /// Counts a realm.
    pub(super) fn count_realm(context: &Context) {
        let realms = &host(context).realms;
        realms.set(realms.get() + 1);
    }

    /// Takes the messages logged since the last call.
    pub(super) fn take_log(&mut self) -> Vec<String> {
        let messages = std::mem::take(&mut *self.host.log.borrow_mut());
        // Lone surrogates, which Rust's strings cannot hold, become U+FFFD.
        messages.iter().map(JsString::to_std_string_lossy).collect()
    }

    /// Logs a message of CouchDB's own code.
    pub(super) fn log(&mut self, message: &str) {
        with_host(&mut self.context, |host, context| host.log(message.into(), context));
    }

    /// The failure that an uncaught value becomes (`share/server/loop.js`, `handleError`).
    pub(super) fn uncaught(&mut self, thrown: Thrown) -> EngineError {
        let value = match thrown {
            Thrown::Fatal(error) => return error,
            Thrown::Value(value) => value,
        };
        let described = self.watched(|vm| vm.described(&value));
        match described {
            Ok(error) | Err(Thrown::Fatal(error)) => error,
            // The error handler itself fails on null, undefined and hostile getters, which ends the
            // process of the query server without an answer.
            Err(Thrown::Value(_)) => EngineError::Exit {
                status: u8::from(self.profile == Profile::QuickJs),
                cause: "the error handler of the query server failed",
            },
        }
    }

    fn described(&mut self, value: &JsValue) -> Result<EngineError, Thrown> {
        let answer = self.error_answer(value)?;
        let error = self.member(&answer.line, "1")?;
        let error = match self.json_value(&error)? {
            Value::String(text) => text,
            other => crate::json::to_string(&other),
        };
        let reason = self.member(&answer.line, "2")?;
        Ok(EngineError::Thrown { error, reason: self.json_value(&reason)? })
    }

    /// A member of any value, as JavaScript reads it.
    pub(super) fn member(&mut self, value: &JsValue, name: &str) -> Result<JsValue, Thrown> {
        let object = value.to_object(&mut self.context).map_err(|error| self.thrown(error))?;
        let key = match name.parse::<u32>() {
            Ok(index) => PropertyKey::from(index),
            Err(_) => PropertyKey::from(JsString::from(name)),
        };
        object.get(key, &mut self.context).map_err(|error| self.thrown(error))
    }

    /// The list `["error", key, reason]`, as CouchDB's own code throws it.
    pub(super) fn error_list(&mut self, key: &str, reason: &str) -> Thrown {
        self.list_to_throw(["error", key, reason])
    }

    /// A list of texts as a thrown value.
    pub(super) fn list_to_throw(&mut self, parts: [&str; 3]) -> Thrown {
        let parts = parts.map(|part| JsValue::from(JsString::from(part)));
        Thrown::Value(JsArray::from_iter(parts, &mut self.context).into())
    }

    /// What CouchDB's own code throws where the engine reports `error`.
    pub(super) fn error_to_throw(&mut self, error: EngineError) -> Thrown {
        match error {
            EngineError::MissingFunction | EngineError::Compilation { .. } => {
                let (key, reason) = error.to_response();
                self.error_list(&key, reason.as_str().unwrap_or_default())
            }
            other => Thrown::Fatal(other),
        }
    }

    /// A `TypeError` of CouchDB's own code, whose message nobody sees.
    pub(super) fn type_error(&mut self) -> Thrown {
        self.thrown(JsNativeError::typ().into())
    }

    /// The value that `JSON.stringify` gives, parsed; null where it gives nothing.
    pub(super) fn json_value(&mut self, value: &JsValue) -> Result<Value, Thrown> {
        let mut text = String::new();
        let written = self.watched(|vm| {
            stringify::write(value, stringify::Spelling::Stored, &mut text, &mut vm.context)
                .map_err(|error| vm.thrown(error))
        })?;
        if !written {
            return Ok(Value::Null);
        }
        Ok(crate::json::parse_str(&text).unwrap_or(Value::Null))
    }
}

/// Lends the host state and the context it belongs to.
pub(super) fn with_host<T>(
    context: &mut Context,
    work: impl FnOnce(&Host, &mut Context) -> T,
) -> T {
    let host = Rc::clone(context.get_data::<Rc<Host>>().expect(BUILT));
    work(&host, context)
}

/// Tells what JavaScript threw from what ended it.
pub(super) fn thrown(error: JsError, context: &mut Context) -> Thrown {
    if error.as_engine().is_some()
        && let Some(cause) = host(context).ended.take()
    {
        return Thrown::Fatal(EngineError::Exit { status: 1, cause });
    }
    match error.as_engine() {
        Some(BoaError::RuntimeLimit(RuntimeLimitError::LoopIteration)) => {
            return Thrown::Fatal(EngineError::Timeout);
        }
        Some(BoaError::RuntimeLimit(_)) => return Thrown::Fatal(EngineError::RECURSION),
        Some(other) => return Thrown::Fatal(EngineError::Internal(other.to_string())),
        None => {}
    }
    match error.into_opaque(context) {
        Ok(value) => Thrown::Value(value),
        Err(error) => Thrown::Fatal(EngineError::Internal(error.to_string())),
    }
}
