//! What keeps a program from leaving for another system: what it has of this one and there is no place for in what is written.

use gate_abi::import::Personality;
use gate_fs::Backing;
use gate_instrument::accept::{self, Limits};
use gate_snapshot::State;
use gate_wasi::Summary;
use gate_wire::worker::RefusalKind;

use crate::convert;
use crate::jobs::refused;

/// Why a program cannot go on as a module in any other engine; nothing if it can.
///
/// # Errors
/// The module is refused, or the state is damaged.
pub(crate) fn engine(module: &[u8], state: &State) -> anyhow::Result<Vec<String>> {
    Ok(match personality(module)? {
        Personality::Gate => vec!["it uses Gate's own functions".to_owned()],
        Personality::Wasi => wasi(state)?.map_or_else(Vec::new, |summary| obstacles(&summary)),
    })
}

/// Why a program cannot go on in the existing system, which gives programs nothing when they start; nothing if it can.
///
/// # Errors
/// As for [`engine`].
pub(crate) fn upstream(module: &[u8], state: &State) -> anyhow::Result<Vec<String>> {
    if personality(module)? == Personality::Gate {
        return Ok(Vec::new());
    }
    let Some(summary) = wasi(state)? else { return Ok(Vec::new()) };
    let given = [
        // The first one is its name.
        ("it was started with arguments", summary.arguments.len() > 1),
        ("it was started with environment variables", !summary.environment.is_empty()),
        ("it was given directories", !summary.preopens.is_empty()),
    ];
    let given = given.into_iter().filter(|(_, given)| *given).map(|(what, _)| what.to_owned());
    Ok(given.chain(obstacles(&summary)).collect())
}

fn personality(module: &[u8]) -> anyhow::Result<Personality> {
    match accept::accept(module, &Limits::STANDARD) {
        Ok(facts) => Ok(facts.personality),
        Err(refusal) => Err(refused(convert::refusal_kind(&refusal), refusal)),
    }
}

/// What a program of WASI has; nothing is known of one that came from elsewhere itself.
fn wasi(state: &State) -> anyhow::Result<Option<Summary>> {
    if state.host.is_empty() {
        return Ok(None);
    }
    let limits = gate_fs::Limits { bytes: u64::MAX, inodes: u32::MAX, file_bytes: u64::MAX };
    let summary = gate_wasi::inspect(&Backing::new(state.host.clone()), limits);
    summary.map(Some).map_err(|error| refused(RefusalKind::Damaged, error))
}

fn obstacles(summary: &Summary) -> Vec<String> {
    summary.obstacles.iter().map(ToString::to_string).collect()
}
