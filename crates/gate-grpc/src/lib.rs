//! Services in other programs, over gRPC.
#![forbid(unsafe_code)]
