//! What becomes of an uncaught value (`handleError` in `loop.js`).

use boa_engine::object::builtins::JsArray;
use boa_engine::{JsString, JsValue, js_string};

use super::{Ending, INTERNAL};
use crate::engine::render::respond;
use crate::engine::vm::Thrown;
use crate::engine::{Profile, Vm};

/// The answer to an uncaught value, and whether the process lives on.
pub(in crate::engine) struct ErrorAnswer {
    /// A list that starts with `error`.
    pub(in crate::engine) line: JsValue,
    lives: bool,
}

impl Vm {
    /// Answers an uncaught value (`handleError`).
    pub(super) fn answer_error(&mut self, value: &JsValue) -> Result<(), Ending> {
        let spidermonkey = self.profile == Profile::SpiderMonkey;
        match self.error_answer(value) {
            Ok(answer) => {
                self.watched(|vm| respond(&answer.line, &mut vm.context));
                let status = if spidermonkey { 255 } else { 0 };
                if answer.lives { Ok(()) } else { Err(Ending { status, message: None }) }
            }
            Err(Thrown::Fatal(error)) => Err(error.into()),
            Err(Thrown::Value(_)) if !spidermonkey && value.is_null() => {
                self.host.send("[\"error\",\"internal_error\",null]");
                Err(Ending::DONE)
            }
            Err(Thrown::Value(_)) if spidermonkey => {
                let shown = if value.is_null() { "e is null" } else { "e is undefined" };
                Err(Ending::with(0, format!("error: {shown}")))
            }
            Err(Thrown::Value(_)) => Err(Ending::with(1, INTERNAL)),
        }
    }

    /// What an uncaught value is answered with.
    pub(in crate::engine) fn error_answer(
        &mut self,
        value: &JsValue,
    ) -> Result<ErrorAnswer, Thrown> {
        let is = |value: &JsValue, text: &str| value.as_string().is_some_and(|found| found == text);
        let first = self.member(value, "0")?;
        if is(&first, "error") {
            return Ok(ErrorAnswer { line: value.clone(), lives: true });
        }
        if is(&first, "fatal") {
            if let Some(list) = value.as_object() {
                // A list that cannot be changed is answered as it is.
                let _ = list.set(0_u32, js_string!("error"), false, &mut self.context);
            }
            return Ok(ErrorAnswer { line: value.clone(), lives: false });
        }
        let name = self.member(value, "name")?;
        let (key, reason) = if is(&name, "InternalError") {
            let message = self.member(value, "message")?;
            let line = self.error_line(name, message);
            return Ok(ErrorAnswer { line, lives: false });
        } else {
            let error = self.member(value, "error")?;
            let reason =
                if error.to_boolean() { self.member(value, "reason")? } else { error.clone() };
            if error.to_boolean() && reason.to_boolean() {
                (error, reason)
            } else if name.to_boolean() {
                (name, value.clone())
            } else {
                let text = match self.profile {
                    Profile::SpiderMonkey => JsString::from(self.error_text(value)?).into(),
                    Profile::QuickJs => self.member(value, "stack")?,
                };
                (js_string!("unnamed_error").into(), text)
            }
        };
        Ok(ErrorAnswer { line: self.error_line(key, reason), lives: true })
    }

    fn error_line(&mut self, key: JsValue, reason: JsValue) -> JsValue {
        let line = [js_string!("error").into(), key, reason];
        JsArray::from_iter(line, &mut self.context).into()
    }
}
