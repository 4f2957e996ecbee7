//! The database, and the thread that works on it.
//!
//! Operations block, so they take place in a thread of their own. It takes all jobs that are waiting, of whatever programs, runs them one
//! after another in one transaction, and answers when that is on disk: while the disk is busy, the next group gathers.
//!
//! Several processes can have the same database open; their transactions take turns. So one that is stopped in the middle of a transaction
//! holds up the others; one that ends does not, however it ends.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gate_service::BoxFuture;
use redb::backends::FileBackend;
use redb::{Builder, ConcurrencyMode, Database};
use tokio::sync::{mpsc, oneshot};

use super::call::Operation;
use super::reply::{self, ErrorCode};
use super::tables;

/// How many keys a principal can have unless the operator says otherwise.
pub const DEFAULT_KEYS_PER_PRINCIPAL: u64 = 65_536;

/// How many bytes the keys and values of a principal can have together unless the operator says otherwise: 16 MiB.
pub const DEFAULT_BYTES_PER_PRINCIPAL: u64 = 16 << 20;

/// How many bytes everybody's keys and values can have together unless the operator says otherwise: 1 GiB.
pub const DEFAULT_TOTAL_BYTES: u64 = 1 << 30;

/// How many jobs wait for the thread. There is at most one of each program, so programs beyond that wait, in order.
const MAX_JOBS: usize = 64;

/// How much of the file is kept in memory, in bytes. The operating system keeps the rest, if it has room.
const CACHE_BYTES: usize = 8 << 20;

/// How much can be stored. Programs that would exceed a limit get an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many keys a principal can have.
    pub keys_per_principal: u64,
    /// How many bytes the keys and values of a principal can have together.
    pub bytes_per_principal: u64,
    /// How many bytes the keys and values of all principals can have together; each principal counts for 256 more. The file is larger, by
    /// half or so.
    pub total_bytes: u64,
}

/// Called by the thread when the storage has failed, which programs are told without the reason.
pub type Report = Box<dyn Fn(&StoreError) + Send>;

/// A database file, which services keep keys and values in.
#[derive(Clone, Debug)]
pub struct Store {
    jobs: mpsc::Sender<Job>,
}

/// Operations of one program, to take place in order.
struct Job {
    principal: Arc<str>,
    operations: Vec<Operation>,
    /// Where the replies go. Nobody waits for them if the program has ended.
    done: oneshot::Sender<Vec<Vec<u8>>>,
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum StoreError {
    /// The file is not there and cannot be created, or it cannot be opened.
    #[error("cannot open database {path:?}")]
    Open { path: PathBuf, source: io::Error },
    /// The file is no database, is damaged, or the disk has failed or is full.
    #[error("database {path:?} failed")]
    Database { path: PathBuf, source: Box<redb::Error> },
    /// A later version has made it.
    #[error("database {path:?} has format {found} (known: {})", tables::FORMAT)]
    Format { path: PathBuf, found: u64 },
    /// The system refused to start another thread.
    #[error("cannot start the thread of database {path:?}")]
    Thread { path: PathBuf, source: io::Error },
}

impl Store {
    /// Opens the database at `path`, which is created if it is not there, readable by nobody else. Blocks.
    ///
    /// When the storage fails later, `report` is called. The database is then opened again for the next operation.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(path: &Path, limits: Limits, report: Report) -> Result<Self, StoreError> {
        let file = DatabaseFile { path: path.to_owned(), limits };
        let database = file.open()?;
        let (jobs, queue) = mpsc::channel(MAX_JOBS);
        let thread = std::thread::Builder::new().name("gate-kv".to_owned());
        thread
            .spawn(move || file.serve(database, queue, &report))
            .map_err(|source| StoreError::Thread { path: path.to_owned(), source })?;
        Ok(Self { jobs })
    }

    /// Has `operations` take place in order, for this principal. Becomes their replies.
    ///
    /// Nothing takes place unless it is polled. Once it was, everything may take place even if it is dropped.
    pub(super) fn run(
        &self,
        principal: Arc<str>,
        operations: Vec<Operation>,
    ) -> BoxFuture<'static, Vec<Vec<u8>>> {
        let jobs = self.jobs.clone();
        Box::pin(async move {
            let count = operations.len();
            let (done, replies) = oneshot::channel();
            // The thread goes away only with the last sender, or if it panics.
            if jobs.send(Job { principal, operations, done }).await.is_err() {
                return failed(count);
            }
            replies.await.unwrap_or_else(|_| failed(count))
        })
    }
}

/// The replies to so many operations when the storage has failed.
fn failed(count: usize) -> Vec<Vec<u8>> {
    vec![reply::error(ErrorCode::Storage); count]
}

/// Where the database is, and how it is to be treated.
struct DatabaseFile {
    path: PathBuf,
    limits: Limits,
}

impl DatabaseFile {
    fn open(&self) -> Result<Database, StoreError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options
            .open(&self.path)
            .map_err(|source| StoreError::Open { path: self.path.clone(), source })?;
        // In this mode commits have two phases. Those with one rely on checksums, which programs that choose the content could fool.
        let database = FileBackend::new(file)
            .and_then(|file| {
                Builder::new()
                    .set_cache_size(CACHE_BYTES)
                    .set_concurrency_mode(ConcurrencyMode::MultiWriter)
                    .create_with_backend(file)
            })
            .map_err(|error| self.failure(error))?;
        let found = tables::prepare(&database).map_err(|error| self.failure(error))?;
        if found != tables::FORMAT {
            return Err(StoreError::Format { path: self.path.clone(), found });
        }
        Ok(database)
    }

    /// Works until there are no more senders.
    fn serve(&self, database: Database, mut queue: mpsc::Receiver<Job>, report: &Report) {
        let mut database = Some(database);
        let mut jobs = Vec::with_capacity(MAX_JOBS);
        while queue.blocking_recv_many(&mut jobs, MAX_JOBS) > 0 {
            let groups: Vec<_> =
                jobs.iter().map(|job| (&*job.principal, job.operations.as_slice())).collect();
            match self.execute(&mut database, &groups) {
                Ok(replies) => {
                    for (job, replies) in jobs.drain(..).zip(replies) {
                        drop(job.done.send(replies));
                    }
                }
                Err(error) => {
                    // It does nothing more after it has failed once.
                    database = None;
                    report(&error);
                    for job in jobs.drain(..) {
                        drop(job.done.send(failed(job.operations.len())));
                    }
                }
            }
        }
    }

    fn execute(
        &self,
        database: &mut Option<Database>,
        groups: &[(&str, &[Operation])],
    ) -> Result<Vec<Vec<Vec<u8>>>, StoreError> {
        let database = match database {
            Some(database) => database,
            None => database.insert(self.open()?),
        };
        tables::execute(database, &self.limits, groups).map_err(|error| self.failure(error))
    }

    fn failure(&self, error: impl Into<redb::Error>) -> StoreError {
        StoreError::Database { path: self.path.clone(), source: Box::new(error.into()) }
    }
}

#[cfg(test)]
pub(super) mod tests;
