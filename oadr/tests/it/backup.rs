//! A backup that is killed while it is made.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use oadr::backup;
use oadr_core::vtn::Admission;

use crate::folder::Folder;
use crate::served::start;

const KILLS: u32 = 12;

/// How much is in the database, so that a backup takes its time.
const ROWS: i64 = 100_000;

fn backup_to(data: &Path, to: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_oadr"))
        .arg("backup")
        .arg("--data")
        .arg(data)
        .arg("--to")
        .arg(to)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn a_backup_that_is_killed_has_its_name_only_if_it_is_whole() {
    let folder = Folder::new();
    let data = folder.path().join("vtn");
    start(&data, Admission::Open).await.stop().await;
    let database = rusqlite::Connection::open(data.join("vtn.db")).unwrap();
    database
        .execute(
            "INSERT INTO audit (at, who, what, subject, detail)
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
             SELECT i, 'test', 'fill', 'nothing', hex(zeroblob(100)) FROM n",
            [ROWS],
        )
        .unwrap();
    drop(database);

    let begun = Instant::now();
    let mut undisturbed = backup_to(&data, &folder.path().join("whole.db"));
    assert!(undisturbed.wait().unwrap().success());
    let takes = begun.elapsed();
    let mut unnamed = 0;
    for kill in 0..KILLS {
        let to = folder.path().join(format!("{kill}.db"));
        let mut killed = backup_to(&data, &to);
        // At another moment each time; which one does not matter for what must hold.
        tokio::time::sleep(takes.mul_f64(f64::from(kill) / f64::from(KILLS))).await;
        killed.kill().unwrap();
        killed.wait().unwrap();
        if !to.exists() {
            unnamed += 1;
            continue;
        }
        let back = folder.path().join(format!("back{kill}"));
        backup::restore(&to, &back).unwrap();
        let restored = rusqlite::Connection::open(back.join("vtn.db")).unwrap();
        let rows: i64 = restored
            .query_row("SELECT count(*) FROM audit", [], |row| row.get(0))
            .unwrap();
        assert_eq!(rows, ROWS);
    }
    // The first is killed as it starts.
    assert!(unnamed > 0, "none was killed in time, of {takes:?} each");
}
