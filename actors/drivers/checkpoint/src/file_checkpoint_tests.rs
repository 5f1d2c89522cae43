//! The port on a real directory.

use super::*;
use contract::Boottime;
use contract::model::LeasePhase::{Assigned, Releasing, Reserved, Wired};
use contract::model::{AttachmentKey, Lease, LeasePhase, Pod};
use contract::ports::checkpoint::Cooling;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn open(directory: &Path, boot_id: &str) -> FileCheckpoint {
    FileCheckpoint::open(CheckpointPaths::beside(directory.join("ipam.json")), boot_id, PATIENCE).unwrap()
}

pub(super) fn lease(number: u8, phase: LeasePhase) -> Lease {
    Lease {
        key: AttachmentKey {
            network: "aws-cni".into(),
            container_id: format!("c{number}"),
            ifname: "eth0".into(),
        },
        pod: Pod { namespace: "default".into(), name: format!("web-{number}"), uid: format!("u-{number}") },
        address: Ipv4Addr::new(10, 0, 3, number),
        phase,
        allocated_unix_nanoseconds: 1_700_000_000_000_000_000,
    }
}

pub(super) fn image(leases: impl IntoIterator<Item = (u8, LeasePhase)>) -> CheckpointImage {
    let leases = leases.into_iter().map(|(number, phase)| lease(number, phase)).collect();
    CheckpointImage { leases, ..CheckpointImage::default() }
}

pub(super) fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub(super) fn inode(path: &Path) -> u64 {
    fs::metadata(path).unwrap().ino()
}

#[tokio::test]
async fn a_fresh_node_has_an_empty_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(open(dir.path(), "b").load().await, Ok(Loaded::default()));
    let nowhere = open(&dir.path().join("not/made/yet"), "b");
    assert_eq!(nowhere.load().await, Ok(Loaded::default()));
    assert!(matches!(nowhere.write(image([])).await, Err(Cause::CheckpointWrite { .. })));
}

#[tokio::test]
async fn only_assigned_leases_are_in_the_file_that_the_peer_reads() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = open(dir.path(), "b");
    let mut image = image([(1, Reserved), (2, Wired), (3, Assigned), (4, Releasing)]);
    let until = Boottime::new(77, 5);
    image.cooling.push(Cooling { address: Ipv4Addr::new(10, 0, 3, 9), until });
    checkpoint.write(image.clone()).await.unwrap();
    assert_eq!(
        fs::read_to_string(dir.path().join("ipam.json")).unwrap(),
        concat!(
            r#"{"version":"vpc-cni-ipam/1","allocations":[{"networkName":"aws-cni","containerID":"c3","#,
            r#""ifName":"eth0","ipv4":"10.0.3.3","allocationTimestamp":1700000000000000000,"#,
            r#""metadata":{"k8sPodNamespace":"default","k8sPodName":"web-3","interfacesCount":1}}]}"#,
            "\n"
        )
    );
    assert_eq!(names(dir.path()), ["enid-leases.json", "ipam.json"]);
    for name in names(dir.path()) {
        let mode = fs::metadata(dir.path().join(&name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
    let expected = Loaded { image, ..Loaded::default() };
    assert_eq!(checkpoint.load().await, Ok(expected.clone()));
    drop(checkpoint);
    assert_eq!(open(dir.path(), "b\n").load().await, Ok(expected));
}

#[tokio::test]
async fn a_file_whose_content_did_not_change_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let (peer, own) = (dir.path().join("ipam.json"), dir.path().join("enid-leases.json"));
    let checkpoint = open(dir.path(), "b");
    checkpoint.write(image([(1, Assigned), (2, Reserved)])).await.unwrap();
    let before = (inode(&peer), inode(&own));
    checkpoint.write(image([(2, Reserved), (1, Assigned)])).await.unwrap();
    assert_eq!((inode(&peer), inode(&own)), before);
    checkpoint.write(image([(1, Assigned), (2, Wired)])).await.unwrap();
    assert_eq!(inode(&peer), before.0);
    assert_ne!(inode(&own), before.1);
    let again = open(dir.path(), "b");
    again.load().await.unwrap();
    again.write(image([(1, Assigned), (2, Wired)])).await.unwrap();
    assert_ne!(inode(&peer), before.0, "the process before may have seen a sync fail");
    let before = (inode(&peer), inode(&own));
    again.write(image([(1, Assigned), (2, Wired)])).await.unwrap();
    assert_eq!((inode(&peer), inode(&own)), before);
}

#[tokio::test]
async fn a_lease_that_is_assigned_costs_one_file_and_ours_is_tidied_up_when_there_is_time() {
    let dir = tempfile::tempdir().unwrap();
    let (peer, own) = (dir.path().join("ipam.json"), dir.path().join("enid-leases.json"));
    let mut writer = Writer::new(KernelFiles, CheckpointPaths::beside(&peer), "b".to_owned());
    writer.write(image([(1, Reserved)])).unwrap();
    let before = (inode(&peer), fs::read(&own).unwrap());
    writer.write(image([(1, Assigned)])).unwrap();
    assert_ne!(inode(&peer), before.0);
    assert_eq!(fs::read(&own).unwrap(), before.1);
    assert_eq!(open(dir.path(), "b").load().await.unwrap().image, image([(1, Assigned)]));
    writer.tidy().unwrap();
    let tidy = fs::read(&own).unwrap();
    assert_ne!(tidy, before.1);
    assert_eq!(writer.load().unwrap().image, image([(1, Assigned)]));

    // The thread does it by itself.
    let checkpoint = open(dir.path(), "b");
    checkpoint.write(image([(2, Reserved)])).await.unwrap();
    checkpoint.write(image([(2, Assigned)])).await.unwrap();
    let says_it = || fs::read_to_string(&own).unwrap().contains("reserved");
    let waited = async {
        while says_it() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waited).await.unwrap();
    assert_eq!(checkpoint.load().await.unwrap().image, image([(2, Assigned)]));
}

#[tokio::test]
async fn times_of_an_earlier_boot_are_dropped_and_leases_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut written = image([(1, Assigned), (2, Releasing)]);
    let until = Boottime::from_secs(9);
    written.cooling.push(Cooling { address: Ipv4Addr::new(10, 0, 3, 9), until });
    open(dir.path(), "boot-1").write(written).await.unwrap();
    let loaded = open(dir.path(), "boot-2").load().await.unwrap();
    assert!(loaded.earlier_boot);
    assert_eq!(loaded.image, image([(1, Assigned), (2, Releasing)]));
    assert_eq!(loaded.set_aside, []);
}

#[tokio::test]
async fn an_image_that_could_not_be_read_back_is_refused_and_harms_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = open(dir.path(), "b");
    checkpoint.write(image([(1, Assigned)])).await.unwrap();
    let mut twice = image([(1, Assigned), (2, Reserved)]);
    twice.leases[1].address = twice.leases[0].address;
    let mut nameless = image([(3, Assigned)]);
    nameless.leases[0].key.container_id.clear();
    for (bad, word) in [(twice, "10.0.3.1 is held by"), (nameless, "empty id")] {
        let Err(Cause::CheckpointWrite { detail }) = checkpoint.write(bad).await else { panic!() };
        assert!(detail.contains(word), "{detail}");
    }
    assert_eq!(checkpoint.load().await.unwrap().image, image([(1, Assigned)]));
}

/// Makes the writer stand still; it goes on when what this returns is dropped.
#[tokio::test]
async fn a_refused_image_is_not_the_first_write_of_a_process() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path(), "b").write(image([(1, Assigned), (2, Wired)])).await.unwrap();
    let files = ["ipam.json", "enid-leases.json"].map(|name| dir.path().join(name));
    let before = files.each_ref().map(|path| inode(path));
    // Whoever wrote that may have seen its sync fail: a new process writes both files, also after an image it refused.
    let next = open(dir.path(), "b");
    assert!(next.write(image([(1, Assigned), (1, Wired)])).await.is_err());
    next.load().await.unwrap();
    next.write(image([(1, Assigned), (2, Wired)])).await.unwrap();
    let after = files.each_ref().map(|path| inode(path));
    assert!(before.iter().zip(&after).all(|(before, after)| before != after), "{before:?} {after:?}");
}

async fn hold(checkpoint: &FileCheckpoint) -> std::sync::mpsc::Sender<()> {
    let (release, held) = std::sync::mpsc::channel();
    let (entered, standing) = oneshot::channel();
    checkpoint.queue.send(Command::Hold { entered, release: held }).await.unwrap();
    standing.await.unwrap();
    release
}

/// Waits until `count` commands stand in the queue.
async fn queued(checkpoint: &FileCheckpoint, count: usize) {
    while checkpoint.queue.max_capacity() - checkpoint.queue.capacity() < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_write_whose_caller_went_away_ends_before_the_next_load() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = open(dir.path(), "b");
    let release = hold(&checkpoint).await;
    let write = tokio::spawn(checkpoint.write(image([(1, Assigned)])));
    queued(&checkpoint, 1).await;
    write.abort();
    assert!(write.await.unwrap_err().is_cancelled());
    let load = tokio::spawn(checkpoint.load());
    queued(&checkpoint, 2).await;
    drop(release);
    assert_eq!(load.await.unwrap().unwrap().image, image([(1, Assigned)]));
}

#[tokio::test]
async fn a_slow_disk_is_an_answer_and_the_write_is_done_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let paths = CheckpointPaths::beside(dir.path().join("ipam.json"));
    let hasty = FileCheckpoint::open(paths, "b", Duration::from_millis(5)).unwrap();
    let release = hold(&hasty).await;
    let Err(Cause::CheckpointWrite { detail }) = hasty.write(image([(1, Assigned)])).await else { panic!() };
    assert_eq!(detail, "the disk did not answer within 0.005 s");
    let Err(Cause::CheckpointRead { .. }) = hasty.load().await else { panic!() };
    drop(release);
    let patient = FileCheckpoint { timeout: PATIENCE, ..hasty };
    assert_eq!(patient.load().await.unwrap().image, image([(1, Assigned)]));
}

#[tokio::test]
async fn writes_that_wait_together_are_one_write_whose_outcome_answers_all() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = open(dir.path(), "b");
    let release = hold(&checkpoint).await;
    // The first could not be written by itself, so that its answer tells whether it was.
    let mut impossible = image([(1, Assigned)]);
    impossible.leases[0].key.ifname.clear();
    let mut writes = vec![tokio::spawn(checkpoint.write(impossible))];
    for count in 1..=20 {
        queued(&checkpoint, usize::from(count)).await;
        writes.push(tokio::spawn(checkpoint.write(image((1..=count).map(|number| (number, Assigned))))));
    }
    queued(&checkpoint, 21).await;
    drop(release);
    for write in writes {
        write.await.unwrap().unwrap();
    }
    let loaded = checkpoint.load().await.unwrap();
    assert_eq!(loaded.image, image((1..=20).map(|number| (number, Assigned))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_askers_at_once_each_find_a_whole_image() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = open(dir.path(), "b");
    let mut askers = Vec::new();
    for number in 0..100u8 {
        let checkpoint = checkpoint.clone();
        askers.push(tokio::spawn(async move {
            let phase = if number % 2 == 0 { Assigned } else { Wired };
            checkpoint.write(image((1..=number % 10 + 1).map(|n| (n, phase)))).await.unwrap();
            let loaded = checkpoint.load().await.unwrap();
            assert_eq!(loaded.set_aside, []);
            let first = loaded.image.leases[0].phase;
            assert!(loaded.image.leases.iter().all(|lease| lease.phase == first));
        }));
    }
    for asker in askers {
        asker.await.unwrap();
    }
}

#[test]
fn a_path_that_names_no_file_is_refused_at_once() {
    let same = CheckpointPaths { peer: "/a/x".into(), own: "/a/x".into() };
    for paths in [CheckpointPaths::beside("/"), CheckpointPaths::beside(".."), same] {
        let error = FileCheckpoint::open(paths, "b", PATIENCE).unwrap_err();
        assert!(
            matches!(error, CheckpointError::NotAFileName { .. } | CheckpointError::SameFile { .. }),
            "{error}"
        );
    }
}
