//! Facts for programs.

use crate::escape::ascii;
use crate::facts::Facts;

impl Facts {
    /// One JSON object, in ASCII, over several lines: the fields of [`Facts`] by their names. Fields may be added in later versions.
    pub fn json(&self) -> String {
        let json = serde_json::to_string_pretty(self).expect("no key of a map is anything but text");
        ascii(&json) + "\n"
    }
}
