//! Databases of versions before, and their backups.

use std::ops::Range;

use oadr_core::vtn::{DeliveryFact, ReadingsFact};

use super::reading_tests::{all, minute, report, values, write, written};
use super::*;
use crate::backup;
use crate::data_dir::DataDir;
use crate::earlier_rows::assert_understood;
use crate::temp_dir::TempDir;

/// Rows as that version wrote them; partitions are at version 3.
const PARTITIONS: &str = include_str!("../../tests/upgrade/vtn-001/partitions.jsonl");
const DELIVERIES: &str = include_str!("../../tests/upgrade/vtn-001/deliveries.jsonl");
const EFFECTS: &str = include_str!("../../tests/upgrade/vtn-001/effects.jsonl");
const CAMPAIGNS: &str = include_str!("../../tests/upgrade/vtn-001/campaigns.jsonl");

/// A database as the version before readings left it.
fn before_readings(folder: &Path) {
    of_schema(folder, 1);
}

/// A database with these rows, of the schema of this number.
fn of_schema(folder: &Path, number: usize) {
    let data = DataDir::open(folder).unwrap();
    let database = sqlite::open(&data.file("vtn.db"), &MIGRATIONS[..number]).unwrap();
    for (sql, rows) in [
        (
            "INSERT INTO partitions (key, version, state) VALUES (?1, 3, ?2)",
            PARTITIONS,
        ),
        (
            "INSERT INTO deliveries (event_id, partition, status, delivery)
             VALUES (?2 ->> 'event_id', ?1, 'sent', ?2)",
            DELIVERIES,
        ),
        (
            "INSERT INTO outbox (partition, version, position, at, effect) VALUES (?1, 3, 0, 0, ?2)",
            EFFECTS,
        ),
        (
            "INSERT INTO campaigns (sequence, event_id, first, revision, latest, campaign)
             VALUES (?1, ?2 ->> 'event_id', ?1, 0, 1, ?2)",
            CAMPAIGNS,
        ),
    ] {
        for (number, document) in (1_i64..).zip(rows.lines()) {
            database.execute(sql, (number, document)).unwrap();
        }
    }
    let version: i64 = database
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    assert_eq!(version, i64::try_from(number).unwrap());
}

/// What a VEN measured in these minutes.
fn minutes(created: i64, minutes: Range<i64>) -> ReadingsFact {
    let readings = minutes.map(|n| minute("a", n * 60, 1.5));
    report(created, readings.collect())
}

async fn works(path: &Path) {
    let store = Store::open(path).unwrap();
    let contents = store.contents(DateTime::UNIX_EPOCH).await.unwrap();
    assert_eq!(contents.partitions.len(), PARTITIONS.lines().count());
    for ((_, loaded), row) in contents.partitions.iter().zip(PARTITIONS.lines()) {
        assert_eq!(loaded.version.0, 3);
        assert_understood(&loaded.state, row);
    }
    // None of that version was proved by a certificate, or had to sign.
    assert!(PARTITIONS.contains(r#""certificate":null"#));
    for (_, loaded) in &contents.partitions {
        assert_eq!(loaded.state.certificates().count(), 0);
        assert_eq!(loaded.state.signatures(), None);
    }
    assert_eq!(contents.campaigns.len(), CAMPAIGNS.lines().count());
    for ((_, campaign), row) in contents.campaigns.iter().zip(CAMPAIGNS.lines()) {
        assert_understood(campaign.as_ref(), row);
    }
    for (place, row) in (1..).zip(DELIVERIES.lines()) {
        let fact: DeliveryFact = serde_json::from_str(row).unwrap();
        let kept = store.deliveries(fact.event_id).await.unwrap();
        let kept = kept.iter().find(|kept| kept.partition == Key(place));
        assert_understood(&kept.unwrap().fact, row);
    }
    let outbox = store.outbox(100).await.unwrap();
    assert_eq!(outbox.len(), EFFECTS.lines().count());
    for (pending, row) in outbox.iter().zip(EFFECTS.lines()) {
        assert_understood(&pending.effect, row);
    }
    assert_eq!(write(&store, 7, &minutes(60, 0..3)).await, written(3, 0, 0));
    let page = store.readings(all()).await.unwrap();
    assert_eq!(values(&page).len(), 3);
}

#[tokio::test]
async fn a_database_of_before_is_brought_up_to_date_with_all_that_is_in_it() {
    let temp = TempDir::new("upgrade").unwrap();
    before_readings(temp.path());
    let path = temp.path().join("vtn.db");
    works(&path).await;
    // The next start has nothing to do.
    let store = Store::open(&path).unwrap();
    let page = store.readings(all()).await.unwrap();
    assert_eq!(values(&page).len(), 3);
}

#[tokio::test]
async fn a_database_from_before_certificates_is_brought_up_to_date() {
    let temp = TempDir::new("upgrade").unwrap();
    of_schema(temp.path(), 2);
    works(&temp.path().join("vtn.db")).await;
}

#[tokio::test]
async fn a_backup_of_before_is_restored_and_works() {
    let temp = TempDir::new("upgrade").unwrap();
    let (data, back) = (temp.path().join("data"), temp.path().join("back"));
    before_readings(&data);
    let file = temp.path().join("backup.db");
    assert_eq!(backup::backup(&data, &file).unwrap().schema, 1);
    assert_eq!(backup::restore(&file, &back).unwrap().schema, 1);
    works(&back.join("vtn.db")).await;
}

#[tokio::test]
async fn readings_are_in_the_backup() {
    let temp = TempDir::new("upgrade").unwrap();
    let (data, back) = (temp.path().join("data"), temp.path().join("back"));
    let path = DataDir::open(&data).unwrap().file("vtn.db");
    let store = Store::open(&path).unwrap();
    write(&store, 1, &minutes(600, 0..10)).await;
    let before = values(&store.readings(all()).await.unwrap());
    let file = temp.path().join("backup.db");
    // While it is at work.
    backup::backup(&data, &file).unwrap();
    write(&store, 1, &minutes(1_200, 10..20)).await;

    backup::restore(&file, &back).unwrap();
    let store = Store::open(&back.join("vtn.db")).unwrap();
    let page = store.readings(all()).await.unwrap();
    assert_eq!((before.len(), values(&page)), (10, before));
    // What was reported since comes again: a VEN that was not answered sends it anew.
    assert_eq!(
        write(&store, 1, &minutes(1_200, 5..20)).await,
        written(10, 0, 5)
    );
}
