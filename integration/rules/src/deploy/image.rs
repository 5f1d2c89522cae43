//! The Dockerfile has what the daemon starts and what the manifest and the sources name, and sets what the scenarios run with.

use std::collections::BTreeSet;

use crate::tree::Tree;

const DOCKERFILE: &str = "deploy/Dockerfile";
const DAEMON: &str = "actors/daemon/src/";

/// The container of the scenarios. It finds its programs on this machine, by a PATH of its own.
const BOX: &str = "integration/lab/src/node/box.sh";

/// The daemon's program.
const PROGRAM: &str = "/usr/bin/enid";

/// Where the image has what goes to the node's directory of plugins.
const PLUGINS: &str = "/usr/lib/enid/cni";

/// The command by which the driver writes its table, found in the image's PATH.
const NFT: (&str, &str) = ("actors/drivers/linux/src/nft.rs", "\"nft\"");

pub(super) fn broken(tree: &Tree) -> Vec<String> {
    let Some(text) = tree.text(DOCKERFILE) else {
        return vec![format!("{DOCKERFILE}: does not exist")];
    };
    let last = text.rsplit("\nFROM ").next().unwrap_or_default();
    let mut found = Vec::new();
    let mut must = |holds: bool, complaint: String| {
        if !holds {
            found.push(format!("{DOCKERFILE}: {complaint}"));
        }
    };
    must(last.starts_with("scratch\n"), "its last stage is not from scratch".to_owned());
    must(
        last.contains(&format!("ENTRYPOINT [\"{PROGRAM}\"]")),
        format!("does not start {PROGRAM}, whose words the manifest's args are"),
    );
    must(
        text.contains(&format!("COPY enid-cni {PLUGINS}/enid-cni\n")),
        format!("does not put the plugin into {PLUGINS}"),
    );
    let named =
        tree.texts().any(|(path, text)| path.starts_with(DAEMON) && text.contains(&format!("\"{PLUGINS}\"")));
    must(named, format!("puts plugins into {PLUGINS}, where nothing in {DAEMON} looks for them"));
    let starts_nft = tree.text(NFT.0).is_some_and(|driver| driver.contains(NFT.1));
    must(
        starts_nft == last.contains("RUN [\"/usr/sbin/nft\", \"--version\"]"),
        format!("nft must be in the image and seen to start there as long as {} starts it", NFT.0),
    );
    must(last.contains("\nENV PATH=/usr/sbin:/usr/bin\n"), "sets no PATH by which nft is found".to_owned());
    let set: BTreeSet<&str> = after(last, "ENV ").filter(|set| !set.starts_with("PATH=")).collect();
    let proven: BTreeSet<&str> = after(tree.text(BOX).unwrap_or_default(), "export ").collect();
    must(set == proven, format!("sets {set:?}, and {BOX} sets {proven:?}"));
    found
}

/// What follows `word` on each line that begins with it.
fn after<'a>(text: &'a str, word: &str) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| line.strip_prefix(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "FROM x AS parts\nCOPY enid-cni /usr/lib/enid/cni/enid-cni\nFROM scratch\nENV PATH=/usr/sbin:/usr/bin\n\
        ENV MALLOC_ARENA_MAX=1\nRUN [\"/usr/sbin/nft\", \"--version\"]\nENTRYPOINT [\"/usr/bin/enid\"]\n";

    fn found(dockerfile: &str) -> Vec<String> {
        broken(&Tree::of(&[
            (DOCKERFILE, dockerfile),
            ("actors/daemon/src/command_line.rs", "default_value = \"/usr/lib/enid/cni\""),
            (NFT.0, "PathBuf::from(\"nft\")"),
            (BOX, "set -eu\nexport MALLOC_ARENA_MAX=1\nexec x\n"),
        ]))
    }

    #[test]
    fn an_image_with_all_that_is_named_is_good_and_each_missing_line_is_caught() {
        assert_eq!(found(GOOD), [""; 0]);
        for line in GOOD.lines().skip(1) {
            let without = GOOD.replace(&format!("{line}\n"), "");
            assert_eq!(found(&without).len(), 1, "{line}: {:?}", found(&without));
        }
        let otherwise = GOOD.replace("ARENA_MAX=1", "ARENA_MAX=2");
        assert_eq!(found(&otherwise).len(), 1, "{:?}", found(&otherwise));
    }
}
