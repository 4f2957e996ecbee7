//! Service packets: framing, discovery, and limits; bytes in, bytes out.
