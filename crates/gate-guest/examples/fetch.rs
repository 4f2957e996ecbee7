//! Fetches what the first connection asks for, a line each: an URL, or a path of the operator's own server.

use std::error::Error;

use gate_guest::services::http::{HttpError, Request};
use gate_guest::services::{Http, Localhost, LocalhostRequest, Origin, ServiceError};
use gate_guest::{run, Gate};

async fn fetch(http: &Http, url: &str) -> Result<(u16, Vec<u8>), HttpError> {
    let response = http.send(&Request::get(url), &[]).await?;
    Ok((response.status, response.body.read_to_end().await?))
}

async fn fetch_here(localhost: &Localhost, uri: &str) -> Result<(u16, Vec<u8>), ServiceError> {
    let request = LocalhostRequest { method: "GET", uri, content_type: None, body: None };
    let response = localhost.send(&request).await?;
    Ok((response.status, response.body))
}

async fn serve(gate: Gate) -> Result<(), Box<dyn Error>> {
    let (http, localhost) = (Http::new(&gate), Localhost::new(&gate));
    let mut connection = Origin::new(&gate).accept().await?;
    let request = connection.receiver.read_to_end().await?;
    // All at the same time, each in a task of its own.
    let mut fetched = Vec::new();
    for line in String::from_utf8(request)?.lines() {
        let (line, http, localhost) = (line.to_owned(), http.clone(), localhost.clone());
        fetched.push(gate.spawn(async move {
            let result: Result<_, Box<dyn Error>> = match line.starts_with('/') {
                true => fetch_here(&localhost, &line).await.map_err(Into::into),
                false => fetch(&http, &line).await.map_err(Into::into),
            };
            match result {
                Ok((status, body)) => format!("{line}: {status}, {} bytes\n", body.len()),
                Err(error) => format!("{line}: {error}\n"),
            }
        }));
    }
    for task in fetched {
        connection.write_all(task.await.as_bytes()).await?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    run(serve)
}
