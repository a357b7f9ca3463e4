use std::path::Path;

use super::*;
use crate::mapping::{MappingSpec, random_id};

async fn open(dir: &Path) -> Store {
    Store::open(&dir.join("porthole.db"), Mend::SetAside).await.unwrap().store
}

fn shop() -> StoredMapping {
    let mut spec = MappingSpec::new(random_id(), "https://localhost:8443".parse().unwrap());
    spec.name = Some("shop".into());
    spec.path = Some("/api".into());
    spec.allow_invalid_certs = true;
    spec.host_header = crate::events::HostHeader::Value("shop.test".into());
    spec.policy.allow_ip.push("10.0.0.0/8".into());
    spec.matches.push(porthole_link::control::Match::Query { name: "v".into(), value: Some("2".into()) });
    StoredMapping::new(spec, Some("https://tunnel.example.com".into()))
}

#[tokio::test]
async fn a_mapping_comes_back_as_it_was_saved() {
    let dir = tempfile::tempdir().unwrap();
    let mapping = shop();
    open(dir.path()).await.add_mapping(mapping.clone()).await.unwrap();
    let store = open(dir.path()).await;
    assert_eq!(store.mappings().await.unwrap(), std::slice::from_ref(&mapping));
    assert_eq!(store.mapping("shop".into()).await.unwrap(), mapping);
    assert!(matches!(store.add_mapping(mapping.clone()).await, Err(StoreError::Exists(_))));
    assert_eq!(store.remove_mapping("shop".into()).await.unwrap(), mapping);
    assert!(matches!(store.mapping("shop".into()).await, Err(StoreError::NoMapping(_))));
}

#[tokio::test]
async fn saving_again_keeps_when_it_was_made_and_an_ambiguous_name_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut mapping = shop();
    store.add_mapping(mapping.clone()).await.unwrap();
    mapping.enabled = false;
    mapping.created_at = "later".into();
    store.save_mapping(mapping.clone()).await.unwrap();
    let saved = store.mapping(mapping.spec.id.clone()).await.unwrap();
    assert!(!saved.enabled && saved.created_at != "later");
    store.add_mapping(shop()).await.unwrap();
    assert!(matches!(store.mapping("shop".into()).await, Err(StoreError::Ambiguous(_))));
}

#[tokio::test]
async fn the_epoch_grows_with_every_start_and_the_agent_stays_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (id, first) = open(dir.path()).await.begin_epoch().await.unwrap();
    let (same, second) = open(dir.path()).await.begin_epoch().await.unwrap();
    assert_eq!((id, first + 1), (same, second));
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_copy_taken_without_closing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    store.add_mapping(shop()).await.unwrap();
    // What a kill -9 leaves behind: the files as they are now, the log not yet folded in.
    let after = tempfile::tempdir().unwrap();
    for file in ["porthole.db", "porthole.db-wal"] {
        std::fs::copy(dir.path().join(file), after.path().join(file)).unwrap();
    }
    assert_eq!(open(after.path()).await.mappings().await.unwrap().len(), 1);
    drop(store);
}

#[tokio::test]
async fn a_damaged_database_is_set_aside_and_a_new_one_begun() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("porthole.db");
    std::fs::write(&path, "this is no database, whatever its name says; ".repeat(100)).unwrap();
    assert_eq!(Store::open(&path, Mend::Never).await.unwrap_err(), StoreError::Damaged);
    let opened = Store::open(&path, Mend::SetAside).await.unwrap();
    let aside = opened.set_aside.unwrap();
    assert!(aside.file_name().unwrap().to_string_lossy().starts_with("porthole.db.damaged-"));
    assert!(std::fs::read(&aside).unwrap().starts_with(b"this is no database"));
    assert!(opened.store.mappings().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_database_damaged_in_the_middle_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("porthole.db");
    let store = open(dir.path()).await;
    for number in 0..50 {
        let mut mapping = shop();
        mapping.spec.name = Some(format!("shop-{number}"));
        store.add_mapping(mapping).await.unwrap();
    }
    store.settle().await.unwrap();
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    for page in bytes.chunks_mut(4096).skip(1) {
        page.fill(0x5a);
    }
    std::fs::write(&path, bytes).unwrap();
    assert!(Store::open(&path, Mend::SetAside).await.unwrap().set_aside.is_some());
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("porthole.db");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 999).unwrap();
    assert!(matches!(Store::open(&path, Mend::SetAside).await, Err(StoreError::Newer(_))));
}

#[tokio::test]
async fn a_targets_name_is_remembered_per_gateway() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let what = Remembered { mapping_id: "a".into(), name: Some("calm-fox-12".into()), remote_port: None };
    store.remember("g".into(), "t".into(), what.clone()).await.unwrap();
    assert_eq!(store.remembered("g".into(), "t".into()).await.unwrap(), Some(what));
    assert_eq!(store.remembered("other".into(), "t".into()).await.unwrap(), None);
}
