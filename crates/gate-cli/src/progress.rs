//! Shows on a terminal that something long is going on.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// What takes less than this is not worth a word.
const PATIENCE: Duration = Duration::from_millis(400);
/// How often it moves.
pub(crate) const PERIOD: Duration = Duration::from_millis(100);

/// A line on standard error that says what takes so long, if that is a terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    started: Instant,
    message: String,
    bar: Option<ProgressBar>,
    wanted: bool,
}

impl Progress {
    pub(crate) fn new(message: String) -> Self {
        Self { started: Instant::now(), message, bar: None, wanted: std::io::stderr().is_terminal() }
    }

    /// To be called every [`PERIOD`].
    pub(crate) fn tick(&mut self) {
        if !self.wanted || self.started.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            ProgressBar::new_spinner()
                .with_style(style)
                .with_message(self.message.clone())
                .with_elapsed(self.started.elapsed())
        });
        bar.tick();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
