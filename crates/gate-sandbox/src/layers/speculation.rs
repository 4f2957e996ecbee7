//! Switches off speculative execution across process boundaries, for the processor bugs which the kernel lets a
//! process choose about (Documentation/userspace-api/spec_ctrl.rst).

use std::fmt;

use rustix::io::Errno;
use rustix::process::{
    SpeculationFeature, SpeculationFeatureControl, SpeculationFeatureState, control_speculative_feature,
    speculative_feature_state,
};

/// What to do about speculative store bypass. Disabling it costs several percent of speed, and what it protects is
/// the inside of one process; each program has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreBypass {
    /// Leave it to the host.
    Unchanged,
    /// Force it off.
    Disable,
}

/// State of one kind of speculation in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speculation {
    /// The processor does not have the bug, or the host has mitigated it for all.
    Safe,
    /// Switched off for this process for good.
    Disabled,
    /// Left on, because [`StoreBypass::Unchanged`] asked for it.
    Unchanged,
    /// The kernel gives no choice, and it is on.
    Vulnerable,
    /// This kernel or architecture cannot tell.
    Unknown,
}

impl fmt::Display for Speculation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Safe => "not vulnerable",
            Self::Disabled => "off",
            Self::Unchanged => "as the host has it",
            Self::Vulnerable => "on, and this kernel cannot switch it off",
            Self::Unknown => "unknown to this kernel",
        })
    }
}

/// What [`restrict`] achieved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Indirect branches steered by another process (Spectre variant 2 between processes).
    pub indirect_branches: Speculation,
    /// Speculative store bypass (variant 4).
    pub store_bypass: Speculation,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { indirect_branches, store_bypass } = self;
        write!(f, "indirect branches: {indirect_branches}, store bypass: {store_bypass}")
    }
}

/// Switches off indirect branch speculation across processes, and store bypass if asked for. Never fails: what the
/// hardware or kernel does not offer is in the report.
#[must_use]
pub fn restrict(store_bypass: StoreBypass) -> Report {
    Report {
        indirect_branches: disable(SpeculationFeature::IndirectBranchSpeculation),
        store_bypass: match store_bypass {
            StoreBypass::Disable => disable(SpeculationFeature::SpeculativeStoreBypass),
            StoreBypass::Unchanged => match state(SpeculationFeature::SpeculativeStoreBypass) {
                Speculation::Vulnerable => Speculation::Unchanged,
                other => other,
            },
        },
    }
}

fn disable(feature: SpeculationFeature) -> Speculation {
    match control_speculative_feature(feature, SpeculationFeatureControl::FORCE_DISABLE) {
        Ok(()) => Speculation::Disabled,
        // ENXIO: not controllable, the state says which way it is fixed. ENODEV: unknown here.
        Err(Errno::NXIO | Errno::PERM) => state(feature),
        Err(_) => Speculation::Unknown,
    }
}

fn state(feature: SpeculationFeature) -> Speculation {
    match speculative_feature_state(feature) {
        Ok(Some(state)) if state.is_empty() => Speculation::Safe,
        Ok(Some(state)) if state.contains(SpeculationFeatureState::FORCE_DISABLE) => Speculation::Disabled,
        Ok(Some(state)) if state.contains(SpeculationFeatureState::ENABLE) => Speculation::Vulnerable,
        Ok(Some(state)) if state.contains(SpeculationFeatureState::DISABLE) => Speculation::Safe,
        Ok(_) | Err(_) => Speculation::Unknown,
    }
}
