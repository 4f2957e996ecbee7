//! Transactions on the tables of the database.
//!
//! | Table | Key | Value |
//! |---|---|---|
//! | `store` | name of a number | the number: `format`; `principals`, how many there are; `bytes`, how much is stored |
//! | `principals` | its text form | its number from 0, the version given last, number of keys, number of bytes |
//! | `entries` | number of the principal, key | version (u64, little-endian), value |

use redb::{Database, ReadableDatabase, ReadableTable, Table, TableDefinition};

use super::call::Operation;
use super::reply::{self, ErrorCode, Listing};
use super::store::Limits;

/// The format of databases made here.
pub(super) const FORMAT: u64 = 1;

/// What a principal takes by itself, in bytes, so that principals cannot fill a disk by being many. Its name and numbers are less.
const PRINCIPAL_BYTES: u64 = 256;

const STORE: TableDefinition<'_, &str, u64> = TableDefinition::new("store");
const PRINCIPALS: TableDefinition<'_, &str, (u64, u64, u64, u64)> = TableDefinition::new("principals");
const ENTRIES: TableDefinition<'_, (u64, &[u8]), &[u8]> = TableDefinition::new("entries");

const STORE_FORMAT: &str = "format";
const STORE_PRINCIPALS: &str = "principals";
const STORE_BYTES: &str = "bytes";

/// Makes the tables if there are none, and returns the format.
pub(super) fn prepare(database: &Database) -> Result<u64, redb::Error> {
    // Most databases are there already, and reading waits for nobody.
    let read = database.begin_read()?;
    match read.open_table(STORE) {
        Ok(store) => {
            if let Some(format) = store.get(STORE_FORMAT)? {
                return Ok(format.value());
            }
        }
        Err(redb::TableError::TableDoesNotExist(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let write = database.begin_write()?;
    {
        let mut store = write.open_table(STORE)?;
        // Another process may have been faster.
        if let Some(format) = store.get(STORE_FORMAT)? {
            return Ok(format.value());
        }
        store.insert(STORE_FORMAT, FORMAT)?;
        write.open_table(PRINCIPALS)?;
        write.open_table(ENTRIES)?;
    }
    write.commit()?;
    Ok(FORMAT)
}

/// Has operations of principals take place in order, all or none. Returns the replies when it is certain that they have.
pub(super) fn execute(
    database: &Database,
    limits: &Limits,
    groups: &[(&str, &[Operation])],
) -> Result<Vec<Vec<Vec<u8>>>, redb::Error> {
    if groups.iter().any(|(_, operations)| operations.iter().any(Operation::is_write)) {
        write(database, limits, groups)
    } else {
        read(database, limits, groups)
    }
}

fn read(
    database: &Database,
    limits: &Limits,
    groups: &[(&str, &[Operation])],
) -> Result<Vec<Vec<Vec<u8>>>, redb::Error> {
    let transaction = database.begin_read()?;
    let principals = transaction.open_table(PRINCIPALS)?;
    let entries = transaction.open_table(ENTRIES)?;
    let mut replies = Vec::with_capacity(groups.len());
    for (principal, operations) in groups {
        let account = Account::load(&principals, principal)?;
        let operations = operations.iter().map(|operation| look(&entries, &account, limits, operation));
        replies.push(operations.collect::<Result<_, _>>()?);
    }
    Ok(replies)
}

fn write(
    database: &Database,
    limits: &Limits,
    groups: &[(&str, &[Operation])],
) -> Result<Vec<Vec<Vec<u8>>>, redb::Error> {
    let transaction = database.begin_write()?;
    let mut has_changed = false;
    let mut replies = Vec::with_capacity(groups.len());
    {
        let mut store = transaction.open_table(STORE)?;
        let mut principals = transaction.open_table(PRINCIPALS)?;
        let mut totals = Totals::load(&store)?;
        let mut writer = Writer {
            entries: transaction.open_table(ENTRIES)?,
            limits,
            totals: &mut totals,
            has_changed: false,
        };
        for (principal, operations) in groups {
            let mut account = Account::load(&principals, principal)?;
            writer.has_changed = false;
            let operations = operations.iter().map(|operation| writer.operate(&mut account, operation));
            replies.push(operations.collect::<Result<_, _>>()?);
            if writer.has_changed {
                has_changed = true;
                account.store(&mut principals, principal)?;
            }
        }
        drop(writer);
        if has_changed {
            totals.store(&mut store)?;
        }
    }
    if has_changed {
        transaction.commit()?;
    } else {
        transaction.abort()?;
    }
    Ok(replies)
}

/// What is stored for all.
struct Totals {
    principals: u64,
    bytes: u64,
}

impl Totals {
    fn load(store: &impl ReadableTable<&'static str, u64>) -> Result<Self, redb::Error> {
        let number = |name| Ok::<_, redb::Error>(store.get(name)?.map_or(0, |number| number.value()));
        Ok(Self { principals: number(STORE_PRINCIPALS)?, bytes: number(STORE_BYTES)? })
    }

    fn store(&self, store: &mut Table<'_, &'static str, u64>) -> Result<(), redb::Error> {
        store.insert(STORE_PRINCIPALS, self.principals)?;
        store.insert(STORE_BYTES, self.bytes)?;
        Ok(())
    }
}

/// What is stored for a principal.
#[derive(Default)]
struct Account {
    /// `None` until something is.
    number: Option<u64>,
    /// The version given last.
    clock: u64,
    keys: u64,
    bytes: u64,
}

impl Account {
    fn load(
        principals: &impl ReadableTable<&'static str, (u64, u64, u64, u64)>,
        name: &str,
    ) -> Result<Self, redb::Error> {
        let Some(found) = principals.get(name)? else { return Ok(Self::default()) };
        let (number, clock, keys, bytes) = found.value();
        Ok(Self { number: Some(number), clock, keys, bytes })
    }

    fn store(
        &self,
        principals: &mut Table<'_, &'static str, (u64, u64, u64, u64)>,
        name: &str,
    ) -> Result<(), redb::Error> {
        if let Some(number) = self.number {
            principals.insert(name, (number, self.clock, self.keys, self.bytes))?;
        }
        Ok(())
    }
}

/// The reply to an operation that changes nothing.
fn look(
    entries: &impl ReadableTable<(u64, &'static [u8]), &'static [u8]>,
    account: &Account,
    limits: &Limits,
    operation: &Operation,
) -> Result<Vec<u8>, redb::Error> {
    match (operation, account.number) {
        (Operation::Usage, _) => Ok(reply::usage([
            account.keys,
            limits.keys_per_principal,
            account.bytes,
            limits.bytes_per_principal,
        ])),
        (Operation::List { prefix, after, limit, with_values }, Some(number)) => {
            list(entries, number, prefix, after, *limit, *with_values)
        }
        (Operation::List { .. }, None) => Ok(Listing::new().reply(false)),
        (Operation::Get { key }, Some(number)) => match entries.get((number, key.as_slice()))? {
            Some(entry) => {
                let (version, value) = split(entry.value())?;
                Ok(reply::value(version, value))
            }
            None => Ok(reply::error(ErrorCode::NotFound)),
        },
        (Operation::Get { .. }, None) => Ok(reply::error(ErrorCode::NotFound)),
        (Operation::Set { .. } | Operation::Delete { .. }, _) => {
            unreachable!("only operations that change nothing are brought here")
        }
    }
}

fn list(
    entries: &impl ReadableTable<(u64, &'static [u8]), &'static [u8]>,
    number: u64,
    prefix: &[u8],
    after: &[u8],
    limit: u32,
    with_values: bool,
) -> Result<Vec<u8>, redb::Error> {
    // Keys that come after a key are those from that key with a zero appended.
    let mut start = after.to_vec();
    start.push(0);
    let start = if after.is_empty() || after < prefix { prefix } else { &start };
    let mut listing = Listing::new();
    for entry in entries.range((number, start)..)? {
        let (key, entry) = entry?;
        let (owner, key) = key.value();
        if owner != number || !key.starts_with(prefix) {
            break;
        }
        let (version, value) = split(entry.value())?;
        let is_enough = limit != 0 && listing.count() == limit;
        if is_enough || !listing.push(key, version, value, with_values) {
            return Ok(listing.reply(true));
        }
    }
    Ok(listing.reply(false))
}

/// Version and value.
fn split(entry: &[u8]) -> Result<(u64, &[u8]), redb::Error> {
    let (version, value) = entry
        .split_first_chunk()
        .ok_or_else(|| redb::Error::Corrupted("entry without version".to_owned()))?;
    Ok((u64::from_le_bytes(*version), value))
}

/// A transaction that changes entries.
struct Writer<'a, 'txn> {
    entries: Table<'txn, (u64, &'static [u8]), &'static [u8]>,
    limits: &'a Limits,
    totals: &'a mut Totals,
    has_changed: bool,
}

impl Writer<'_, '_> {
    fn operate(&mut self, account: &mut Account, operation: &Operation) -> Result<Vec<u8>, redb::Error> {
        match operation {
            Operation::Set { key, expected, value } => self.set(account, key, *expected, value),
            Operation::Delete { key, expected } => self.delete(account, key, *expected),
            other => look(&self.entries, account, self.limits, other),
        }
    }

    fn set(
        &mut self,
        account: &mut Account,
        key: &[u8],
        expected: Option<u64>,
        value: &[u8],
    ) -> Result<Vec<u8>, redb::Error> {
        let old = self.find(account, key)?;
        let version = old.as_ref().map_or(0, |old| old.version);
        if expected.is_some_and(|expected| expected != version) {
            return Ok(reply::conflict(version));
        }
        let new_bytes = entry_bytes(key, value);
        let old_bytes = old.as_ref().map_or(0, |old| old.bytes);
        let keys = account.keys + u64::from(old.is_none());
        let bytes = account.bytes.saturating_sub(old_bytes).saturating_add(new_bytes);
        let principal_bytes = if account.number.is_none() { PRINCIPAL_BYTES } else { 0 };
        let total = self.totals.bytes.saturating_sub(old_bytes).saturating_add(new_bytes + principal_bytes);
        // Who has more than a limit that was lowered can still write what takes no more than before.
        let exceeds = |new, old, limit| new > limit && new > old;
        if exceeds(keys, account.keys, self.limits.keys_per_principal)
            || exceeds(bytes, account.bytes, self.limits.bytes_per_principal)
            || exceeds(total, self.totals.bytes, self.limits.total_bytes)
        {
            return Ok(reply::error(ErrorCode::Quota));
        }
        let number = *account.number.get_or_insert_with(|| {
            self.totals.principals += 1;
            self.totals.principals - 1
        });
        self.has_changed = true;
        account.clock += 1;
        let version = account.clock;
        let mut entry = self.entries.insert_reserve((number, key), value.len() + 8)?;
        let (head, tail) = entry.as_mut().split_at_mut(8);
        head.copy_from_slice(&version.to_le_bytes());
        tail.copy_from_slice(value);
        (account.keys, account.bytes, self.totals.bytes) = (keys, bytes, total);
        Ok(reply::version(version))
    }

    fn delete(
        &mut self,
        account: &mut Account,
        key: &[u8],
        expected: Option<u64>,
    ) -> Result<Vec<u8>, redb::Error> {
        let old = self.find(account, key)?;
        let version = old.as_ref().map_or(0, |old| old.version);
        if expected.is_some_and(|expected| expected != version) {
            return Ok(reply::conflict(version));
        }
        let (Some(old), Some(number)) = (old, account.number) else {
            // It was expected not to be there, or it was not.
            return Ok(if expected.is_some() {
                reply::version(0)
            } else {
                reply::error(ErrorCode::NotFound)
            });
        };
        self.entries.remove((number, key))?;
        // The key gets a later version if it is set again: the account keeps the last one.
        self.has_changed = true;
        account.keys = account.keys.saturating_sub(1);
        account.bytes = account.bytes.saturating_sub(old.bytes);
        self.totals.bytes = self.totals.bytes.saturating_sub(old.bytes);
        Ok(reply::version(version))
    }

    fn find(&self, account: &Account, key: &[u8]) -> Result<Option<Old>, redb::Error> {
        let Some(number) = account.number else { return Ok(None) };
        let Some(entry) = self.entries.get((number, key))? else { return Ok(None) };
        let (version, value) = split(entry.value())?;
        Ok(Some(Old { version, bytes: entry_bytes(key, value) }))
    }
}

/// What is known of an entry that is to be replaced.
struct Old {
    version: u64,
    bytes: u64,
}

/// What an entry counts.
fn entry_bytes(key: &[u8], value: &[u8]) -> u64 {
    (key.len() + value.len()).try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
