//! Where the daemon and the shim run, shown with stand-ins for them: what the daemon may and may not do in its box, and what
//! the shim sees and gets. Needs root.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests, which the lint sees only in functions that are marked so"
)]

use lab::{Binaries, Pod, Settings, World, WorldSpec, is_root};
use region::{InstanceSpec, Knobs};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Says what it is and what it may do, and ends with 3.
const NOSY: &str = r#"#!/bin/sh
grep -E '^(CapEff|CapBnd|NoNewPrivs|Pid):' /proc/self/status
echo "argument $1, setting $WARM_ENI_TARGET, endpoint $AWS_ENDPOINT_URL_EC2"
for path in /x /usr/x /proc/sys/net/ipv4/ip_forward /sys/x /etc/enid/x /etc/cni/x /host/opt/cni/bin/x; do
    (echo 1 >"$path") 2>/dev/null && echo "WROTE $path"
done
for place in /var/run/aws-node /host/etc/cni/net.d /var/lib/enid; do
    (echo kept >"$place/mark") 2>/dev/null || echo "CANNOT WRITE $place"
done
[ -e /run/netns ] && echo "SEES pod namespaces"
ip link set lo mtu 60000 2>/dev/null && echo "may set links"
cat /etc/enid/enid.toml
exit 3
"#;

/// Tries to get out of its box, in one way for each thing that is taken away, and tells each way that led somewhere. A tool that is
/// not there is told too: it would have tried nothing.
const BREAKING: &str = r#"#!/bin/sh
try() {
    name=$1
    shift
    if ! command -v "$1" >/dev/null; then
        echo "COULD NOT TRY $name"
    elif "$@" >/dev/null 2>&1 </dev/null; then
        echo "BROKE $name"
    else
        echo "held $name"
    fi
}
try "a writable root" mount -o remount,bind,rw /
try "a writable /proc/sys" mount -o remount,bind,rw /proc/sys
try "no /proc/sys in the way" umount /proc/sys
try "a second proc" mount -t proc proc /var/lib/cni
try "a setting" sh -c 'echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter'
try "a device node" mknod /var/lib/enid/disk b 8 0
try "another root" chroot / true
try "a namespace of its own" unshare --net true
try "a namespace that is there" nsenter --net=/proc/1/ns/net true
try "a raw socket" ping -c 1 -W 1 127.0.0.1
try "another user" setpriv --reuid 1 --clear-groups true
try "a capability back" setpriv --inh-caps=+sys_admin --ambient-caps=+sys_admin true
try "somebody else's file" cat /var/lib/enid/foreign
try "a file given away" chown 1:1 /var/lib/enid/own
try "the name of the host" hostname stolen
try "a pod's namespace by its path" ls /run/netns/
try "a pod's namespace by its name" sh -c 'ip netns list | grep .'
try "a process of the host" sh -c 'ls /proc | grep -E "^[0-9]{4,}$"'
try "the host's files" ls /old /home
exit 3
"#;

/// Answers as a plugin does, and keeps what it got.
const PLUGIN: &str = r#"#!/bin/sh
cat >/var/run/aws-node/stdin-$CNI_COMMAND
env | grep ^CNI_ | sort >/var/run/aws-node/env-$CNI_COMMAND
cat /var/lib/enid/mark >/var/run/aws-node/seen 2>/dev/null
if [ "$CNI_COMMAND" = ADD ]; then
    echo "{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"enix\"},{\"name\":\"eth0\",\"sandbox\":\"$CNI_NETNS\"}],\"ips\":[{\"interface\":1,\"address\":\"10.0.0.7/32\"}]}"
    [ -e "$CNI_NETNS" ] || exit 1
fi
"#;

fn script(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    lab::program::write(&path, text).unwrap();
    path
}

async fn world(binaries: &Binaries) -> World {
    let spec = WorldSpec {
        vpc: "10.0.0.0/16".parse().unwrap(),
        subnets: vec![("a".to_owned(), "10.0.0.0/24".parse().unwrap())],
        knobs: Knobs::default(),
        faults: Vec::new(),
        imds_faults: Vec::new(),
    };
    let mut world = World::create(&spec).await.unwrap();
    let instance = InstanceSpec::new("m5.large", world.subnet("a").unwrap());
    world.add_node("node", instance, binaries).await.unwrap();
    world
}

#[tokio::test]
async fn the_daemon_is_confined_as_its_container_confines_it() {
    if !is_root() {
        println!("SKIPPED the daemon's box: not root");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let binaries =
        Binaries { daemon: script(directory.path(), "enid", NOSY), shim: PathBuf::from("/bin/true") };
    let mut world = world(&binaries).await;
    let node = &mut world.node_mut("node").unwrap().node;
    let settings = Settings {
        environment: [("WARM_ENI_TARGET".to_owned(), "0".to_owned())].into(),
        file: Some("# settings file\n".to_owned()),
        powerless: false,
    };
    let ended = node.daemon_that_ends(&settings, Duration::from_secs(20)).await.unwrap();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.log);
    let net_admin = "0000000000001000";
    for line in [
        &format!("CapEff:\t{net_admin}"),
        &format!("CapBnd:\t{net_admin}"),
        "NoNewPrivs:\t1",
        "argument run, setting 0, endpoint ",
        "may set links",
        "# settings file",
    ] {
        assert!(ended.log.contains(line), "{line} is not in:\n{}", ended.log);
    }
    for line in ["WROTE", "CANNOT", "SEES"] {
        assert!(!ended.log.contains(line), "{line} is in:\n{}", ended.log);
    }
    for place in ["/var/run/aws-node", "/etc/cni/net.d", "/var/lib/enid"] {
        let mark = node.host_path(&format!("{place}/mark")).unwrap();
        assert_eq!(std::fs::read_to_string(mark).unwrap(), "kept\n", "{place}");
    }
    assert!(!Path::new("/var/lib/enid/mark").exists(), "the machine's own directories stay clean");
}

#[tokio::test]
async fn no_way_leads_out_of_the_box() {
    if !is_root() {
        println!("SKIPPED ways out of the box: not root");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let binaries =
        Binaries { daemon: script(directory.path(), "enid", BREAKING), shim: PathBuf::from("/bin/true") };
    let mut world = world(&binaries).await;
    // There is a pod to look for, and a file of another user.
    let node = &world.node("node").unwrap().node;
    Pod::create(world.run(), node, "web", 1).await.unwrap();
    for (name, owner, mode) in [("foreign", 1000, 0o600), ("own", 0, 0o644)] {
        let path = node.host_path(&format!("/var/lib/enid/{name}")).unwrap();
        std::fs::write(&path, "secret").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        std::os::unix::fs::chown(&path, Some(owner), Some(owner)).unwrap();
    }
    let node = &mut world.node_mut("node").unwrap().node;
    let ended = node.daemon_that_ends(&Settings::default(), Duration::from_secs(30)).await.unwrap();
    for word in ["BROKE", "COULD NOT TRY"] {
        assert!(!ended.log.contains(word), "{}", ended.log);
    }
    assert_eq!(ended.log.matches("held ").count(), BREAKING.matches("\ntry ").count(), "{}", ended.log);
}

#[tokio::test]
async fn the_plugin_shares_the_nodes_directories_and_gets_its_last_result_back_on_del() {
    if !is_root() {
        println!("SKIPPED the plugin's view: not root");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let binaries =
        Binaries { daemon: PathBuf::from("/bin/true"), shim: script(directory.path(), "enid-cni", PLUGIN) };
    let world = world(&binaries).await;
    let node = &world.node("node").unwrap().node;
    let file = |name: &str| std::fs::read_to_string(node.host_path(name).unwrap()).unwrap_or_default();
    std::fs::write(node.host_path("/var/lib/enid/mark").unwrap(), "the daemon's").unwrap();

    let mut pod = Pod::create(world.run(), node, "web", 1).await.unwrap();
    let added = pod.add(node).await.unwrap();
    assert_eq!(added.exit_code, Some(0), "{}", added.summary());
    assert_eq!(pod.address, Some("10.0.0.7".parse().unwrap()));
    assert_eq!(file("/var/run/aws-node/seen"), "the daemon's");
    let stdin: serde_json::Value = serde_json::from_str(&file("/var/run/aws-node/stdin-ADD")).unwrap();
    assert_eq!(stdin["name"], "aws-cni");
    assert!(stdin.get("prevResult").is_none());
    assert!(file("/var/run/aws-node/env-ADD").contains("K8S_POD_NAME=web"));

    pod.stop(node).await.unwrap();
    let stdin: serde_json::Value = serde_json::from_str(&file("/var/run/aws-node/stdin-DEL")).unwrap();
    assert_eq!(stdin["prevResult"]["ips"][0]["address"], "10.0.0.7/32");

    pod.forget(node).await.unwrap();
    let stdin: serde_json::Value = serde_json::from_str(&file("/var/run/aws-node/stdin-DEL")).unwrap();
    assert!(stdin.get("prevResult").is_none(), "{stdin}");
    assert!(file("/var/run/aws-node/env-DEL").contains("CNI_NETNS=\n"));
}

#[tokio::test]
async fn a_daemon_that_should_have_refused_and_runs_on_is_killed_and_told() {
    if !is_root() {
        println!("SKIPPED a daemon that runs on: not root");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let binaries = Binaries {
        daemon: script(directory.path(), "enid", "#!/bin/sh\necho serving\nexec sleep 1000\n"),
        shim: PathBuf::from("/bin/true"),
    };
    let mut world = world(&binaries).await;
    let node = &mut world.node_mut("node").unwrap().node;
    let error = node.daemon_that_ends(&Settings::default(), Duration::from_secs(1)).await.unwrap_err();
    assert!(error.to_string().contains("serving"), "{error}");
    let namespace = node.netns().name().to_owned();
    let pids = lab::until::quiet(Duration::from_secs(5), || async {
        let pids = lab::command::run("ip", &["netns", "pids", &namespace]).await?;
        // The holder of the mounts stays.
        Ok((pids.lines().count() > 1).then_some(pids))
    })
    .await
    .unwrap();
    assert_eq!(pids, None);
}

#[tokio::test]
async fn a_path_outside_the_nodes_directories_is_refused() {
    if !is_root() {
        println!("SKIPPED paths of a node: not root");
        return;
    }
    let binaries = Binaries { daemon: PathBuf::from("/bin/true"), shim: PathBuf::from("/bin/true") };
    let world = world(&binaries).await;
    let node = &world.node("node").unwrap().node;
    for path in ["/etc/passwd", "/var/lib/enid/../../x", "relative"] {
        assert!(node.host_path(path).is_err(), "{path}");
    }
}
