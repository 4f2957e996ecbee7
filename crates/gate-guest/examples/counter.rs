//! Counts how often it was run, by all programs of the same principal together.

use std::error::Error;

use gate_guest::services::kv::{Kv, KvError};
use gate_guest::services::log::{Line, Log, Severity};
use gate_guest::services::Origin;
use gate_guest::{run, Gate};

const KEY: &[u8] = b"example/counter";

/// Adds one, also if others do so at the same time.
async fn count(kv: &Kv) -> Result<u64, KvError> {
    loop {
        let (count, version) = match kv.get(KEY).await? {
            Some(found) => (found.value.try_into().map_or(0, u64::from_le_bytes), found.version),
            None => (0, 0),
        };
        match kv.set_if(KEY, &(count + 1).to_le_bytes(), version).await {
            Ok(_) => return Ok(count + 1),
            Err(KvError::Version { .. }) => {}
            Err(error) => return Err(error),
        }
    }
}

async fn tell(gate: Gate) -> Result<(), Box<dyn Error>> {
    let log = Log::new(&gate);
    let count = count(&Kv::new(&gate)).await?;
    let text = count.to_string();
    let line =
        Line { severity: Severity::Info, target: "counter", message: "counted", fields: &[("count", &text)] };
    if let Err(error) = log.send(&line).await {
        // A host need not have a log.
        eprintln!("not logged: {error}");
    }
    let mut connection = Origin::new(&gate).accept().await?;
    connection.write_all(format!("visit {text}\n").as_bytes()).await?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    run(tell)
}
