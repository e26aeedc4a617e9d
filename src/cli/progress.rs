//! What happens during a deployment, shown: bars on a terminal, lines elsewhere, and all of it at the end
//! for programs.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{
    HumanBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle,
};
use serde_json::{Value, json};

use crate::deploy::{Building, Event, Observer};
use crate::report::human::plural;
use crate::report::terminal::{Style, escape};

/// Without a terminal, the progress of an index is told at most so often.
const LINES: Duration = Duration::from_secs(5);

/// Shows events as they come, and remembers them.
pub(super) struct Progress {
    bars: Option<MultiProgress>,
    style: Style,
    quiet: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: BTreeMap<(String, String), Running>,
    done: BTreeMap<String, Vec<Event>>,
}

/// An index that is being built.
struct Running {
    bar: Option<ProgressBar>,
    started: Instant,
    told: Instant,
}

impl Progress {
    /// Bars if standard error is a terminal; nothing at all if `quiet`.
    pub(super) fn new(style: Style, quiet: bool) -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let bars = (!quiet && !bars.is_hidden()).then_some(bars);
        Self { bars, style, quiet, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, text: &str) {
        if self.quiet {
            return;
        }
        // A terminal that went away wants no more of it.
        match &self.bars {
            Some(bars) => drop(bars.println(text)),
            None => drop(writeln!(std::io::stderr().lock(), "{text}")),
        }
    }

    /// Ends all bars, so that what is printed next stands on lines of its own.
    pub(super) fn end(&self) {
        for (_, running) in std::mem::take(&mut self.state().running) {
            if let Some(bar) = running.bar {
                bar.finish_and_clear();
            }
        }
    }

    fn building(&self, database: &str, building: &Building) {
        let key = (database.to_owned(), building.id.clone());
        let mut state = self.state();
        let running = state.running.entry(key).or_insert_with(|| {
            let bar = self.bars.as_ref().map(|bars| {
                let bar = bars.add(ProgressBar::new(building.total));
                bar.set_style(bar_style());
                bar.set_prefix(format!("{}: {}", escape(database), shown(&building.designs)));
                bar
            });
            Running { bar, started: Instant::now(), told: Instant::now() }
        });
        if let Some(bar) = &running.bar {
            bar.set_length(building.total);
            bar.set_position(building.done);
        } else if running.told.elapsed() >= LINES && building.total > 0 {
            running.told = Instant::now();
            let rate = building.done as f64 / running.started.elapsed().as_secs_f64();
            let left = (building.total - building.done) as f64 / rate;
            let left = if rate > 0.0 { format!(", {left:.0} s left") } else { String::new() };
            let text = format!(
                "{}: {} {} % ({}/{}, {rate:.0}/s{left})",
                escape(database),
                shown(&building.designs),
                building.done * 100 / building.total,
                building.done,
                building.total,
            );
            drop(state);
            self.line(&text);
        }
    }

    /// The line that an event is shown as.
    fn text(&self, event: &Event) -> Option<String> {
        let style = self.style;
        Some(match event {
            Event::Replanned { reason } => {
                format!("{} {}; planning again", style.warn("changed:"), escape(reason))
            }
            Event::Created => "created".to_owned(),
            Event::Secured => "_security written".to_owned(),
            Event::Staged { designs, resumed: true, .. } => {
                format!("the index of {} goes on being built", shown(designs))
            }
            Event::Staged { designs, .. } => format!("building the index of {}", shown(designs)),
            Event::Building(_) => return None,
            Event::Built { building, .. } if building.total == 0 => {
                format!("{} {} is warm", style.good("✓"), shown(&building.designs))
            }
            Event::Built { building, elapsed } => format!(
                "{} {} is warm ({}, {:.1} s)",
                style.good("✓"),
                shown(&building.designs),
                plural(building.total as usize, "change"),
                elapsed.as_secs_f64()
            ),
            Event::Saved { id, revision } => {
                format!(
                    "put {} {}",
                    style.strong(&escape(id)),
                    style.faint(&escape(&revision.to_string()))
                )
            }
            Event::Removed { id, .. } if is_own(id) => return None,
            Event::Removed { id, .. } => format!("deleted {}", escape(id)),
            Event::Verified { id, views } => {
                let answer = if *views == 1 { "answers" } else { "answer" };
                let views = plural(*views, "view");
                format!("{} {}: {views} {answer}", style.good("✓"), escape(id))
            }
            Event::CleanedUp { freed } => format!("unused indexes removed{}", freed_text(*freed)),
            Event::Notice(message) => format!("{} {}", style.warn("note:"), escape(message)),
        })
    }

    /// What happened in a database, summed up in a line.
    pub(super) fn summary(&self, database: &str) -> String {
        let state = self.state();
        let events = state.done.get(database).map(Vec::as_slice).unwrap_or_default();
        let count =
            |matches: fn(&Event) -> bool| events.iter().filter(|event| matches(event)).count();
        let saved = count(|event| matches!(event, Event::Saved { id, .. } if !is_own(id)));
        let kept = count(|event| matches!(event, Event::Saved { id, .. } if is_own(id)));
        let built = count(|event| matches!(event, Event::Built { .. }));
        let removed = count(|event| matches!(event, Event::Removed { id, .. } if !is_own(id)));
        let mut parts = Vec::new();
        if count(|event| *event == Event::Created) > 0 {
            parts.push("created".to_owned());
        }
        if count(|event| *event == Event::Secured) > 0 {
            parts.push("_security written".to_owned());
        }
        for (number, what) in [
            (saved, "design document put"),
            (built, "index warm"),
            (removed, "revision deleted"),
            (kept, "version kept"),
        ] {
            if number > 0 {
                // `2 design documents put`
                let (noun, verb) = what.rsplit_once(' ').unwrap_or((what, ""));
                let nouns = if noun == "index" && number > 1 {
                    format!("{number} indexes")
                } else {
                    plural(number, noun)
                };
                parts.push(format!("{nouns} {verb}"));
            }
        }
        if let Some(Event::CleanedUp { freed }) =
            events.iter().rev().find(|event| matches!(event, Event::CleanedUp { .. }))
        {
            parts.push(format!("cleaned up{}", freed_text(*freed)));
        }
        if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") }
    }

    /// What happened in a database, for programs.
    pub(super) fn json(&self, database: &str) -> Value {
        let state = self.state();
        let events = state.done.get(database).map(Vec::as_slice).unwrap_or_default();
        let of = |pick: fn(&Event) -> Option<Value>| -> Vec<Value> {
            events.iter().filter_map(pick).collect()
        };
        json!({
            "name": database,
            "created": events.contains(&Event::Created),
            "security_written": events.contains(&Event::Secured),
            "saved": of(|event| match event {
                Event::Saved { id, revision } => Some(json!({ "id": id, "rev": revision.to_string() })),
                _ => None,
            }),
            "removed": of(|event| match event {
                Event::Removed { id, revision } => Some(json!({ "id": id, "rev": revision.to_string() })),
                _ => None,
            }),
            "warmed": of(|event| match event {
                Event::Built { building, elapsed } => Some(json!({
                    "id": building.id,
                    "designs": building.designs,
                    "changes": building.total,
                    "duration_ms": elapsed.as_millis() as u64,
                })),
                _ => None,
            }),
            "verified": of(|event| match event {
                Event::Verified { id, views } => Some(json!({ "id": id, "views": views })),
                _ => None,
            }),
            "replanned": of(|event| match event {
                Event::Replanned { reason } => Some(json!(reason)),
                _ => None,
            }),
            "notices": of(|event| match event {
                Event::Notice(message) => Some(json!(message)),
                _ => None,
            }),
            "cleaned_up": events.iter().any(|event| matches!(event, Event::CleanedUp { .. })),
            "freed_bytes": events.iter().rev().find_map(|event| match event {
                Event::CleanedUp { freed } => *freed,
                _ => None,
            }),
        })
    }
}

impl Observer for Progress {
    fn event(&self, database: &str, event: Event) {
        if let Event::Building(building) = &event {
            self.building(database, building);
            return;
        }
        if let Event::Built { building, .. } = &event {
            let key = (database.to_owned(), building.id.clone());
            let running = self.state().running.remove(&key);
            if let Some(bar) = running.and_then(|running| running.bar) {
                bar.finish_and_clear();
            }
        }
        if let Some(text) = self.text(&event) {
            self.line(&format!("{}: {text}", escape(database)));
        }
        self.state().done.entry(database.to_owned()).or_default().push(event);
    }
}

fn bar_style() -> ProgressStyle {
    let template = "{prefix} {bar:24} {percent:>3} % {human_pos}/{human_len} {rate}/s {eta}";
    let style = ProgressStyle::with_template(template);
    style.unwrap_or_else(|_| ProgressStyle::default_bar()).with_key(
        "rate",
        |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            // A bar that cannot be written says nothing.
            let _ = write!(out, "{:.0}", state.per_sec());
        },
    )
}

/// Whether a design document is one of couchctl's own.
fn is_own(id: &str) -> bool {
    use crate::deploy::plan::{PREVIOUS_PREFIX, STAGING_PREFIX};
    id.starts_with(STAGING_PREFIX) || id.starts_with(PREVIOUS_PREFIX)
}

/// The names of design documents.
fn shown(designs: &[String]) -> String {
    let names: Vec<String> =
        designs.iter().map(|id| escape(id.strip_prefix("_design/").unwrap_or(id))).collect();
    names.join(", ")
}

fn freed_text(freed: Option<u64>) -> String {
    freed
        .filter(|freed| *freed > 0)
        .map(|freed| format!(", {} freed", HumanBytes(freed)))
        .unwrap_or_default()
}
