//! Settings from everywhere, as the program takes them.

use std::fs;

use crate::folder::Folder;
use crate::process::{Process, run};

#[tokio::test]
async fn the_settings_that_are_printed_start_a_vtn() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    let first = folder.path().join("first.toml");
    let text = format!("data = {data:?}\ndev = true\nlisten = \"127.0.0.1:0\"\n");
    fs::write(&first, text).unwrap();
    let first = first.to_str().unwrap();
    let any = ["--api-listen", "127.0.0.1:0", "--vtn-id", "Of-the-line"];
    let words = [&["vtn", "--print-config", "--config", first], &any[..]].concat();
    let printed = run(&words).await;
    assert!(printed.status.success(), "{printed:?}");
    assert!(printed.out.contains("dev = true # ") && printed.out.contains("first.toml, line 2"));
    assert!(!data.exists(), "nothing was started");

    let second = folder.path().join("second.toml");
    fs::write(&second, &printed.out).unwrap();
    let mut vtn = Process::start(&["vtn", "--config", second.to_str().unwrap()]);
    let listening = vtn.next("listening").await;
    assert_eq!(listening["vtn_id"], "Of-the-line");
    assert!(data.join("vtn.db").exists());
    assert!(vtn.terminate().await.success());

    fs::write(&second, "lissten = 1\n").unwrap();
    let refused = run(&["vtn", "--config", second.to_str().unwrap()]).await;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(
        refused
            .err
            .contains("second.toml, line 1: there is no setting lissten")
    );
    assert_eq!(refused.err.lines().count(), 1, "{}", refused.err);
}
