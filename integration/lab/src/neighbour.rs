//! A neighbour on the node: an agent (as Calico is one) that owns the upper half of every mark, writes it on each packet and each
//! connection, reloads its tables now and then, and counts where its bits were lost, or were there before it set them.
//!
//! It judges connections from their first packet on: it has to be there before the traffic it judges.

mod iptables;
mod nftables;

use anyhow::{Context, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

use crate::fabric::counters;
use crate::netns::Netns;
use crate::proxy::Form;

/// The neighbour's tables on one node; they are reloaded until this is dropped.
#[derive(Debug)]
pub struct Neighbour {
    netns: Netns,
    form: Form,
    reloads: Arc<AtomicU32>,
    task: JoinHandle<Result<()>>,
}

/// What it has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// Packets it looked at on their way out.
    pub checked: u64,
    /// Looks at a packet or a connection that did not carry the bits it had been given, or others of the upper half beside them.
    pub lost: u64,
    /// Packets that came with bits of the upper half before the neighbour had set any.
    pub foreign: u64,
    /// How often its tables were loaded anew.
    pub reloads: u32,
}

impl Marks {
    /// What is wrong, in words. That nothing was looked at, or nothing reloaded, is wrong too.
    #[must_use]
    pub fn wrong(self) -> Option<String> {
        let undisturbed = self.lost == 0 && self.foreign == 0;
        let tried = self.checked > 0 && self.reloads > 0;
        (!undisturbed || !tried).then(|| format!("the neighbour's marks: {self:?}"))
    }
}

impl Neighbour {
    /// Loads its tables into a node, in this form, and again each time `pause` is over.
    ///
    /// # Errors
    /// When a tool refuses them.
    pub async fn start(netns: Netns, form: Form, pause: Duration) -> Result<Self> {
        load(&netns, form, true).await?;
        let reloads = Arc::new(AtomicU32::new(0));
        let task = tokio::spawn(reload(netns.clone(), form, pause, reloads.clone()));
        Ok(Self { netns, form, reloads, task })
    }

    /// What it has counted until now.
    ///
    /// # Errors
    /// When its counters cannot be read, or a reload has failed.
    pub async fn marks(&mut self) -> Result<Marks> {
        if self.task.is_finished() {
            (&mut self.task).await.context("the neighbour's task ended")??;
        }
        let packets = if self.form == Form::Nftables {
            let all = counters(&self.netns).await?;
            nftables::COUNTERS.map(|name| all.get(&(nftables::TABLE.to_owned(), name.to_owned())).copied())
        } else {
            let saved = format!("{}-save", self.form.iptables());
            iptables::packets(&self.netns.run(&saved, &["-c", "-t", "mangle"], "").await?)
        };
        let [checked, lost, foreign] =
            packets.map(|found| found.context("a counter of the neighbour is gone"));
        let reloads = self.reloads.load(Ordering::Relaxed);
        Ok(Marks { checked: checked?, lost: lost?, foreign: foreign?, reloads })
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn reload(netns: Netns, form: Form, pause: Duration, reloads: Arc<AtomicU32>) -> Result<()> {
    loop {
        tokio::time::sleep(pause).await;
        load(&netns, form, false).await?;
        reloads.fetch_add(1, Ordering::Relaxed);
    }
}

/// Loads the tables in one transaction; what was counted stays.
async fn load(netns: &Netns, form: Form, first: bool) -> Result<()> {
    if form == Form::Nftables {
        return netns.nft(&nftables::rules()).await;
    }
    let program = form.iptables();
    netns.run(&format!("{program}-restore"), &["-w", "--noflush"], &iptables::rules(first)).await?;
    if first {
        for (chain, to) in iptables::JUMPS {
            netns.run(program, &["-w", "-t", "mangle", "-I", chain, "-j", to], "").await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_that_were_kept_are_right_only_if_some_were_looked_at_and_tables_reloaded() {
        let good = Marks { checked: 9, lost: 0, foreign: 0, reloads: 1 };
        assert_eq!(good.wrong(), None);
        for bad in [
            Marks { checked: 0, ..good },
            Marks { reloads: 0, ..good },
            Marks { lost: 1, ..good },
            Marks { foreign: 1, ..good },
        ] {
            assert!(bad.wrong().is_some_and(|text| text.contains("Marks")), "{bad:?}");
        }
    }
}
