//! Tells which services there are, whose program this is, and whether some services are available.

use std::error::Error;

use gate_guest::services::{Catalog, Identity, Origin};
use gate_guest::{run, Gate};

async fn tell(gate: Gate) -> Result<(), Box<dyn Error>> {
    let (catalog, identity) = (Catalog::new(&gate), Identity::new(&gate));
    // The host is asked for all services that were named up to now at once.
    let random = gate.service("random");
    let missing = gate.service("example.com/missing");

    let mut text = catalog.json().await?;
    let principal = identity.principal().await?;
    text += &format!("principal: {}\n", principal.as_deref().unwrap_or("nobody"));
    for service in [random, missing] {
        let is = if service.is_available().await { "is" } else { "is not" };
        text += &format!("{} {is} available\n", service.name());
    }

    let mut connection = Origin::new(&gate).accept().await?;
    connection.write_all(text.as_bytes()).await?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    run(tell)
}
