//! What runs in the pods of a flow, alone in its image. `pause` holds the sandbox and does nothing; `echo` answers every
//! datagram to port 7 on whatever addresses the pod has, and so shows that a container shares its sandbox's network.

use std::net::{Ipv4Addr, UdpSocket};
use std::process::ExitCode;

/// The echo service's.
const PORT: u16 = 7;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("pause") => loop {
            std::thread::park();
        },
        Some("echo") => match echo() {
            Ok(never) => match never {},
            Err(error) => {
                eprintln!("cannot answer on port {PORT}: {error}");
                ExitCode::FAILURE
            }
        },
        other => {
            eprintln!("pause or echo, not {other:?}");
            ExitCode::FAILURE
        }
    }
}

fn echo() -> std::io::Result<std::convert::Infallible> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT))?;
    let mut buffer = [0; 64];
    loop {
        // An error is an ICMP message for an earlier answer: the asker is gone, the next one may not be.
        if let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(buffer.get(..length).unwrap_or_default(), from);
        }
    }
}
