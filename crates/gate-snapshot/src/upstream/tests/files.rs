//! Whole files.

use super::*;

#[test]
fn real() {
    for name in ["amd64", "arm64"] {
        let bytes = std::fs::read(format!("/tmp/snap0-real/snapshot.{name}.wasm")).unwrap();
        let snapshot = read(&bytes);
        println!("{:?} {:?}", snapshot.state, snapshot.details);
        let written = write(&snapshot);
        println!("{} {}", bytes.len(), written.len());
        std::fs::write(format!("/tmp/snap0-real/out.{name}.wasm"), &written).unwrap();
        println!("{:?}\n{:?}", custom(&written, "gate.stack"), custom(&bytes, "gate.stack"));
        println!("{:?}", written == bytes);
    }
}
