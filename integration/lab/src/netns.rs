//! Network namespaces by name, and work done inside one: sockets keep the namespace of the thread that opened them, so they
//! are opened on a thread that enters it and ends.

use anyhow::{Context, Result, anyhow};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::command;

/// A named network namespace. Its run removes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Netns {
    name: String,
}

impl Netns {
    /// Makes a namespace with its loopback link up.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn create(name: String) -> Result<Self> {
        command::run("ip", &["netns", "add", &name]).await?;
        command::run("ip", &["-n", &name, "link", "set", "lo", "up"]).await?;
        Ok(Self { name })
    }

    /// Gives a name to the namespace of a process. The namespace lives for as long as it has one: [`Netns::remove`] takes it away.
    ///
    /// # Errors
    /// When the process is gone, or the name is taken.
    pub async fn attach(name: String, pid: u32) -> Result<Self> {
        command::run("ip", &["netns", "attach", &name, &pid.to_string()]).await?;
        Ok(Self { name })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its path as a runtime writes it into `CNI_NETNS`.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        Path::new("/var/run/netns").join(&self.name)
    }

    /// Removes it; what was inside goes with it.
    ///
    /// # Errors
    /// When it is not there any more.
    pub async fn remove(&self) -> Result<()> {
        command::run("ip", &["netns", "del", &self.name]).await.map(|_| ())
    }

    /// Does `work` on a thread of its own that has entered the namespace.
    ///
    /// # Errors
    /// When the namespace cannot be entered, or what the work says.
    pub fn within<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let path = self.path();
        let inside = move || -> Result<T> {
            let file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                .with_context(|| format!("cannot enter {}", path.display()))?;
            Ok(work()?)
        };
        std::thread::spawn(inside)
            .join()
            .map_err(|_| anyhow!("the thread inside {} panicked", self.name))?
            .with_context(|| format!("in namespace {}", self.name))
    }

    /// A listening socket inside.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn listen(&self, address: SocketAddr) -> Result<tokio::net::TcpListener> {
        let socket = self.within(move || {
            let socket = TcpListener::bind(address)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        })?;
        Ok(tokio::net::TcpListener::from_std(socket)?)
    }

    /// A connection from inside.
    ///
    /// # Errors
    /// When nobody listens there, or nobody answers within the limit.
    pub fn connect(&self, address: SocketAddr, limit: Duration) -> Result<tokio::net::TcpStream> {
        let socket = self.within(move || {
            let socket = TcpStream::connect_timeout(&address, limit)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        })?;
        Ok(tokio::net::TcpStream::from_std(socket)?)
    }

    /// A UDP socket inside, bound to this address and port (0: any port).
    ///
    /// # Errors
    /// When the address is not there.
    pub fn udp(&self, address: Ipv4Addr, port: u16) -> Result<tokio::net::UdpSocket> {
        let socket = self.within(move || {
            let socket = UdpSocket::bind((address, port))?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        })?;
        Ok(tokio::net::UdpSocket::from_std(socket)?)
    }

    /// Writes settings under `/proc/sys/net`: pairs of path and value.
    ///
    /// # Errors
    /// When one cannot be written; the error names it.
    pub fn sysctl(&self, settings: &[(&str, &str)]) -> Result<()> {
        let settings: Vec<(String, String)> = settings
            .iter()
            .map(|(key, value)| (format!("/proc/sys/net/{key}"), (*value).to_owned()))
            .collect();
        self.within(move || {
            for (path, value) in &settings {
                std::fs::write(path, value)
                    .map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))?;
            }
            Ok(())
        })
    }

    /// Runs `ip -n NAME …` and returns what it prints.
    ///
    /// # Errors
    /// When the command fails.
    pub async fn ip(&self, arguments: &[&str]) -> Result<String> {
        let mut all = vec!["-n", self.name.as_str()];
        all.extend(arguments);
        command::run("ip", &all).await
    }

    /// Runs several `ip` commands at once, one per line; stops at the first that fails.
    ///
    /// # Errors
    /// When one fails.
    pub async fn ip_batch(&self, lines: &str) -> Result<()> {
        command::run_with_input("ip", &["-n", &self.name, "-batch", "-"], lines).await.map(|_| ())
    }

    /// Runs one of the machine's tools inside, with this text as its stdin, and returns what it prints.
    ///
    /// # Errors
    /// When the command fails.
    pub async fn run(&self, program: &str, arguments: &[&str], input: &str) -> Result<String> {
        let net = format!("--net={}", self.path().display());
        let mut all = vec![net.as_str(), program];
        all.extend(arguments);
        command::run_with_input("nsenter", &all, input).await
    }

    /// Runs `nft` inside, with this text as its file.
    ///
    /// # Errors
    /// When the command fails; nothing of the text is in force then.
    pub async fn nft(&self, text: &str) -> Result<()> {
        self.run("nft", &["-f", "-"], text).await.map(|_| ())
    }

    /// What `nft -j list …` prints inside. (From a file it would print nothing.)
    ///
    /// # Errors
    /// When the command fails.
    pub async fn nft_list(&self, what: &str) -> Result<String> {
        self.run("nft", &["-j", "list", what], "").await
    }
}
