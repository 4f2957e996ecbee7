//! Throws dice: for each line that the first connection sends, so many as the line says.

use std::error::Error;

use gate_guest::services::{Origin, Random};
use gate_guest::{run, Gate};

/// A number from 1 to 6, each as likely as the others.
async fn throw(random: &mut Random) -> Result<u8, Box<dyn Error>> {
    loop {
        let [byte] = random.bytes().await?;
        // 252 is the largest multiple of 6 that a byte holds.
        if byte < 252 {
            return Ok(byte % 6 + 1);
        }
    }
}

async fn play(gate: Gate) -> Result<(), Box<dyn Error>> {
    let mut random = Random::new(&gate);
    let mut connection = Origin::new(&gate).accept().await?;
    let mut unread = Vec::new();
    while let Some(chunk) = connection.chunk().await? {
        unread.extend_from_slice(&chunk.bytes);
        while let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = unread.drain(..=end).collect();
            let mut answer = String::new();
            match String::from_utf8_lossy(&line).trim().parse::<u8>() {
                Ok(count) => {
                    for _ in 0..count {
                        answer += &format!("{} ", throw(&mut random).await?);
                    }
                }
                Err(error) => answer += &format!("how many? {error}"),
            }
            connection.write_all(format!("{}\n", answer.trim_end()).as_bytes()).await?;
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    run(play)
}
