//! ADD: one conversation with the daemon, which is the ADD's life line. add → waiting* → plan → wired → result. When the
//! daemon goes away in the middle, the shim connects again and repeats the request under the same arrival stamp.

use protocol::{AddRequest, AddResult, Attachment, FromDaemon, FromShim, Wired, WiringFailed, WiringPlan};
use protocol::{from_daemon, from_shim};
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::client::{self, ConnectError, Unanswered};
use crate::env::AddCall;
use crate::error::ShimError;
use crate::names;
use crate::netconf::{AddConf, DEADLINE_SECONDS_MAX};
use crate::netns::Namespaces;
use crate::plan::{self, CheckedPlan};
use crate::result::{self, Granted, Names};
use crate::wiring::Site;

/// A daemon that has said nothing for so long, over all connections, is absent: the 90 s an ADD may stand in line by
/// default, and a margin.
pub const ABSENT_SECONDS: u64 = 100;
/// After a failed wiring the daemon only has to put it into words.
const FAILURE_ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause before the second connection, doubled for each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// A daemon is back in less than a second; asking more often helps nobody.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// Frames under way to the daemon: the request and one answer.
const OUTGOING_FRAMES_MAX: usize = 4;

/// How one conversation ended.
enum End {
    /// For good.
    Over(Result<Granted, ShimError>),
    /// The line broke, or never came about; another may do better.
    Broken(io::Error),
}

/// One ADD, over all its conversations.
struct Add<'a> {
    call: &'a AddCall,
    conf: &'a AddConf,
    site: Site,
    arrived_boottime_nanoseconds: u64,
    began: Instant,
    absent_at: Instant,
    over_at: Instant,
}

/// The state of one conversation.
struct Conversation {
    to_daemon: mpsc::Sender<FromShim>,
    from_daemon: Streaming<FromDaemon>,
    heard: bool,
    last_word: String,
    wired: Option<CheckedPlan>,
}

/// Serves an ADD: the result document.
///
/// # Errors
/// Every [`ShimError`] but the spool's.
pub async fn run(
    call: &AddCall,
    conf: &AddConf,
    arrived_boottime_nanoseconds: u64,
) -> Result<String, ShimError> {
    let host_veth = names::host_veth(&conf.veth_prefix, &call.pod.namespace, &call.pod.name);
    let site = Namespaces::open(&call.netns)
        .and_then(|namespaces| Site::open(namespaces, &call.ifname, &host_veth))
        .map_err(|error| error.into_shim(&call.netns))?;
    let began = Instant::now();
    let after = |seconds: u64| {
        let seconds = conf.deadline_seconds.map_or(seconds, |bound| bound.min(seconds));
        began + Duration::from_secs(seconds)
    };
    let mut add = Add {
        call,
        conf,
        site,
        arrived_boottime_nanoseconds,
        began,
        absent_at: after(ABSENT_SECONDS),
        over_at: after(DEADLINE_SECONDS_MAX),
    };
    let granted = add.converse_until_over().await?;
    add.forget_spooled();
    add.document(granted)
}

// === impl Add ===

impl Add<'_> {
    async fn converse_until_over(&mut self) -> Result<Granted, ShimError> {
        let mut pause = FIRST_PAUSE;
        loop {
            let last = match self.converse().await {
                End::Over(result) => return result,
                End::Broken(last) => last,
            };
            if Instant::now() + pause >= self.absent_at {
                return Err(self.absent(last));
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    async fn converse(&mut self) -> End {
        let mut conversation = match self.open().await {
            Ok(conversation) => conversation,
            Err(end) => return end,
        };
        loop {
            let frame = match self.next(&mut conversation).await {
                Ok(frame) => frame,
                Err(end) => return end,
            };
            match self.take(&mut conversation, frame).await {
                Ok(None) => {}
                Ok(Some(granted)) => return End::Over(Ok(granted)),
                Err(end) => return end,
            }
        }
    }

    async fn open(&self) -> Result<Conversation, End> {
        let mut client = match client::connect(&self.conf.common.state_directory).await {
            Ok(client) => client,
            Err(ConnectError::Absent(error) | ConnectError::Busy(error)) => return Err(End::Broken(error)),
            Err(untrusted) => return Err(over(untrusted.into_shim(self.socket(), 0))),
        };
        let (to_daemon, outgoing) = mpsc::channel(OUTGOING_FRAMES_MAX);
        send(&to_daemon, from_shim::Frame::Add(self.request())).await?;
        let opened = timeout_at(self.absent_at, client.add(ReceiverStream::new(outgoing))).await;
        let from_daemon = match opened {
            Ok(Ok(response)) => response.into_inner(),
            Ok(Err(status)) => return Err(ended(&status)),
            Err(_) => return Err(End::Over(Err(self.absent(silent())))),
        };
        Ok(Conversation {
            to_daemon,
            from_daemon,
            heard: false,
            last_word: "nothing".to_owned(),
            wired: None,
        })
    }

    async fn next(&mut self, conversation: &mut Conversation) -> Result<from_daemon::Frame, End> {
        let until = if conversation.heard { self.over_at } else { self.absent_at };
        match timeout_at(until, conversation.from_daemon.message()).await {
            Ok(Ok(Some(FromDaemon { frame: Some(frame) }))) => {
                conversation.heard = true;
                self.absent_at = self.over_at.min(Instant::now() + Duration::from_secs(ABSENT_SECONDS));
                Ok(frame)
            }
            Ok(Ok(Some(FromDaemon { frame: None }))) => {
                Err(broken_protocol("a frame that this shim does not know"))
            }
            Ok(Ok(None)) => Err(End::Broken(io::Error::other("the daemon closed the stream"))),
            Ok(Err(status)) => Err(ended(&status)),
            Err(_) if conversation.heard => Err(over(ShimError::TooLong {
                waited_seconds: self.began.elapsed().as_secs(),
                last_word: conversation.last_word.clone(),
            })),
            Err(_) => Err(End::Over(Err(self.absent(silent())))),
        }
    }

    async fn take(
        &mut self,
        conversation: &mut Conversation,
        frame: from_daemon::Frame,
    ) -> Result<Option<Granted>, End> {
        match frame {
            from_daemon::Frame::Waiting(waiting) => {
                conversation.last_word = format!("{}: {}", waiting.cause, waiting.text);
                Ok(None)
            }
            from_daemon::Frame::Plan(_) if conversation.wired.is_some() => {
                Err(broken_protocol("a second plan"))
            }
            from_daemon::Frame::Plan(plan) => self.wire(conversation, &plan).await.map(|()| None),
            from_daemon::Frame::Result(result) => granted(conversation.wired.as_ref(), &result).map(Some),
            from_daemon::Frame::Failure(failure) => Err(over(said_no(failure))),
        }
    }

    /// Carries the plan out and tells the daemon what came of it.
    async fn wire(&mut self, conversation: &mut Conversation, plan: &WiringPlan) -> Result<(), End> {
        conversation.last_word = "a wiring plan".to_owned();
        match self.carry_out(plan) {
            Ok((checked, wired)) => {
                send(&conversation.to_daemon, from_shim::Frame::Wired(wired)).await?;
                conversation.wired = Some(checked);
                Ok(())
            }
            Err(error) => Err(self.report(conversation, error).await),
        }
    }

    fn carry_out(&mut self, plan: &WiringPlan) -> Result<(CheckedPlan, Wired), ShimError> {
        let checked = plan::check(plan).map_err(ShimError::Plan)?;
        let host = self.site.carry_out(&checked).map_err(ShimError::Wiring)?;
        let wired = Wired { host_ifindex: host.index, host_mac: host.mac.to_vec() };
        Ok((checked, wired))
    }

    /// The daemon puts the failure into its own words; if it does not, ours will do.
    async fn report(&self, conversation: &mut Conversation, error: ShimError) -> End {
        let failed = WiringFailed {
            step: match &error {
                ShimError::Wiring(wiring) => wiring.step().to_owned(),
                _ => "plan".to_owned(),
            },
            detail: error.details(),
        };
        if send(&conversation.to_daemon, from_shim::Frame::Failed(failed)).await.is_err() {
            return over(error);
        }
        let answer = timeout(FAILURE_ANSWER_TIMEOUT, async {
            while let Ok(Some(FromDaemon { frame: Some(frame) })) = conversation.from_daemon.message().await {
                if let from_daemon::Frame::Failure(failure) = frame {
                    return Some(failure);
                }
            }
            None
        });
        match answer.await {
            Ok(Some(failure)) => over(said_no(failure)),
            _ => over(error),
        }
    }

    fn request(&self) -> AddRequest {
        AddRequest {
            protocol: protocol::PROTOCOL,
            attachment: Some(Attachment {
                network: self.conf.common.name.clone(),
                container_id: self.call.container_id.clone(),
                ifname: self.call.ifname.clone(),
                pod_namespace: self.call.pod.namespace.clone(),
                pod_name: self.call.pod.name.clone(),
                pod_uid: self.call.pod.uid.clone(),
            }),
            arrived_boottime_nanoseconds: self.arrived_boottime_nanoseconds,
            veth_prefix: self.conf.veth_prefix.clone(),
            mtu_bytes: self.conf.mtu_bytes,
            host_veth: self.site.host_veth().to_owned(),
        }
    }

    /// A DEL of this very attachment that still waits in the spool is of an earlier life, and must not end this one.
    fn forget_spooled(&self) {
        let common = &self.conf.common;
        let id = &self.call.container_id;
        if let Err(error) =
            protocol::spool::remove(&common.spool_directory, &common.name, id, &self.call.ifname)
        {
            eprintln!("enid-cni: ADD {id}: {error}");
        }
    }

    fn document(&self, granted: Granted) -> Result<String, ShimError> {
        let names = Names {
            host_veth: self.site.host_veth(),
            ifname: &self.call.ifname,
            sandbox: &self.call.netns,
            namespace: &self.call.pod.namespace,
            pod: &self.call.pod.name,
        };
        result::encode(self.conf.common.version, names, granted)
            .map_err(|error| ShimError::System { step: "encode the result", source: error.into() })
    }

    fn absent(&self, last: io::Error) -> ShimError {
        ShimError::DaemonAbsent { path: self.socket(), waited_seconds: self.began.elapsed().as_secs(), last }
    }

    fn socket(&self) -> std::path::PathBuf {
        client::socket_path(&self.conf.common.state_directory)
    }
}

/// The result must speak of what was wired, and not before it is.
fn granted(wired: Option<&CheckedPlan>, result: &AddResult) -> Result<Granted, End> {
    let Some(plan) = wired else {
        return Err(broken_protocol("a result before the pod was wired"));
    };
    if result.address != plan.address.octets() {
        return Err(broken_protocol("a result for another address than the one wired"));
    }
    Ok(Granted {
        address: Ipv4Addr::from(plan.address.octets()),
        table: result.table,
        device: result.device,
        mtu_bytes: plan.mtu_bytes,
    })
}

async fn send(to_daemon: &mpsc::Sender<FromShim>, frame: from_shim::Frame) -> Result<(), End> {
    let frame = FromShim { frame: Some(frame) };
    to_daemon.send(frame).await.map_err(|_| End::Broken(io::Error::other("the daemon closed the stream")))
}

fn ended(status: &Status) -> End {
    match Unanswered::from(status) {
        Unanswered::Refused(words) => broken_protocol(&words),
        Unanswered::Broken(error) => End::Broken(error),
    }
}

/// What the daemon's failure means for the runtime.
pub(crate) fn said_no(failure: protocol::Failure) -> ShimError {
    ShimError::Daemon { code: failure.code, cause: failure.cause, text: failure.text }
}

fn broken_protocol(what: &str) -> End {
    over(ShimError::Protocol(what.to_owned()))
}

fn over(error: ShimError) -> End {
    End::Over(Err(error))
}

fn silent() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "connected, and no word came")
}
