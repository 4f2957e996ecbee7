//! `http`: requests to servers that the operator allows.
//!
//! Revision `0`; has streams; info packets are ignored. The service cannot be discovered unless the operator allows a host.
//! All integers are little-endian.
//!
//! A request takes two calls and a stream:
//!
//! ```text
//!   program                                     service
//!     request: method, URL, headers  ── call ──▶   checks it, and begins to send it
//!                                    ◀── reply ──  stream
//!     body, if there is one          ── data ──▶
//!                                    ◀── flow ──
//!     response: stream               ── call ──▶   waits for the server
//!                                    ◀── reply ──  status, headers
//!                                    ◀── data ──   body
//!     credit for it                  ── flow ──▶
//! ```
//!
//! # Calls
//! ## 0, request
//!
//! | Offset | Type | Field |
//! |---|---|---|
//! | 0 | u8 | 0 |
//! | 1 | u8 | *m*, length of the method: 1 to 32 |
//! | 2 | u16 | *u*, length of the URL: 1 to 8192 |
//! | 4 | u16 | number of headers: at most 128 |
//! | 6 | u16 | 0 |
//! | 8 | u64 | length of the request's body in bytes; 0: it has none; 2⁶⁴-1: it is not known yet |
//! | 16 | u32 | time in milliseconds that the request can take from now until its response has ended; 0, or more than the host allows: what the host allows |
//! | 20 | *m* bytes | method, such as `GET` |
//! | 20 + *m* | *u* bytes | URL, such as `https://example.com/path?query`; UTF-8 |
//! | 20 + *m* + *u* | | headers |
//!
//! A header, without padding (the next one follows it immediately):
//!
//! | Offset | Type | Field |
//! |---|---|---|
//! | 0 | u8 | *n*, length of the name |
//! | 1 | u16 | *v*, length of the value |
//! | 3 | *n* bytes | name; capitals do not matter |
//! | 3 + *n* | *v* bytes | value |
//!
//! Any method is allowed but `CONNECT`. The URL has no user and no password in it, and what is behind `#` in it is not sent. `Host`,
//! `Content-Length` and the headers of the connection (`Connection`, `Expect`, `HTTP2-Settings`, `Keep-Alive`, `Proxy-…`, `TE`,
//! `Trailer`, `Transfer-Encoding`, `Upgrade`) are the business of the service: a request that contains one is refused. Nothing
//! is added but `Accept: */*`, if there is no `Accept`. Redirects are responses like any other: the program follows them, or not.
//! Bodies are not compressed nor decompressed, and there are no cookies.
//!
//! The reply comes at once:
//!
//! | Offset | Type | Field |
//! |---|---|---|
//! | 0 | i16 | error |
//! | 2 | u16 | 0 |
//! | 4 | i32 | stream; -1 if there is an error |
//!
//! ## 1, response
//!
//! | Offset | Type | Field |
//! |---|---|---|
//! | 0 | u8 | 1 |
//! | 1 | 3 bytes | 0 |
//! | 4 | i32 | stream |
//!
//! It is made once for each stream, at any time after the reply to the first call: before, while, or after the request's body is sent. The
//! reply comes when the head of the response is there, or none will come; before replies to earlier calls if it is there before them, so its
//! index tells which of the outstanding calls (of both kinds) it answers.
//!
//! | Offset | Type | Field |
//! |---|---|---|
//! | 0 | i16 | error |
//! | 2 | u16 | status, 200 to 999; 0 if there is an error |
//! | 4 | u16 | number of headers; 0 if there is an error |
//! | 6 | u16 | 0 |
//! | 8 | | headers, as above, names in lower case, in the order of arrival; those of the connection are left out |
//!
//! ## Others
//! To other calls the reply is empty, as it is to a call without content.
//!
//! # The stream
//! Its id is the smallest number that is not in use. Notes of the program are ignored.
//!
//! *To the program* it carries the response's body, as far as the program has given credit, after the reply to the call for the response. The
//! end of data comes after the last byte; its note is the error by which the body was cut short, or 0 if it is complete. It comes after the
//! reply also when that is an error, and has the same note. The program answers it with the end of flow.
//!
//! If the program sends the end of flow earlier, it does not want the rest: the request is given up, the reply to the call for the
//! response is error 11 if it has not been sent, and the end of data comes with note 11 even if the call for the response was
//! never made.
//!
//! *From the program* it carries the request's body, as far as the service gives credit (never more than 65520 bytes are
//! outstanding). The program sends the end of data after the last byte; its note does not matter. The service sends the end of flow
//! when that has come, or when the server wants no more, or when the request has failed; what the program sends after that, with credit
//! that it has, is dropped, up to its end of data. This direction does not exist if the length of the body was given as 0: then
//! data from the program breaks the protocol.
//!
//! The id is free again after all ends have been sent: of data by the service and of flow by the program, and, if there
//! was a request body, of data by the program and of flow by the service.
//!
//! # Errors
//!
//! | Number | Meaning |
//! |---|---|
//! | 0 | none |
//! | 1 | the call makes no sense: it is cut, something is behind its end, a method, URL or header is not one or not allowed |
//! | 2 | the operator does not allow this scheme, host or port |
//! | 3 | the host has only addresses of private networks, which the operator does not allow |
//! | 4 | too many requests at once: as many streams are open as the operator allows |
//! | 5 | the body or head of request or response is larger than the operator allows, or the head of the response does not fit into a packet |
//! | 6 | the host's name cannot be resolved |
//! | 7 | no connection to the server |
//! | 8 | no secure connection to the server: its certificate is not valid, or it does not speak TLS |
//! | 9 | it took too long |
//! | 10 | the connection broke, the server does not speak HTTP, or the request's body was not as long as said |
//! | 11 | given up by the program |
//! | 12 | lost: the program goes on in another place than where the request was made |
//! | 13 | there is no such stream, or its response was called for before |
//!
//! Which requests of errors 5 to 12 have reached the server is not known.
//!
//! # What breaks the protocol
//! Flow or data of a stream that is not open, data beyond credit, data or flow after their ends. It ends the program.
//!
//! # Lives of the program
//! A request is sent once: no request is ever repeated by the service, whatever happens. Requests go on while the program is suspended (but their
//! time does not stand still). They also go on if it is saved and continued in the same host process within [`PARK_TIME`]. If it is continued
//! elsewhere, or twice, then responses that had arrived as a whole are still delivered, and all others end with error 12.
//!
//! # Limits
//! Per program: [`DEFAULT_MAX_REQUESTS`]; per request: [`DEFAULT_MAX_REQUEST_BODY`], [`DEFAULT_MAX_RESPONSE_BODY`], [`DEFAULT_TIMEOUT`],
//! [`DEFAULT_IDLE_TIMEOUT`]. The head of a response can have 100 headers, and must fit into a packet.

use std::time::Duration;

/// How many streams a program can have open, unless configured otherwise. Browsers open about as many connections.
pub const DEFAULT_MAX_REQUESTS: usize = 16;

/// The largest body of a request, in bytes, unless configured otherwise.
pub const DEFAULT_MAX_REQUEST_BODY: u64 = 64 << 20;

/// The largest body of a response, in bytes, unless configured otherwise.
pub const DEFAULT_MAX_RESPONSE_BODY: u64 = 256 << 20;

/// How long a request can take from its call until its response has ended, unless configured otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// For how long nothing can move in either direction, unless configured otherwise.
pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// For how long requests of a program that was saved wait for it to be continued in the same host process.
pub const PARK_TIME: Duration = Duration::from_secs(60);

/// The longest method, in bytes. Registered ones have up to 17.
pub const MAX_METHOD_BYTES: usize = 32;

/// The longest URL, in bytes. Servers commonly accept as much.
pub const MAX_URL_BYTES: usize = 8192;

/// The most headers of a request.
pub const MAX_HEADERS: usize = 128;
