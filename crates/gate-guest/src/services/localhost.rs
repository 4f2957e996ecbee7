//! `gate.computer/localhost`: requests to one HTTP server of the operator's.

use alloc::string::String;
use alloc::vec::Vec;

use super::flatbuffer::{build, Field, Table};
use super::{lossy, ServiceError};
use crate::gate::Gate;
use crate::service::Service;

const NAME: &str = "gate.computer/localhost";

/// The kind of call that is a request.
const REQUEST: u8 = 1;

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalhostRequest<'a> {
    /// Such as `GET`.
    pub method: &'a str,
    /// Path and query; before them, `//` and the name of a host may stand.
    pub uri: &'a str,
    /// What the body is, if there is one.
    pub content_type: Option<&'a str>,
    /// The body.
    pub body: Option<&'a [u8]>,
}

/// The response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalhostResponse {
    /// As of HTTP. 400 also stands for a bad URI, and 502 also for a server that does not respond, or too much.
    pub status: u16,
    /// What the body is.
    pub content_type: Option<String>,
    /// The body. With everything else it fits into a packet of 64 KiB.
    pub body: Vec<u8>,
}

/// Requests to one HTTP server of the operator's.
#[derive(Clone, Debug)]
pub struct Localhost {
    service: Service,
}

impl Localhost {
    /// Asks for the service.
    #[must_use]
    pub fn new(gate: &Gate) -> Self {
        Self { service: gate.service(NAME) }
    }

    /// Sends a request, and waits for the response.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn send(&self, request: &LocalhostRequest<'_>) -> Result<LocalhostResponse, ServiceError> {
        let reply = self.service.call(&encode(request)).await?;
        if reply.is_empty() {
            return Err(ServiceError::Unsupported { service: NAME });
        }
        decode(&reply).ok_or(ServiceError::Reply { service: NAME })
    }
}

fn encode(request: &LocalhostRequest<'_>) -> Vec<u8> {
    let request = [
        Field::Text(request.method),
        Field::Text(request.uri),
        request.content_type.map_or(Field::Absent, Field::Text),
        request.body.map_or(Field::Absent, Field::Bytes),
    ];
    build(&[Field::U8(REQUEST), Field::Table(&request)])
}

fn decode(reply: &[u8]) -> Option<LocalhostResponse> {
    let table = Table::root(reply)?;
    Some(LocalhostResponse {
        status: table.u16(0)?,
        content_type: table.bytes(1).map(lossy),
        body: table.bytes(2).unwrap_or_default().into(),
    })
}

#[cfg(test)]
mod tests;
