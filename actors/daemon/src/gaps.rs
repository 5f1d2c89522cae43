//! What the settings ask for and this version does not do yet, where a node can be served all the same. Told at every start;
//! what would make serving wrong is refused by name instead, by `config`.

use config::Settings;

use crate::policy_agent;

/// The gaps, in words an operator can act on.
pub(crate) fn gaps(settings: &Settings) -> Vec<String> {
    [
        (
            policy_agent::is_asked_for(settings),
            "the network policy agent is not asked yet: no policy is enforced on new pods",
        ),
        (settings.daemon.introspection, "the introspection pages are not served yet"),
    ]
    .into_iter()
    .filter(|(asked, _)| *asked)
    .map(|(_, gap)| gap.to_owned())
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(environment: &[(&str, &str)]) -> Vec<String> {
        let pairs = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        gaps(&Settings::load(None, pairs).unwrap().settings)
    }

    #[test]
    fn the_defaults_have_gaps_and_each_is_told_once() {
        let told = of(&[]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told.iter().any(|gap| gap.contains("introspection")));
    }

    #[test]
    fn what_is_not_asked_for_is_no_gap() {
        let told = of(&[("DISABLE_INTROSPECTION", "true")]);
        assert_eq!(told, Vec::<String>::new());
    }
}
