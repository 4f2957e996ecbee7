//! What `--service KEY=VALUE` says.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;

use gate_services::http::{Policy, Rule};
use gate_services::localhost::Address;
use gate_services::{log, origin, random};

/// How services are configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) random_bits_per_minute: u32,
    pub(crate) origin_connections: u32,
    pub(crate) origin_buffer_bytes: u32,
    pub(crate) localhost: Option<Address>,
    pub(crate) shell: bool,
    pub(crate) kv_file: Option<PathBuf>,
    pub(crate) http: Policy,
    pub(crate) log_lines_per_second: NonZeroU32,
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
            http: Policy::default(),
            log_lines_per_second: log::DEFAULT_LINES_PER_SECOND,
        };
        let mut private = false;
        for text in given {
            let Some((key, value)) = text.split_once('=') else {
                return Err(format!("--service {text:?}: write it like random.bitsperminute=7680"));
            };
            let set = match key {
                // Of all servers, also of those that are named later.
                "http.private" => yes(value).map(|yes| private = yes),
                _ => config.set(key, value),
            };
            set.map_err(|why| format!("--service {text:?}: {why}"))?;
        }
        if private {
            let rules = std::mem::take(&mut config.http.rules);
            config.http.rules = rules.into_iter().map(Rule::allow_private_addresses).collect();
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
                if !(1..=origin::MAX_BUFFER_SIZE).contains(&self.origin_buffer_bytes) {
                    return Err(format!("it can be 1 to {}", origin::MAX_BUFFER_SIZE));
                }
            }
            "localhost.addr" => self.localhost = Some(parsed(value)?),
            "shell.enabled" => self.shell = yes(value)?,
            "kv.file" => self.kv_file = Some(value.into()),
            "http.allow" => {
                for rule in value.split(',') {
                    self.http.rules.push(parsed(rule.trim())?);
                }
            }
            "log.rate" => self.log_lines_per_second = number(value)?,
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

fn parsed<T: FromStr>(value: &str) -> Result<T, String>
where
    T::Err: std::fmt::Display,
{
    value.parse().map_err(|error: T::Err| error.to_string())
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
