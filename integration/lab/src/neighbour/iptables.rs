//! The neighbour's rules in the mangle table. Counts are kept in chains of their own, which a reload does not touch. Pure.

/// Where its chains are entered from: before everybody else's rules.
pub(super) const JUMPS: [(&str, &str); 3] = [
    ("PREROUTING", "neighbour-PREROUTING"),
    ("OUTPUT", "neighbour-OUTPUT"),
    ("POSTROUTING", "neighbour-POSTROUTING"),
];

/// Each has one rule, whose counter is the count: looked at, lost, foreign.
const COUNTS: [&str; 3] = ["neighbour-checked", "neighbour-lost", "neighbour-foreign"];

/// The tables, for iptables-restore; the chains that count are made the first time.
pub(super) fn rules(first: bool) -> String {
    let mut text = String::from("*mangle\n");
    for (_, chain) in JUMPS {
        text.push_str(&format!(":{chain} - [0:0]\n"));
    }
    if first {
        for chain in COUNTS {
            text.push_str(&format!(":{chain} - [0:0]\n-A {chain} -j RETURN\n"));
        }
    }
    for (chain, bits) in [("PREROUTING", "0x50000"), ("OUTPUT", "0x20000")] {
        let outer = if chain == "PREROUTING" { "! -i lo " } else { "" };
        text.push_str(&format!(
            "-A neighbour-{chain} {outer}-m mark ! --mark 0x0/0xffff0000 -j neighbour-foreign\n\
             -A neighbour-{chain} -m conntrack --ctstate NEW -j CONNMARK --set-xmark 0x100000/0xffff0000\n\
             -A neighbour-{chain} -m conntrack --ctstate RELATED,ESTABLISHED \
             -m connmark ! --mark 0x100000/0xffff0000 -j neighbour-lost\n\
             -A neighbour-{chain} -j MARK --set-xmark {bits}/0xffff0000\n"
        ));
    }
    text.push_str(
        "-A neighbour-POSTROUTING -j neighbour-checked\n\
         -A neighbour-POSTROUTING -m mark --mark 0x50000/0xffff0000 -j RETURN\n\
         -A neighbour-POSTROUTING -m mark --mark 0x20000/0xffff0000 -j RETURN\n\
         -A neighbour-POSTROUTING -j neighbour-lost\nCOMMIT\n",
    );
    text
}

/// Reads the counts out of what `iptables-save -c` prints.
pub(super) fn packets(saved: &str) -> [Option<u64>; 3] {
    COUNTS.map(|chain| {
        let rule = saved.lines().find(|line| line.contains(&format!("-A {chain} -j RETURN")))?;
        rule.strip_prefix('[')?.split(':').next()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_where_they_are_kept_and_a_reload_does_not_reset_them() {
        let saved = "*mangle\n[5:300] -A neighbour-checked -j RETURN\n[1:60] -A neighbour-lost -j RETURN\n";
        assert_eq!(packets(saved), [Some(5), Some(1), None]);
        assert!(rules(true).contains(":neighbour-lost") && !rules(false).contains(":neighbour-lost"));
    }
}
