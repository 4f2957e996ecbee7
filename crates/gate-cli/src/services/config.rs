//! What `--service KEY=VALUE` says.

use std::path::PathBuf;
use std::str::FromStr;

use gate_packet::MAX_CREDIT_TO_PROGRAM;
use gate_services::{origin, random};

/// How services are configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) random_bits_per_minute: u32,
    pub(crate) origin_connections: u32,
    pub(crate) origin_buffer_bytes: u32,
    pub(crate) localhost: Option<String>,
    pub(crate) shell: bool,
    pub(crate) kv_file: Option<PathBuf>,
    pub(crate) http_allow: Vec<String>,
    pub(crate) http_private: bool,
    pub(crate) log_rate: u32,
}

impl Config {
    /// Reads what the user has given.
    pub(crate) fn parse(given: &[String]) -> Result<Self, String> {
        let mut config = Self {
            random_bits_per_minute: random::DEFAULT_BITS_PER_MINUTE,
            origin_connections: origin::DEFAULT_MAX_CONNECTIONS,
            origin_buffer_bytes: origin::DEFAULT_BUFFER_SIZE,
            localhost: None,
            shell: false,
            kv_file: None,
            http_allow: Vec::new(),
            http_private: false,
            log_rate: 100,
        };
        for text in given {
            let Some((key, value)) = text.split_once('=') else {
                return Err(format!("--service {text:?}: write it like random.bitsperminute=7680"));
            };
            config.set(key, value).map_err(|why| format!("--service {text:?}: {why}"))?;
        }
        Ok(config)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            // More than fits is as good as unlimited.
            "random.bitsperminute" => {
                self.random_bits_per_minute = u32::try_from(number::<u64>(value)?).unwrap_or(u32::MAX);
            }
            "origin.maxconns" => self.origin_connections = number(value)?,
            "origin.bufsize" => {
                self.origin_buffer_bytes = number(value)?;
                if !(1..=MAX_CREDIT_TO_PROGRAM).contains(&self.origin_buffer_bytes) {
                    return Err(format!("it can be 1 to {MAX_CREDIT_TO_PROGRAM}"));
                }
            }
            "localhost.addr" => self.localhost = Some(value.to_owned()),
            "shell.enabled" => self.shell = yes(value)?,
            "kv.file" => self.kv_file = Some(value.into()),
            "http.allow" => {
                self.http_allow.extend(value.split(',').map(|host| host.trim().to_owned()));
            }
            "http.private" => self.http_private = yes(value)?,
            "log.rate" => self.log_rate = number(value)?,
            _ => return Err(format!("there is no {key:?} (see gate run --help)")),
        }
        Ok(())
    }
}

fn number<T: FromStr>(value: &str) -> Result<T, String>
where
    T::Err: std::fmt::Display,
{
    value.parse().map_err(|error| format!("{value:?} is not a number that it can be ({error})"))
}

fn yes(value: &str) -> Result<bool, String> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("{value:?} is neither true nor false")),
    }
}

#[cfg(test)]
mod tests;
