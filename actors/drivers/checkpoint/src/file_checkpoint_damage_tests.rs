//! The port on a directory where something went wrong: damaged files, failing disks, crashes.

use super::tests::{image, inode, names, open};
use contract::causes::Cause;
use contract::model::LeasePhase::{Assigned, Releasing, Wired};
use contract::ports::checkpoint::{Checkpoint as _, CheckpointImage, Loaded};
use std::fs;
use std::path::Path;

type Damage = fn(&Path);

fn kinds() -> [(&'static str, Damage, &'static str); 8] {
    [
        ("empty", |path| fs::write(path, "").unwrap(), "not JSON"),
        ("garbage", |path| fs::write(path, [0xff, 0, 7]).unwrap(), "not JSON"),
        ("truncated", |path| fs::write(path, r#"{"version":"vpc-cni-ip"#).unwrap(), "not JSON"),
        ("foreign", |path| fs::write(path, r#"{"version":"other/9"}"#).unwrap(), "version \"other/9\""),
        ("huge", |path| fs::File::create(path).unwrap().set_len(1 << 40).unwrap(), "larger than"),
        ("directory", |path| fs::create_dir_all(path.join("in")).unwrap(), "a directory"),
        ("loop", |path| std::os::unix::fs::symlink(path, path).unwrap(), "a loop"),
        ("pipe", make_pipe, "not a regular file"),
    ]
}

#[tokio::test]
async fn what_cannot_be_used_is_set_aside_and_the_daemon_starts() {
    for name in ["ipam.json", "enid-leases.json"] {
        for (kind, damage, why) in kinds() {
            let dir = tempfile::tempdir().unwrap();
            damage(&dir.path().join(name));
            let checkpoint = open(dir.path(), "b");
            let loaded = checkpoint.load().await.unwrap();
            assert_eq!(loaded.image, CheckpointImage::default(), "{kind}");
            let [(aside, reason)] = loaded.set_aside.as_slice() else { panic!("{kind}: {loaded:?}") };
            assert_eq!(aside, &dir.path().join(format!("{name}.corrupt-0")), "{kind}");
            assert!(reason.starts_with(why), "{kind}: {reason}");
            assert_eq!(names(dir.path()), [format!("{name}.corrupt-0")], "{kind}");
            checkpoint.write(image([(1, Assigned), (2, Wired)])).await.unwrap();
            let loaded = checkpoint.load().await.unwrap();
            assert_eq!(loaded, Loaded { image: image([(1, Assigned), (2, Wired)]), ..Loaded::default() });
        }
    }
}

#[tokio::test]
async fn of_a_file_that_is_good_in_part_every_good_lease_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = open(dir.path(), "b");
    checkpoint.write(image([(1, Assigned), (2, Assigned), (3, Assigned)])).await.unwrap();
    let peer = dir.path().join("ipam.json");
    let damaged = fs::read_to_string(&peer).unwrap().replace("10.0.3.2", "10.0.3.x");
    fs::write(&peer, &damaged).unwrap();
    for _ in 0..3 {
        let loaded = open(dir.path(), "b").load().await.unwrap();
        assert_eq!(loaded.image, image([(1, Assigned), (3, Assigned)]));
        let [(aside, reason)] = loaded.set_aside.as_slice() else { panic!("{loaded:?}") };
        assert_eq!(aside, &dir.path().join("ipam.json.corrupt-0"));
        assert_eq!(reason, "used in part: allocations[1] was left out: ipv4 `10.0.3.x` is no address");
    }
    let again = open(dir.path(), "b");
    again.write(image([(1, Assigned), (3, Assigned)])).await.unwrap();
    assert_eq!(again.load().await.unwrap().set_aside, []);
    assert_eq!(fs::read_to_string(dir.path().join("ipam.json.corrupt-0")).unwrap(), damaged);
}

#[tokio::test]
async fn what_was_set_aside_first_is_never_overwritten_and_the_disk_does_not_fill() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = open(dir.path(), "b");
    for round in 0..12 {
        fs::write(dir.path().join("ipam.json"), format!("round {round}")).unwrap();
        assert_eq!(checkpoint.load().await.unwrap().set_aside.len(), 1);
    }
    assert_eq!(names(dir.path()).len(), 8);
    for (number, round) in [(0, 0), (6, 6), (7, 11)] {
        let text = fs::read_to_string(dir.path().join(format!("ipam.json.corrupt-{number}"))).unwrap();
        assert_eq!(text, format!("round {round}"));
    }
}

#[tokio::test]
async fn a_disk_that_cannot_be_read_is_an_error_and_nothing_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    // Read at address 0 of our own memory: EIO.
    std::os::unix::fs::symlink("/proc/self/mem", dir.path().join("ipam.json")).unwrap();
    for (place, word) in
        [(dir.path().join("file"), "Not a directory"), (dir.path().into(), "Input/output error")]
    {
        let checkpoint = open(&place, "b");
        let Err(Cause::CheckpointRead { detail }) = checkpoint.load().await else { panic!() };
        assert!(detail.contains(word) && detail.contains("reading"), "{detail}");
        assert!(matches!(checkpoint.write(image([])).await, Err(Cause::CheckpointWrite { .. })));
    }
    assert_eq!(names(dir.path()), ["file", "ipam.json"]);
}

#[tokio::test]
async fn after_a_failed_write_the_next_one_says_it_whole() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = open(dir.path(), "b");
    checkpoint.write(image([(1, Wired)])).await.unwrap();
    let (in_the_way, own) = (dir.path().join("ipam.json.enid-tmp"), dir.path().join("enid-leases.json"));
    fs::create_dir_all(in_the_way.join("full")).unwrap();
    let Err(Cause::CheckpointWrite { detail }) = checkpoint.write(image([(1, Assigned)])).await else {
        panic!()
    };
    assert!(detail.contains("removing") && detail.contains("ipam.json.enid-tmp"), "{detail}");
    assert_eq!(open(dir.path(), "b").load().await.unwrap().image, image([(1, Wired)]));
    fs::remove_dir_all(in_the_way).unwrap();
    let before = inode(&own);
    checkpoint.write(image([(1, Wired)])).await.unwrap();
    assert_ne!(inode(&own), before, "the same content is written again: it may not have been synced");
    checkpoint.write(image([(1, Assigned)])).await.unwrap();
    assert_eq!(checkpoint.load().await.unwrap().image, image([(1, Assigned)]));
}

#[tokio::test]
async fn a_half_written_temporary_file_means_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = open(dir.path(), "b");
    checkpoint.write(image([(1, Assigned)])).await.unwrap();
    for name in ["ipam.json.enid-tmp", "enid-leases.json.enid-tmp"] {
        fs::write(dir.path().join(name), r#"{"version":"vpc-c"#).unwrap();
    }
    let again = open(dir.path(), "b");
    let expected = Loaded { image: image([(1, Assigned)]), ..Loaded::default() };
    assert_eq!(again.load().await, Ok(expected));
    again.write(image([(1, Assigned), (2, Assigned)])).await.unwrap();
    assert_eq!(names(dir.path()), ["enid-leases.json", "ipam.json"]);
}

#[tokio::test]
async fn a_crash_between_the_two_files_is_read_as_before_or_as_after() {
    // Each pair of whole files that a crash can leave, on a real directory: (old, new, what `ipam.json` and ours are of).
    for (old, new, peer_of_new, own_of_new, expected) in
        [(Wired, Assigned, true, false, Assigned), (Assigned, Releasing, false, true, Assigned)]
    {
        let dir = tempfile::tempdir().unwrap();
        for (name, phase) in [("old", old), ("new", new)] {
            fs::create_dir(dir.path().join(name)).unwrap();
            open(&dir.path().join(name), "b").write(image([(1, phase)])).await.unwrap();
        }
        let pick = |new: bool, name: &str| {
            fs::copy(dir.path().join(if new { "new" } else { "old" }).join(name), dir.path().join(name))
                .unwrap();
        };
        pick(peer_of_new, "ipam.json");
        pick(own_of_new, "enid-leases.json");
        let expected = Loaded { image: image([(1, expected)]), ..Loaded::default() };
        assert_eq!(open(dir.path(), "b").load().await, Ok(expected));
    }
}

#[tokio::test]
async fn a_file_that_somebody_removed_or_changed_is_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let peer = dir.path().join("ipam.json");
    let checkpoint = open(dir.path(), "b");
    checkpoint.write(image([(1, Assigned)])).await.unwrap();
    let good = fs::read(&peer).unwrap();
    for damage in [|peer: &Path| fs::remove_file(peer), |peer: &Path| fs::write(peer, "{}")] {
        damage(&peer).unwrap();
        checkpoint.write(image([(1, Assigned)])).await.unwrap();
        assert_eq!(fs::read(&peer).unwrap(), good);
    }
}

fn make_pipe(path: &Path) {
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, path, kind, rustix::fs::Mode::RUSR, 0).unwrap();
}
