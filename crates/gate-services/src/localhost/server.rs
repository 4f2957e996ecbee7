//! The server, as seen from here.

use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue};
use reqwest::{Method, redirect};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::address::{Address, resolve};
use super::message::{self, Request, Response};
use crate::tls;

/// How long connecting can take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// What all programs share.
#[derive(Debug)]
pub(super) struct Server {
    address: Address,
    timeout: Duration,
    /// `None` for those of the system.
    authorities: Option<Vec<Vec<u8>>>,
    client: OnceCell<reqwest::Client>,
}

impl Server {
    pub(super) fn new(address: Address, timeout: Duration, authorities: Option<Vec<Vec<u8>>>) -> Self {
        Self { address, timeout, authorities, client: OnceCell::new() }
    }

    /// What to send; `None` if a part of it is not one.
    pub(super) fn prepare(&self, request: &Request<'_>) -> Option<reqwest::Request> {
        let method = match request.method {
            "" => Method::GET,
            method => {
                Method::from_bytes(method.as_bytes()).ok().filter(|method| *method != Method::CONNECT)?
            }
        };
        let (url, name) = resolve(&self.address.base, request.uri)?;
        hyper::Uri::try_from(url.as_str()).ok()?;
        let has_usually_body = matches!(method, Method::POST | Method::PUT | Method::PATCH);
        let mut prepared = reqwest::Request::new(method, url);
        let headers = prepared.headers_mut();
        if let Some(name) = name {
            headers.insert(HOST, name);
        }
        if let Some(content_type) = request.content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_str(content_type).ok()?);
        }
        if !request.body.is_empty() {
            *prepared.body_mut() = Some(request.body.to_vec().into());
        } else if has_usually_body {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        Some(prepared)
    }

    /// Sends a request, and returns the reply, of no more than `limit` bytes.
    pub(super) async fn send(&self, request: reqwest::Request, limit: usize) -> Vec<u8> {
        let response = timeout(self.timeout, self.fetch(request, limit)).await;
        let reply = response.ok().and_then(Result::ok).flatten().map(|response| message::response(&response));
        reply.filter(|reply| reply.len() <= limit).unwrap_or_else(|| message::response(&Response::of(502)))
    }

    /// `None` if the response is too large.
    async fn fetch(&self, request: reqwest::Request, limit: usize) -> reqwest::Result<Option<Response>> {
        let client = self.client.get_or_try_init(|| self.connect()).await?;
        let mut response = client.execute(request).await?;
        let status = response.status().as_u16();
        let content_type = response.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > limit {
                return Ok(None);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Some(Response { status, content_type, body }))
    }

    async fn connect(&self) -> reqwest::Result<reqwest::Client> {
        let has_tls = self.address.base.scheme() == "https";
        let authorities = if has_tls { self.authorities.clone() } else { Some(Vec::new()) };
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config(authorities, &["http/1.1"]).await)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            // With HTTP/2, one program that is slow could hold up the others.
            .http1_only()
            .connect_timeout(CONNECT_TIMEOUT);
        if let Some(path) = &self.address.socket {
            builder = builder.unix_socket(path.as_path());
        }
        builder.build()
    }
}
