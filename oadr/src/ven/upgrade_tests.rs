//! Databases of VENs of versions before.

use super::store::{MIGRATIONS, Store};
use crate::earlier_rows::assert_understood;
use crate::sqlite;
use crate::temp_dir::TempDir;

const STATES: &str = include_str!("../../tests/upgrade/ven-001/states.jsonl");
const HAPPENINGS: &str = include_str!("../../tests/upgrade/ven-001/happenings.jsonl");

#[tokio::test]
async fn a_database_of_before_samples_is_brought_up_to_date_with_all_that_is_in_it() {
    for state in STATES.lines() {
        let temp = TempDir::new("upgrade").unwrap();
        let path = temp.path().join("ven.db");
        let database = sqlite::open(&path, &MIGRATIONS[..1]).unwrap();
        let insert = "INSERT INTO ven (id, version, state) VALUES (1, 3, ?1)";
        database.execute(insert, [state]).unwrap();
        for happening in HAPPENINGS.lines() {
            let insert = "INSERT INTO outbox (version, position, at, happening)
                          VALUES (?1 ->> 'version', 0, 0, ?1)";
            database.execute(insert, [happening]).unwrap();
        }
        drop(database);

        let store = Store::open(&path).unwrap();
        let loaded = store.load().await.unwrap();
        assert_eq!(loaded.version.0, 3);
        assert_understood(&loaded.state, state);
        let outbox = store.outbox(None).await.unwrap();
        assert_eq!(outbox.len(), HAPPENINGS.lines().count());
        for (happening, row) in outbox.iter().zip(HAPPENINGS.lines()) {
            assert_understood(happening, row);
        }
        let count = "SELECT count(*) FROM sample";
        let count = store
            .writer()
            .run(move |c| Ok(c.query_row(count, [], |row| row.get(0))?));
        let samples: u32 = count.await.unwrap();
        assert_eq!(samples, 0);
    }
}
