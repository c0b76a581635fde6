//! Databases of newer versions of the program.

use oadr_core::value::OptType;
use oadr_core::vtn::Admission;

use crate::folder::Folder;
use crate::process::run;
use crate::served::{Ven, start, ven_config};

#[tokio::test]
async fn a_newer_database_stops_the_start_of_either_role_and_stays_as_it_is() {
    let folder = Folder::new();
    let (vtn_data, ven_data) = (folder.path().join("vtn"), folder.path().join("ven"));
    let vtn = start(&vtn_data, Admission::Open).await;
    let config = ven_config(&vtn.vtn_url(), "Pump1", &ven_data, OptType::OptIn);
    Ven::start(config).await.stop().await;
    vtn.stop().await;

    let (vtn_data, ven_data) = (vtn_data.to_str().unwrap(), ven_data.to_str().unwrap());
    let any = "127.0.0.1:0";
    let vtn = ["vtn", "--listen", any, "--api", any, "--data", vtn_data];
    let ven = [
        "ven",
        "--vtn",
        "http://127.0.0.1",
        "--name",
        "Pump1",
        "--data",
        ven_data,
    ];
    for (file, args) in [("vtn/vtn.db", &vtn), ("ven/ven.db", &ven)] {
        let file = folder.path().join(file);
        let database = rusqlite::Connection::open(&file).unwrap();
        database.pragma_update(None, "user_version", 99).unwrap();
        drop(database);
        let ended = run(args).await;
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        for said in [
            file.to_str().unwrap(),
            "its schema is number 99",
            "run the newer version, or restore a backup",
        ] {
            assert!(ended.err.contains(said), "{said}: {ended:?}");
        }
        let database = rusqlite::Connection::open(&file).unwrap();
        let found: i64 = database
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .unwrap();
        assert_eq!(found, 99);
    }
}
