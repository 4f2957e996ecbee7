//! Finds another program of the same principal that runs this, and exchanges greetings with it.

use std::error::Error;

use gate_guest::services::{Identity, Peers, PrincipalIndex};
use gate_guest::{run, Gate};

const KIND: &str = "text/plain; charset=UTF-8";

async fn greet(gate: Gate) -> Result<(), Box<dyn Error>> {
    let own = Identity::new(&gate).instance().await?.unwrap_or_default();
    let mut peers = Peers::new(&gate).await?;
    let index = PrincipalIndex::register(&gate).await?;

    // Who comes first is alone, and waits for the other to ask.
    let name = match index.instances().await?.pop() {
        Some(name) => name,
        None => peers.next_request().await?.peer,
    };
    let mut connection = peers.connect(PrincipalIndex::GROUP, &name, KIND).await?;

    let greeting = format!("hello {name}, this is {own}\n");
    connection.stream.write_all(greeting.as_bytes()).await?;
    let (mut receiver, sender) = connection.stream.split();
    // The other one reads up to the end.
    drop(sender);
    let received = receiver.read_to_end().await?;
    eprint!("{} says: {}", connection.peer.peer, String::from_utf8_lossy(&received));
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    run(greet)
}
