//! The picture as lines: nodes, ENIs with their addresses, calls, packets, chapters. Pure; `screen` writes it.

use super::line::{Ink, Line};
use super::picture::{Chapter, Picture, State};
use crate::vantage::{DaemonSight, EniSight, NodeSight, Slot};

/// Columns and rows of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

/// Each kind of address: its mark, its ink, and its name beside a number.
const SLOTS: [(Slot, char, Ink, &str); 4] = [
    (Slot::Pod, '●', Ink::Good, "pods"),
    (Slot::Moving, '◐', Ink::Warn, "on their way"),
    (Slot::Cooling, '◌', Ink::Cold, "cooling"),
    (Slot::Free, '○', Ink::Dim, "free"),
];

/// A terminal that is too low for everything still shows what happens now.
const CHAPTER_ROWS_MIN: usize = 2;

/// The whole picture, no wider and no higher than this.
pub(crate) fn frame(picture: &Picture, size: Size) -> Vec<Line> {
    let time = format!("{:.1} s", picture.elapsed.as_secs_f64());
    let mut lines = vec![Line::of(Ink::Strong, &picture.summary).ending_at(size.columns, Ink::Dim, time)];
    lines.push(Line::default());
    for node in &picture.sight.nodes {
        lines.extend(of_node(picture, node));
    }
    lines.push(Line::default());
    lines.extend(of_calls(picture, size.columns));
    lines.extend(of_packets(picture));
    lines.push(Line::default());
    lines.truncate(size.rows.saturating_sub(CHAPTER_ROWS_MIN));
    let room = size.rows.saturating_sub(lines.len());
    lines.extend(of_chapters(&picture.chapters, size.columns, room));
    lines.truncate(size.rows);
    lines.into_iter().map(|line| line.clipped(size.columns)).collect()
}

/// A node: what its daemon says, and a line for each ENI.
pub(crate) fn of_node(picture: &Picture, node: &NodeSight) -> Vec<Line> {
    let (ink, word) = match &node.daemon {
        None if node.lives == 0 => (Ink::Dim, "no daemon"),
        None => (Ink::Bad, "no daemon"),
        Some(DaemonSight { ready: true, .. }) => (Ink::Good, "ready"),
        Some(_) => (Ink::Warn, "not ready"),
    };
    let waiting = node.daemon.as_ref().map_or(0, |daemon| daemon.waiting);
    let (actors, daemons) = picture.restarts(node);
    let mut head = Line::of(Ink::Strong, &node.name)
        .at(8, Ink::Plain, node.address.to_string())
        .at(20, ink, word)
        .at(30, Ink::Plain, format!("{} pods", node.count(Slot::Pod)))
        .at(39, if waiting > 0 { Ink::Warn } else { Ink::Dim }, format!("{waiting} waiting"));
    if actors > 0 || daemons > 0 {
        head = head.at(51, Ink::Warn, format!("restarts: actors {actors}, daemon {daemons}"));
    }
    let mut lines = vec![head];
    lines.extend(node.enis.iter().map(of_eni));
    let trouble = node.daemon.as_ref().and_then(|daemon| daemon.trouble.as_ref());
    lines.extend(trouble.map(|trouble| Line::of(Ink::Warn, format!("  says: {trouble}"))));
    lines
}

fn of_eni(eni: &EniSight) -> Line {
    let mut line = Line::of(Ink::Plain, format!("  eth{}", eni.device))
        .at(8, Ink::Dim, &eni.id)
        .at(31, Ink::Plain, eni.primary.to_string())
        .with(Ink::Plain, " ".repeat(14_usize.saturating_sub(eni.primary.to_string().len())));
    if let Some(way) = eni.on_its_way {
        return line.with(Ink::Warn, way);
    }
    if eni.slots.is_empty() {
        return line.with(Ink::Dim, "no address for pods yet");
    }
    let marked = |slot: &Slot| SLOTS.into_iter().find(|(of, ..)| of == slot);
    for (_, mark, ink, _) in eni.slots.iter().filter_map(marked) {
        line = line.with(ink, mark);
    }
    for (slot, _, ink, name) in SLOTS {
        let count = eni.slots.iter().filter(|found| **found == slot).count();
        if count > 0 {
            line = line.at(0, ink, format!(" {count} {name}"));
        }
    }
    line
}

/// Calls that change something by name; those that only read together.
fn of_calls(picture: &Picture, columns: usize) -> Vec<Line> {
    let reads = |action: &str| action.starts_with("Describe");
    let mut words: Vec<String> = Vec::new();
    let (read, changed): (Vec<_>, Vec<_>) = picture.sight.calls.iter().partition(|(action, _)| reads(action));
    words.extend(changed.into_iter().map(|(action, count)| format!("{action} {count}")));
    let read: u64 = read.into_iter().map(|(_, count)| count).sum();
    words.push(format!("Describe… {read}"));
    let mut lines = vec![Line::of(Ink::Strong, "EC2")];
    for word in words {
        let last = lines.pop().unwrap_or_default();
        if last.width() > 8 && last.width() + 2 + word.chars().count() > columns {
            lines.push(last);
            lines.push(Line::default().at(8, Ink::Plain, word));
        } else {
            let column = if last.width() > 8 { last.width() + 2 } else { 8 };
            lines.push(last.at(column, Ink::Plain, word));
        }
    }
    lines
}

/// What traffic there was. The datagrams of this very moment are on their way.
fn of_packets(picture: &Picture) -> Option<Line> {
    let traffic = picture.sight.traffic;
    (traffic.sent > 0).then(|| {
        Line::of(Ink::Strong, "packets").at(
            8,
            Ink::Plain,
            format!("{} sent, {} answered", traffic.sent, traffic.answered),
        )
    })
}

/// As many chapters as there is room for, the open one always; and what came of the latest, as room allows.
fn of_chapters(chapters: &[Chapter], columns: usize, rows: usize) -> Vec<Line> {
    let open = chapters.iter().rposition(|chapter| chapter.state != State::Ahead).unwrap_or_default();
    let first = chapters.len().saturating_sub(rows.saturating_sub(1)).min(open);
    let shown = chapters.get(first..).unwrap_or_default();
    let mut details = rows.saturating_sub(shown.len());
    let mut lines: Vec<Line> = Vec::new();
    // From below, so that the latest are told first.
    for chapter in shown.iter().rev() {
        if chapter.state != State::Ahead && details > 0 && !chapter.outcome.is_empty() {
            details -= 1;
            lines.push(Line::of(Ink::Dim, format!("    {}", chapter.outcome)));
        }
        lines.push(title(chapter, columns));
    }
    lines.reverse();
    lines
}

fn title(chapter: &Chapter, columns: usize) -> Line {
    let (mark, ink) = match chapter.state {
        State::Ahead => (" ", Ink::Dim),
        State::Now => ("▸", Ink::Strong),
        State::Held => ("✓", Ink::Good),
        State::Failed => ("✗", Ink::Bad),
    };
    let text = if chapter.state == State::Ahead { Ink::Dim } else { Ink::Plain };
    let line = Line::of(ink, format!("{mark} ")).with(text, &chapter.title);
    if chapter.milliseconds == 0 {
        return line;
    }
    line.ending_at(columns, Ink::Dim, seconds(chapter.milliseconds))
}

/// `2.4 s`
pub(crate) fn seconds(milliseconds: u64) -> String {
    format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
}

#[cfg(test)]
mod tests;
