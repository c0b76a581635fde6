//! The one thread that writes, with group commit: whatever is queued goes into one transaction,
//! and everybody is answered after its sync.
//!
//! Knows nothing of what is written. A piece of work that fails is undone by itself and does not
//! take the others of its group with it.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::StoreError;
use crate::metrics::StoreFigures;

/// How much may wait: at some thousand commits a second more than a second's worth means that the
/// disk does not keep up, and peers are better told to come back.
const QUEUE: usize = 4096;

/// The most that goes into one transaction.
const GROUP: usize = 256;

/// A handle on the writing thread. Dropped, it lets the thread finish what is queued.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    figures: Arc<StoreFigures>,
}

impl Writer {
    pub(crate) fn start(connection: Connection) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let figures = Arc::new(StoreFigures::default());
        let counted = Arc::clone(&figures);
        let thread = std::thread::Builder::new()
            .name("sqlite".to_owned())
            .spawn(move || write(connection, jobs, &counted))
            .map_err(|error| StoreError::Thread(error.into()))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            figures,
        })
    }

    /// What the thread has done so far.
    pub(crate) fn figures(&self) -> &Arc<StoreFigures> {
        &self.figures
    }

    /// How many pieces of work wait.
    pub(crate) fn waiting(&self) -> usize {
        let queue = self.queue.as_ref();
        queue.map_or(0, |queue| queue.max_capacity() - queue.capacity())
    }

    /// Does `work` in a transaction and returns when it is on the disk.
    ///
    /// Once this has begun, the work is done even if nobody waits for it.
    ///
    /// # Errors
    /// That of the work, [`StoreError::Busy`] if too much is queued, or that of the commit. In all
    /// cases nothing of the work remains.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(Work {
            work: Some(work),
            done: None,
            answer,
        });
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        queue.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                self.figures.not_done(&StoreError::Busy);
                StoreError::Busy
            }
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
        })?;
        answered.await.unwrap_or(Err(StoreError::Closed))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing to say; a panic in it was printed.
            let _ = thread.join();
        }
    }
}

/// A piece of work: done within the transaction, answered after it.
trait Job: Send {
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError>;
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Work<T, F> {
    work: Option<F>,
    done: Option<T>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Work<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let work = self.work.take().ok_or(StoreError::Closed)?;
        self.done = Some(work(connection)?);
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let done = self.done.ok_or(StoreError::Closed);
        // Whoever asked may have gone away.
        let _ = self.answer.send(committed.and(done));
    }
}

fn write(
    mut connection: Connection,
    mut jobs: mpsc::Receiver<Box<dyn Job>>,
    figures: &StoreFigures,
) {
    while let Some(first) = jobs.blocking_recv() {
        commit(&mut connection, first, &mut jobs, figures);
    }
    // Folds the log into the file; if that fails, the next start does it.
    let _ = connection.execute_batch("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE);");
}

/// Runs this job and those behind it in one transaction and answers all of them.
fn commit(
    connection: &mut Connection,
    first: Box<dyn Job>,
    jobs: &mut mpsc::Receiver<Box<dyn Job>>,
    figures: &StoreFigures,
) {
    let begun = Instant::now();
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    // Only now: what came while somebody else had the database has waited as long, and is not to wait
    // once more if it was in vain.
    let mut group = vec![first];
    while group.len() < GROUP
        && let Ok(next) = jobs.try_recv()
    {
        group.push(next);
    }
    let mut outcomes = Vec::with_capacity(group.len());
    let committed = transaction
        .map_err(StoreError::from)
        .and_then(|transaction| run_all(transaction, &mut group, &mut outcomes));
    match &committed {
        Ok(()) => figures.committed(group.len(), begun.elapsed()),
        Err(error) => figures.not_done(error),
    }
    let failed = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    failed.for_each(|error| figures.not_done(error));
    for (index, job) in group.into_iter().enumerate() {
        let own = outcomes.get(index).cloned().unwrap_or(Ok(()));
        job.answer(own.and(committed.clone()));
    }
}

fn run_all(
    transaction: Transaction<'_>,
    group: &mut [Box<dyn Job>],
    outcomes: &mut Vec<Result<(), StoreError>>,
) -> Result<(), StoreError> {
    for job in group {
        transaction.prepare_cached("SAVEPOINT job")?.execute([])?;
        let outcome = job.run(&transaction);
        if outcome.is_err() {
            transaction.prepare_cached("ROLLBACK TO job")?.execute([])?;
        }
        transaction.prepare_cached("RELEASE job")?.execute([])?;
        outcomes.push(outcome);
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::task::Poll;

    use super::*;
    use crate::temp_dir::TempDir;

    fn writer() -> Writer {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE a (n INTEGER PRIMARY KEY) STRICT;")
            .unwrap();
        Writer::start(connection).unwrap()
    }

    async fn insert(writer: &Writer, n: i64) -> Result<usize, StoreError> {
        writer
            .run(move |c| Ok(c.execute("INSERT INTO a (n) VALUES (?1)", [n])?))
            .await
    }

    async fn count(writer: &Writer) -> i64 {
        writer
            .run(|c| Ok(c.query_row("SELECT count(*) FROM a", [], |row| row.get(0))?))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn work_that_fails_is_undone_alone() {
        let writer = writer();
        let failing = writer.run(|c| {
            c.execute("INSERT INTO a (n) VALUES (7)", [])?;
            Err::<(), _>(StoreError::Conflict)
        });
        let (one, failed, two) = tokio::join!(insert(&writer, 1), failing, insert(&writer, 2));
        assert_eq!((one.unwrap(), two.unwrap()), (1, 1));
        assert!(matches!(failed, Err(StoreError::Conflict)));
        assert_eq!(count(&writer).await, 2);
    }

    #[tokio::test]
    async fn what_is_queued_meanwhile_shares_one_commit() {
        let temp = TempDir::new("group").unwrap();
        let path = temp.path().join("a.db");
        let table = "CREATE TABLE a (n INTEGER PRIMARY KEY) STRICT;";
        let writer = Writer::start(crate::sqlite::open(&path, &[table]).unwrap()).unwrap();
        let reader = crate::sqlite::open_reader(&path).unwrap();
        let (first, go) = held(&writer).await;
        let mut all: Vec<_> = (1..=100).map(|n| Box::pin(insert(&writer, n))).collect();
        queue(&mut all).await;
        let mut last = Box::pin(writer.run(move |c| {
            let sql = "SELECT count(*) FROM a";
            let inside: i64 = c.query_row(sql, [], |row| row.get(0))?;
            let outside: i64 = reader.query_row(sql, [], |row| row.get(0))?;
            Ok((inside, outside))
        }));
        queue(std::slice::from_mut(&mut last)).await;
        go.send(()).unwrap();
        first.await.unwrap();
        for one in all {
            one.await.unwrap();
        }
        assert_eq!(last.await.unwrap(), (100, 0));
    }

    #[tokio::test]
    async fn what_comes_while_somebody_else_has_the_database_waits_no_longer_than_the_first() {
        let temp = TempDir::new("taken").unwrap();
        let path = temp.path().join("a.db");
        let table = "CREATE TABLE a (n INTEGER PRIMARY KEY) STRICT;";
        let writer = Writer::start(crate::sqlite::open(&path, &[table]).unwrap()).unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut all = vec![Box::pin(insert(&writer, 1))];
        queue(&mut all).await;
        while writer.waiting() > 0 {
            tokio::task::yield_now().await;
        }
        all.push(Box::pin(insert(&writer, 2)));
        queue(&mut all[1..]).await;
        other.execute_batch("ROLLBACK").unwrap();
        for one in all {
            one.await.unwrap();
        }
        let (commits, jobs) = writer.figures().groups.read();
        assert_eq!((commits.last().unwrap().1, jobs), (1, 2.0));
    }

    #[tokio::test]
    async fn more_than_the_queue_holds_is_refused_at_once() {
        let writer = writer();
        let (first, go) = held(&writer).await;
        let mut all: Vec<_> = (0..4096).map(|n| Box::pin(insert(&writer, n))).collect();
        queue(&mut all).await;
        assert!(matches!(insert(&writer, -1).await, Err(StoreError::Busy)));
        go.send(()).unwrap();
        first.await.unwrap();
        for one in all {
            one.await.unwrap();
        }
        assert_eq!(count(&writer).await, 4096);
    }

    type Held<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + 'a>>;

    /// Work that the thread is busy with until it is told to go on.
    async fn held(writer: &Writer) -> (Held<'_>, std::sync::mpsc::Sender<()>) {
        let (entered, wait_entered) = oneshot::channel();
        let (go, wait_go) = std::sync::mpsc::channel::<()>();
        let mut first = vec![Box::pin(writer.run(move |_| {
            let _ = entered.send(());
            let _ = wait_go.recv();
            Ok(())
        })) as Held<'_>];
        queue(&mut first).await;
        wait_entered.await.unwrap();
        (first.pop().unwrap(), go)
    }

    /// Polls each once, which puts its work into the queue, in this order.
    async fn queue<F: Future + ?Sized>(work: &mut [Pin<Box<F>>]) {
        poll_fn(|cx| {
            for one in &mut *work {
                assert!(one.as_mut().poll(cx).is_pending());
            }
            Poll::Ready(())
        })
        .await;
    }
}
