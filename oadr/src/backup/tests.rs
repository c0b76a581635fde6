//! Backups of both roles, there and back, and what is refused.

use super::*;
use crate::temp_dir::TempDir;

/// A data folder of this role, as a process that has ended leaves it.
fn folder(temp: &TempDir, role: Role) -> PathBuf {
    let path = temp.path().join(role.name());
    let data = DataDir::open(&path).unwrap();
    drop(sqlite::open(&data.file(role.file()), migrations(role)).unwrap());
    path
}

fn migrations(role: Role) -> &'static [&'static str] {
    match role {
        Role::Vtn => store::MIGRATIONS,
        Role::Ven => ven::MIGRATIONS,
    }
}

/// Runs SQL on a folder's database, as another version of the program might.
fn execute(data: &Path, role: Role, sql: &str) {
    let connection = Connection::open(data.join(role.file())).unwrap();
    connection.execute_batch(sql).unwrap();
}

#[test]
fn both_roles_are_backed_up_and_restored() {
    for role in Role::ALL {
        let temp = TempDir::new("backup").unwrap();
        let data = folder(&temp, role);
        execute(
            &data,
            role,
            "INSERT INTO outbox VALUES (1, 2, 3, 'x'), (1, 1, 3, 'y');"
                .replace(", 3,", if role == Role::Vtn { ", 0, 3," } else { ", 3," })
                .as_str(),
        );
        let file = temp.path().join("copy.db");
        let copied = backup(&data, &file).unwrap();
        assert_eq!((copied.role, copied.schema), (role, role.known()));
        assert_eq!(copied.file, file);
        assert_eq!(copied.bytes, fs::metadata(&file).unwrap().len());

        let back = temp.path().join("not/there/yet");
        let restored = restore(&file, &back).unwrap();
        assert_eq!(restored.file, back.join(role.file()));
        // The folder is free again, and the program works on it.
        let data = DataDir::open(&back).unwrap();
        let connection = sqlite::open(&data.file(role.file()), migrations(role)).unwrap();
        let rows: i64 = connection
            .query_row("SELECT count(*) FROM outbox", [], |row| row.get(0))
            .unwrap();
        assert_eq!(rows, 2);
    }
}

#[test]
fn into_a_folder_a_backup_goes_by_role_and_time() {
    let temp = TempDir::new("backup").unwrap();
    let data = folder(&temp, Role::Ven);
    let copied = backup(&data, temp.path()).unwrap();
    let name = copied.file.file_name().unwrap().to_str().unwrap();
    let time = name
        .strip_prefix("oadr-ven-")
        .and_then(|rest| rest.strip_suffix(".db"))
        .unwrap();
    chrono::NaiveDateTime::parse_from_str(time, "%Y%m%dT%H%M%SZ").unwrap();
    assert_eq!(copied.file.parent().unwrap(), temp.path());
}

#[test]
fn a_newer_database_is_neither_opened_nor_backed_up_nor_restored() {
    for role in Role::ALL {
        let temp = TempDir::new("backup").unwrap();
        let data = folder(&temp, role);
        let (to, back) = (temp.path().join("copy.db"), temp.path().join("back"));
        let newer = role.known() + 1;
        execute(&data, role, &format!("PRAGMA user_version = {newer}"));
        let file = data.join(role.file());
        let opened = sqlite::open(&file, migrations(role)).unwrap_err();
        for error in [
            opened.to_string(),
            backup(&data, &to).unwrap_err().to_string(),
            restore(&file, &back).unwrap_err().to_string(),
        ] {
            for said in [
                file.to_str().unwrap(),
                &format!("its schema is number {newer}"),
                &format!("knows up to number {}", role.known()),
                "run the newer version, or restore a backup",
            ] {
                assert!(error.contains(said), "{said}: {error}");
            }
        }
        assert!(!to.exists() && !back.exists());
        // Nothing was changed on the way.
        let connection = Connection::open(&file).unwrap();
        let found: i64 = connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .unwrap();
        assert_eq!(found, newer);
    }
}

#[test]
fn only_a_free_and_empty_folder_takes_a_backup() {
    let temp = TempDir::new("backup").unwrap();
    let data = folder(&temp, Role::Vtn);
    let file = temp.path().join("copy.db");
    backup(&data, &file).unwrap();

    let refused = restore(&file, &data).unwrap_err();
    assert!(
        matches!(&refused, BackupError::NotEmpty { found, .. } if found == "vtn.db"),
        "{refused}"
    );
    let other = temp.path().join("other");
    let held = DataDir::open(&other).unwrap();
    let refused = restore(&file, &other).unwrap_err();
    assert!(
        matches!(&refused, BackupError::DataDir(DataDirError::InUse { .. })),
        "{refused}"
    );
    drop(held);
    // The lock of before is nothing.
    restore(&file, &other).unwrap();
}

#[test]
fn what_is_no_data_folder_is_not_backed_up() {
    let temp = TempDir::new("backup").unwrap();
    let to = temp.path().join("copy.db");
    let empty = temp.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let refused = backup(&empty, &to).unwrap_err();
    assert!(matches!(refused, BackupError::NoData(_)), "{refused}");
    assert_eq!(fs::read_dir(&empty).unwrap().count(), 0);

    let both = folder(&temp, Role::Vtn);
    fs::copy(folder(&temp, Role::Ven).join("ven.db"), both.join("ven.db")).unwrap();
    let refused = backup(&both, &to).unwrap_err();
    assert!(matches!(refused, BackupError::TwoRoles(_)), "{refused}");
    assert!(!to.exists());
}

#[test]
fn what_is_no_backup_is_not_restored() {
    let temp = TempDir::new("backup").unwrap();
    let (file, back) = (temp.path().join("file"), temp.path().join("back"));
    let other = Connection::open(temp.path().join("other.db")).unwrap();
    other
        .execute_batch("CREATE TABLE a (n INTEGER); PRAGMA user_version = 1;")
        .unwrap();
    drop(other);
    for octets in [
        Vec::new(),
        b"not a database at all, but longer than a hundred bytes, which is the header's length ..............."
            .to_vec(),
        fs::read(temp.path().join("other.db")).unwrap(),
    ] {
        fs::write(&file, &octets).unwrap();
        let refused = restore(&file, &back).unwrap_err();
        assert!(matches!(refused, BackupError::NotOurs(_)), "{refused}");
        assert!(!back.exists());
    }
    let refused = restore(&temp.path().join("none"), &back).unwrap_err();
    assert!(matches!(refused, BackupError::NotOurs(_)), "{refused}");
}

#[test]
fn half_a_backup_is_not_restored() {
    let temp = TempDir::new("backup").unwrap();
    let data = folder(&temp, Role::Vtn);
    let file = temp.path().join("copy.db");
    backup(&data, &file).unwrap();
    let octets = fs::read(&file).unwrap();
    fs::write(&file, &octets[..octets.len() / 2]).unwrap();
    let back = temp.path().join("back");
    let refused = restore(&file, &back).unwrap_err();
    assert!(
        matches!(refused, BackupError::Damaged { .. }),
        "{refused:?}"
    );
    assert!(!back.exists());
}
