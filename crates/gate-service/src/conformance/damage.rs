//! Snapshots that do not make sense.

use std::collections::BTreeSet;

use super::garbage::Random;
use super::run::{self, Host};
use super::{Breach, Step, Subject};
use crate::Failure;

/// How many of the different snapshots that a script leads to are damaged.
const SNAPSHOTS: usize = 16;
/// In how many places each of them is damaged, at most.
const PLACES: usize = 64;
/// How many snapshots are made of nothing but random bytes.
const RANDOM: usize = 200;
/// How many packets of the script are sent to a service that is made from such a snapshot.
const PACKETS: usize = 4;

/// Makes services from snapshots that are damaged, the same each time: they work somehow, or say that the snapshot is wrong. And whatever they have
/// made of it, they can be saved, and made again.
///
/// # Errors
/// The [`Breach`] that is found.
pub async fn damaged_snapshots(subject: impl Fn() -> Subject) -> Result<(), Breach> {
    let snapshots = run::snapshots(subject()).await?;
    let subject = subject();
    let mut random = Random(1);
    let stride = snapshots.len().div_ceil(SNAPSHOTS).max(1);
    for snapshot in snapshots.iter().step_by(stride) {
        for damaged in damage(snapshot, &mut random) {
            restore(&subject, damaged).await?;
        }
    }
    for _ in 0..RANDOM {
        let damaged = (0..random.below(40)).map(|_| random.byte()).collect();
        restore(&subject, damaged).await?;
    }
    Ok(())
}

async fn restore(subject: &Subject, snapshot: Vec<u8>) -> Result<(), Breach> {
    match try_restore(subject, &snapshot).await {
        Err(Breach::Failed { failure, .. }) => match failure {
            // The service can find out later, and then it is hard to tell whose fault it was.
            Failure::Snapshot(_) | Failure::Program(_) => Ok(()),
            failure @ Failure::Service(_) => Err(Breach::Damaged { snapshot, failure }),
        },
        result => result,
    }
}

async fn try_restore(subject: &Subject, snapshot: &[u8]) -> Result<(), Breach> {
    let mut host = match Host::restore(subject, snapshot.to_vec()).await {
        Ok(host) => host,
        Err(Failure::Snapshot(_)) => return Ok(()),
        Err(failure) => return Err(Breach::Damaged { snapshot: snapshot.to_vec(), failure }),
    };
    host.poll_once().await?;
    let messages = subject.script.steps.iter().filter_map(|step| match step {
        Step::Send(message) => Some(message),
        Step::Until(_) | Step::Host(_) => None,
    });
    for message in messages.take(PACKETS) {
        if !host.send_now(message).await? {
            break;
        }
        host.poll_once().await?;
    }
    host.remake().await?;
    host.poll_once().await
}

/// Damaged forms of a snapshot.
fn damage(snapshot: &[u8], random: &mut Random) -> BTreeSet<Vec<u8>> {
    let mut all = BTreeSet::new();
    let stride = snapshot.len().div_ceil(PLACES).max(1);
    for place in (0..snapshot.len()).step_by(stride) {
        all.insert(snapshot[..place].to_vec());
        for byte in [0, 1, 0x7f, 0x80, 0xff, snapshot[place] ^ 1, random.byte()] {
            let mut changed = snapshot.to_vec();
            changed[place] = byte;
            all.insert(changed);
            let mut longer = snapshot.to_vec();
            longer.insert(place, byte);
            all.insert(longer);
        }
        let mut shorter = snapshot.to_vec();
        shorter.remove(place);
        all.insert(shorter);
    }
    all.insert([snapshot, &[0]].concat());
    all.insert([snapshot, &[0xff]].concat());
    all.insert([snapshot, snapshot].concat());
    all
}
