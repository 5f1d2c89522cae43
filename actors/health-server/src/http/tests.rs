//! The pages over a real socket on loopback.

use super::*;
use crate::plan::picture;
use crate::sample::*;
use contract::causes::Cause;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

struct Site {
    at: SocketAddr,
    pictures: watch::Sender<Arc<Picture>>,
    alive: Arc<AtomicBool>,
    server: watch::Sender<u64>,
}

async fn site(connections_max: usize, life: Duration) -> Site {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let pictures = watch::Sender::new(Arc::new(Picture::unknown()));
    let (alive, server) = (Arc::new(AtomicBool::new(true)), watch::Sender::new(0));
    let (probed, shown, ended) = (Arc::clone(&alive), pictures.subscribe(), server.subscribe());
    let probe: Probe = Arc::new(move || probed.load(Ordering::Relaxed));
    tokio::spawn(serve_within(listener, shown, probe, ended, connections_max, life));
    Site { at, pictures, alive, server }
}

async fn get(at: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: node\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    answer
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap()
}

fn json(answer: &str) -> serde_json::Value {
    serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap()
}

#[tokio::test]
async fn readyz_tells_the_reasons_and_the_degradations() {
    let site = site(4, CONNECTION_LIFE).await;
    let answer = get(site.at, "/readyz").await;
    assert_eq!(status(&answer), "503");
    assert_eq!(json(&answer)["reasons"][0]["room"], "health-server");

    let mut facts = well();
    facts.leases.as_mut().unwrap().waiting_for = Some(exhausted());
    facts.gaps = vec!["no policies".to_owned()];
    site.pictures.send_replace(Arc::new(picture(&facts, "1", Duration::from_secs(77))));
    let answer = get(site.at, "/readyz").await;
    assert_eq!(status(&answer), "200");
    let body = json(&answer);
    assert_eq!(body["ready"], true);
    assert_eq!(body["since_boot_seconds"], 77);
    assert_eq!(body["degraded"][0]["label"], "SubnetExhausted");
    assert_eq!(body["degraded"][0]["text"], exhausted().to_string());
    assert_eq!(body["not_yet"][0], "no policies");
    assert_eq!(body["rooms"][2]["name"], "warm-pool");
}

#[tokio::test]
async fn livez_follows_the_pulse_and_nothing_else() {
    let site = site(4, CONNECTION_LIFE).await;
    assert_eq!(status(&get(site.at, "/livez").await), "200");
    site.alive.store(false, Ordering::Relaxed);
    assert_eq!(status(&get(site.at, "/livez").await), "503");
    assert_eq!(status(&get(site.at, "/other").await), "404");
}

#[tokio::test]
async fn metrics_are_lines_that_prometheus_reads_and_a_cause_that_passed_is_gone() {
    let site = site(4, CONNECTION_LIFE).await;
    let mut facts = well();
    facts.enis.as_mut().unwrap().trouble = Some(Cause::PoolEmpty);
    facts.children.as_mut().unwrap()[0].restarts.push(("a \"quoted\"\ncause", 1));
    site.pictures.send_replace(Arc::new(picture(&facts, "1.2.3", Duration::ZERO)));
    let answer = get(site.at, "/metrics").await;
    assert_eq!(status(&answer), "200");
    assert!(answer.contains("content-type: text/plain; version=0.0.4"));
    for line in [
        "awscni_build_info{version=\"1.2.3\",goversion=\"\"} 1",
        "# TYPE awscni_add_ip_req_count counter",
        "# HELP awscni_add_ip_req_count ADD requests that were answered.",
        "awscni_add_ip_req_count 7",
        "enid_answers_total{verb=\"ADD\",outcome=\"PoolEmpty\"} 2",
        "enid_trouble{room=\"eni-manager\",cause=\"PoolEmpty\"} 1",
    ] {
        assert!(answer.lines().any(|has| has == line), "{line} is not in\n{answer}");
    }
    for line in answer.split("\r\n\r\n").nth(1).unwrap().lines().filter(|line| !line.is_empty()) {
        let number = line.rsplit(' ').next().unwrap();
        assert!(line.starts_with('#') || number.parse::<f64>().is_ok(), "{line}");
    }
    site.pictures.send_replace(Arc::new(picture(&well(), "1.2.3", Duration::ZERO)));
    assert!(!get(site.at, "/metrics").await.contains("enid_trouble"));
}

#[tokio::test]
async fn a_client_that_says_nothing_cannot_keep_a_probe_out_for_long() {
    let site = site(1, Duration::from_millis(300)).await;
    let mut silent = TcpStream::connect(site.at).await.unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(20), get(site.at, "/livez")).await.unwrap();
    assert_eq!(status(&answer), "200");
    let mut rest = Vec::new();
    assert_eq!(silent.read_to_end(&mut rest).await.unwrap(), 0);
}

#[tokio::test]
async fn when_the_incarnation_ends_so_does_its_server() {
    let Site { at, server, pictures, .. } = site(4, CONNECTION_LIFE).await;
    drop(server);
    // The server holds the only other end: it is gone when that is.
    let gone = tokio::time::timeout(Duration::from_secs(5), pictures.closed()).await;
    assert!(gone.is_ok());
    assert!(TcpListener::bind(at).await.is_ok());
}
