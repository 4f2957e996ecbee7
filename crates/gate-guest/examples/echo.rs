//! Sends back what the first connection sends, until that ends: `gate run echo.wasm < input`.

use gate_guest::services::Origin;
use gate_guest::{run, Gate};

async fn echo(gate: Gate) {
    let mut connection = match Origin::new(&gate).accept().await {
        Ok(connection) => connection,
        Err(error) => panic!("cannot accept a connection: {error}"),
    };
    // Whoever connected may stop reading, which is no error.
    while let Ok(Some(chunk)) = connection.chunk().await {
        if connection.write_all(&chunk.bytes).await.is_err() {
            break;
        }
    }
}

fn main() {
    run(echo);
}
