//! Which programs there are to connect with by [`peer`](crate::peer).

pub mod principal;
