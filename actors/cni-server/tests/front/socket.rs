//! The socket itself: its mode, its place, who may speak, and what it says of the node's health.

use contract::mail::cni_server::CniMail;
use hyper_util::rt::TokioIo;
use protocol::HelloRequest;
use protocol::cni_client::CniClient;
use rustix::process::{Uid, geteuid};
use std::fs::Permissions;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::house::{House, PATIENCE, in_real_time};
use crate::shim::{channel, client};

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_dead_socket_or_a_file_in_its_place_is_replaced_by_one_for_owner_and_group() {
    in_real_time(async {
        let dead: fn(&Path) = |path| drop(UnixListener::bind(path).unwrap());
        let file: fn(&Path) = |path| std::fs::write(path, "").unwrap();
        let half_made: fn(&Path) = |path| std::fs::write(path.with_extension("new"), "").unwrap();
        for lies_there in [dead, file, half_made] {
            let mut house = House::new();
            lies_there(&house.socket());
            house.start_front();
            house.until(|view| view.listening).await;
            let about = std::fs::symlink_metadata(house.socket()).unwrap();
            assert!(about.file_type().is_socket());
            assert_eq!(about.permissions().mode() & 0o7777, 0o660);
            assert_eq!(entries(house.directory()), [house.socket()]);
            client(&house).await.hello(HelloRequest {}).await.unwrap();
        }
    });
}

#[test]
fn a_directory_in_its_place_is_told_and_tried_again() {
    in_real_time(async {
        let mut house = House::new();
        std::fs::create_dir(house.socket()).unwrap();
        house.start_front();
        let view = house.until(|view| view.trouble.is_some()).await;
        assert!(!view.listening);
        let trouble = view.trouble.unwrap().to_string();
        assert!(trouble.contains("cannot open") && trouble.contains(protocol::SOCKET_NAME));
        std::fs::remove_dir(house.socket()).unwrap();
        let view = house.until(|view| view.listening).await;
        assert_eq!(view.trouble, None);
    });
}

#[test]
fn a_server_that_ended_is_opened_again() {
    in_real_time(async {
        let house = House::open().await;
        let first = std::fs::metadata(house.socket()).unwrap().ino();
        let reason = "too many open files".to_owned();
        let counts = house.counts.as_ref().unwrap();
        counts.tell(CniMail::ServerEnded { reason }).unwrap();
        let view = house.until(|view| !view.listening).await;
        assert!(view.trouble.unwrap().to_string().contains("too many open files"));
        house.until(|view| view.listening && view.trouble.is_none()).await;
        assert_ne!(std::fs::metadata(house.socket()).unwrap().ino(), first);
        client(&house).await.hello(HelloRequest {}).await.unwrap();
    });
}

#[test]
fn health_on_the_same_socket_follows_whether_the_node_serves() {
    in_real_time(async {
        let house = House::open().await;
        let mut health = HealthClient::new(channel(&house.socket()).await);
        // The very first answer is right already.
        let first = health.check(HealthCheckRequest::default()).await.unwrap();
        assert_eq!(first.into_inner().status(), ServingStatus::NotServing);
        for ready in [true, false] {
            house.ready.send_replace(ready);
            let wanted = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
            let followed = async {
                loop {
                    let answer = health.check(HealthCheckRequest::default()).await.unwrap();
                    if answer.into_inner().status() == wanted {
                        return;
                    }
                }
            };
            tokio::time::timeout(PATIENCE, followed).await.unwrap();
        }
    });
}

/// A connection made by another user: who a peer is, is what its thread was when it connected.
fn connect_as(user: u32, socket: PathBuf) -> UnixStream {
    let connecting = std::thread::spawn(move || {
        rustix::thread::set_thread_uid(Uid::from_raw(user)).unwrap();
        UnixStream::connect(socket).unwrap()
    });
    connecting.join().unwrap()
}

async fn over(stream: UnixStream) -> CniClient<Channel> {
    stream.set_nonblocking(true).unwrap();
    let mut once = Some(TokioIo::new(tokio::net::UnixStream::from_std(stream).unwrap()));
    let connect = tower::service_fn(move |_| {
        let stream = once.take();
        async move { stream.ok_or_else(|| std::io::Error::other("once")) }
    });
    let endpoint = Endpoint::from_static("http://enid.invalid");
    CniClient::new(endpoint.connect_with_connector(connect).await.unwrap())
}

#[test]
fn another_user_is_refused_by_every_verb_even_where_the_socket_lets_it_in() {
    if !geteuid().is_root() {
        return; // Only root can be somebody else.
    }
    in_real_time(async {
        let mut house = House::open().await;
        std::fs::set_permissions(house.directory(), Permissions::from_mode(0o755)).unwrap();
        std::fs::set_permissions(house.socket(), Permissions::from_mode(0o666)).unwrap();
        let mut stranger = over(connect_as(65_534, house.socket())).await;
        let hello = stranger.hello(HelloRequest {}).await.unwrap_err();
        assert_eq!(hello.code(), Code::PermissionDenied);
        assert_eq!(hello.message(), "uid 65534 may not speak to enid");
        let del = stranger.del(protocol::DelRequest::default()).await.unwrap_err();
        assert_eq!(del.code(), Code::PermissionDenied);
        let add = stranger.add(tokio_stream::pending()).await.unwrap_err();
        assert_eq!(add.code(), Code::PermissionDenied);

        let mut own = over(connect_as(0, house.socket())).await;
        own.hello(HelloRequest {}).await.unwrap();
        assert!(house.asked.none());
    });
}
