//! The neighbour's rules in a table of its own. Its base chains come just before the mangle priority and after everybody else's; its
//! counters are objects of their own, which a reload does not touch. Pure.

/// Its table.
pub(super) const TABLE: &str = "neighbour";

/// Looked at, lost, foreign.
pub(super) const COUNTERS: [&str; 3] = ["checked", "lost", "foreign"];

/// The table, for `nft -f`: made if it is not there, and its rules anew.
pub(super) fn rules() -> String {
    let mut text = format!("table ip {TABLE} {{\n");
    for name in COUNTERS {
        text.push_str(&format!("  counter {name} {{ }}\n"));
    }
    for (chain, priority) in [("prerouting", -155), ("output", -155), ("postrouting", 300)] {
        text.push_str(&format!(
            "  chain {chain} {{ type filter hook {chain} priority {priority}; policy accept; }}\n"
        ));
    }
    text.push_str("}\n");
    for (chain, bits) in [("prerouting", "0x50000"), ("output", "0x20000")] {
        let outer = if chain == "prerouting" { "iifname != \"lo\" " } else { "" };
        text.push_str(&format!(
            "flush chain ip {TABLE} {chain}
add rule ip {TABLE} {chain} {outer}mark and 0xffff0000 != 0 counter name foreign
add rule ip {TABLE} {chain} ct state new ct mark set ct mark and 0xffff or 0x100000
add rule ip {TABLE} {chain} ct state related,established ct mark and 0xffff0000 != 0x100000 counter name lost
add rule ip {TABLE} {chain} mark set mark and 0xffff or {bits}
"
        ));
    }
    text.push_str(&format!(
        "flush chain ip {TABLE} postrouting
add rule ip {TABLE} postrouting counter name checked
add rule ip {TABLE} postrouting mark and 0xffff0000 != {{ 0x20000, 0x50000 }} counter name lost
"
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rule_touches_the_lower_half_of_a_mark() {
        for rule in rules().lines().filter(|line| line.contains("mark set")) {
            assert!(rule.contains("and 0xffff or"), "{rule}");
        }
    }
}
