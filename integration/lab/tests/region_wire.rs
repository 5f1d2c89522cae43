//! The region on the wire, seen by a second client: botocore, which knows EC2's model and nothing of ours, drives every action
//! and every refusal the region has. Needs neither root nor namespaces.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests, which the lint sees only in functions that are marked so"
)]

use lab::server::serve_ec2;
use lab::{FabricHandle, RegionHandle, command, workspace_root};
use region::{
    BucketSpec, CredentialKnobs, CredentialRefusal, InstanceSpec, Knobs, PageKnobs, PageRefusal, Region,
    RegionSpec, ThrottleCode, action_names,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Debian's own, so that the package is found whatever else is installed.
const PYTHON: &str = "/usr/bin/python3";

/// One region behind a port of its own.
struct Served {
    url: String,
    region: RegionHandle,
    task: JoinHandle<()>,
}

impl Served {
    async fn empty(knobs: Knobs) -> Self {
        let mut region = Region::new(RegionSpec::default());
        region.set_knobs(knobs).unwrap();
        Self::of(region).await
    }

    /// With an instance on its way down. Also the credentials of its role: `KEY,TOKEN`.
    async fn stopping(knobs: Knobs) -> (Self, String) {
        let mut region = Region::new(RegionSpec::default());
        region.set_knobs(knobs).unwrap();
        let vpc = region.add_vpc(&["10.0.0.0/16".parse().unwrap()]).unwrap();
        let subnet = region.add_subnet(&vpc, "10.0.1.0/24".parse().unwrap(), "a").unwrap();
        let launched = region.launch_instance(InstanceSpec::new("m5.large", &subnet), Duration::ZERO);
        let node = launched.unwrap().instance;
        region.stop_instance(&node, Duration::ZERO).unwrap();
        let path = "/latest/meta-data/iam/security-credentials/node";
        let shown = region.imds(&node, path, Duration::ZERO).body;
        let set: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let word = |name: &str| set.get(name).unwrap().as_str().unwrap().to_owned();
        (Self::of(region).await, format!("{},{}", word("AccessKeyId"), word("Token")))
    }

    async fn of(region: Region) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (region, _) = RegionHandle::start(region, FabricHandle::nowhere());
        let task = serve_ec2(listener, region.clone());
        Self { url, region, task }
    }

    /// Every action with every outcome it had, after a look at what must hold.
    async fn told(self) -> BTreeSet<(String, String)> {
        self.task.abort();
        let asked = self.region.ask(|desk| {
            let journal = desk.region.journal();
            (journal.counts().keys().cloned().collect(), desk.region.audit(), desk.violations.clone())
        });
        let (told, audit, violations) = asked.await.unwrap();
        assert_eq!((audit, violations), (Vec::new(), Vec::new()));
        told
    }
}

fn denied() -> Knobs {
    Knobs { denied_actions: BTreeSet::from(["CreateTags".to_owned()]), ..Knobs::default() }
}

fn throttled() -> Knobs {
    let bucket = |action: &str, code| (action.to_owned(), BucketSpec { code, ..BucketSpec::new(1, 0) });
    let buckets = [
        bucket("DescribeVpcs", ThrottleCode::RequestLimitExceeded),
        bucket("DescribeSubnets", ThrottleCode::Throttling),
        bucket("DescribeTags", ThrottleCode::Ec2ThrottledException),
    ];
    Knobs { buckets: BTreeMap::from(buckets), ..Knobs::default() }
}

fn small_account() -> Knobs {
    let pages = PageKnobs { refusal: PageRefusal::InvalidNextToken, ..PageKnobs::default() };
    Knobs { account_enis_max: 0, pages, ..Knobs::default() }
}

/// Whose clock is months away from the client's, and which says so in this way.
fn skewed(refusal: CredentialRefusal) -> Knobs {
    let credentials = CredentialKnobs { skewed: refusal, ..CredentialKnobs::default() };
    // 2001-09-09.
    Knobs { credentials, epoch_unix_seconds: 1_000_000_000, ..Knobs::default() }
}

#[tokio::test]
async fn botocore_drives_every_action_and_every_refusal() {
    if command::run(PYTHON, &["-c", "import botocore"]).await.is_err() {
        println!("SKIPPED the region on the wire: no botocore for {PYTHON}");
        return;
    }
    let client = workspace_root().unwrap().join("integration/lab/tests/region_wire.py");
    let mut served = Vec::new();
    for knobs in [Knobs::default(), denied(), throttled(), small_account()] {
        served.push(Served::empty(knobs).await);
    }
    let mut arguments: Vec<String> = served.iter().map(|served| served.url.clone()).collect();
    for (code, refusal) in [
        ("RequestExpired", CredentialRefusal::RequestExpired),
        ("ExpiredToken", CredentialRefusal::ExpiredToken),
        ("AuthFailure", CredentialRefusal::AuthFailure),
        ("SignatureDoesNotMatch", CredentialRefusal::SignatureDoesNotMatch),
        ("RequestTimeTooSkewed", CredentialRefusal::RequestTimeTooSkewed),
    ] {
        let (region, credentials) = Served::stopping(skewed(refusal)).await;
        arguments.push(format!("{code},{credentials},{}", region.url));
        served.push(region);
    }
    // Without `-B` Python would leave what it compiled among the sources.
    let client = ["-B", client.to_str().unwrap()].into_iter();
    let arguments: Vec<&str> = client.chain(arguments.iter().map(String::as_str)).collect();
    if let Err(error) = command::run(PYTHON, &arguments).await {
        panic!("{error:#}");
    }
    let mut told = BTreeSet::new();
    for served in served {
        told.extend(served.told().await);
    }
    let done: BTreeSet<&str> =
        told.iter().filter(|(_, outcome)| outcome == "OK").map(|(action, _)| action.as_str()).collect();
    let missing: Vec<&str> = action_names().filter(|name| !done.contains(name)).collect();
    assert!(missing.is_empty(), "never done: {missing:?}");
    let codes: BTreeSet<&str> = told.iter().map(|(_, outcome)| outcome.as_str()).collect();
    let sources = workspace_root().unwrap().join("integration/region/src");
    let missing: Vec<String> =
        written_codes(&sources).into_iter().filter(|code| !codes.contains(code.as_str())).collect();
    assert!(missing.is_empty(), "never given: {missing:?}");
}

/// Every error code in the region's sources: what an error is made of, and whatever looks like `InvalidThing.Reason`.
fn written_codes(directory: &Path) -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("tests") {
            codes.extend(written_codes(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let code = code.collect::<Vec<_>>().join("\n");
            let pieces: Vec<&str> = code.split('"').collect();
            for (before, literal) in pieces.iter().zip(pieces.iter().skip(1)) {
                let before = before.trim_end();
                let said =
                    ["Self::new(", "ApiError::new(", "throttled("].iter().any(|said| before.ends_with(said));
                let dotted = literal.starts_with("Invalid") && literal.contains('.');
                if looks_like_one(literal) && (said || dotted) {
                    codes.insert((*literal).to_owned());
                }
            }
        }
    }
    codes
}

fn looks_like_one(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.len() > 3
        && text.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '.')
}

#[test]
fn codes_are_found_in_the_sources() {
    let codes = written_codes(&workspace_root().unwrap().join("integration/region/src"));
    for known in [
        "InvalidSubnetID.NotFound",
        "InvalidVpc.Range",
        "AttachmentLimitExceeded",
        "NoSuchVersion",
        "EC2ThrottledException",
    ] {
        assert!(codes.contains(known), "{known} not in {codes:?}");
    }
    assert!(codes.len() > 40, "{}", codes.len());
}
