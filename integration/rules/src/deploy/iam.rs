//! The policy allows what the EC2 driver calls, and nothing else.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::rust_text::is_word;
use crate::test_code::TestCode;
use crate::tree::Tree;

const POLICY: &str = "deploy/iam-policy.json";
const DRIVER: &str = "actors/drivers/ec2/src/";
const SERVICE: &str = "ec2:";

/// How EC2 begins the names of its actions; tags are apart.
const VERBS: [&str; 8] = ["Assign", "Attach", "Create", "Delete", "Describe", "Detach", "Modify", "Unassign"];

/// Tags given at creation are an action of their own to IAM, whoever calls what.
const TAGS: (&str, &str) = ("tag_specifications", "CreateTags");

pub(super) fn broken(tree: &Tree) -> Vec<String> {
    let policy = match tree.text(POLICY).map(serde_json::from_str::<Value>) {
        None => return vec![format!("{POLICY}: does not exist")],
        Some(Err(error)) => return vec![format!("{POLICY}: no JSON: {error}")],
        Some(Ok(policy)) => policy,
    };
    let (allowed, called) = (allowed(&policy), called(tree));
    let missing = called
        .difference(&allowed)
        .map(|action| format!("{POLICY}: does not allow `{SERVICE}{action}`, which {DRIVER} calls: add it"));
    let unused = allowed.difference(&called).map(|action| {
        format!("{POLICY}: allows `{SERVICE}{action}`, which nothing in {DRIVER} calls: take it out")
    });
    missing.chain(unused).collect()
}

/// What the statements allow, without the service's name. What is no action of EC2 stays as it is, and so is told.
fn allowed(policy: &Value) -> BTreeSet<String> {
    let statements = policy.get("Statement").and_then(Value::as_array);
    let actions = statements.into_iter().flatten().flat_map(|statement| match statement.get("Action") {
        Some(Value::Array(actions)) => actions.clone(),
        Some(action) => vec![action.clone()],
        None => vec![Value::from("no Action")],
    });
    actions
        .map(|action| {
            let action = action.as_str().unwrap_or_default().to_owned();
            action.strip_prefix(SERVICE).map(str::to_owned).unwrap_or(action)
        })
        .collect()
}

/// The names of actions that stand in the driver: it tells the classifier of errors what it calls.
fn called(tree: &Tree) -> BTreeSet<String> {
    let tests = TestCode::of(tree);
    let mut called = BTreeSet::new();
    let driver = tree.ending(".rs").filter(|(path, _)| path.starts_with(DRIVER) && !tests.has(path));
    for (_, text) in driver {
        let is_action = |word: &&str| {
            VERBS.iter().any(|verb| word.strip_prefix(verb).is_some_and(|rest| rest.starts_with(capital)))
                && word.chars().all(is_word)
        };
        called.extend(text.split('"').skip(1).step_by(2).filter(is_action).map(str::to_owned));
        if text.contains(TAGS.0) {
            called.insert(TAGS.1.to_owned());
        }
    }
    called
}

fn capital(c: char) -> bool {
    c.is_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(driver: &str, policy: &str) -> Vec<String> {
        broken(&Tree::of(&[("actors/drivers/ec2/src/sdk.rs", driver), (POLICY, policy)]))
    }

    const POLICY_OF_TWO: &str = r#"{"Statement":[
        {"Effect":"Allow","Action":["ec2:DescribeSubnets"],"Resource":"*"},
        {"Effect":"Allow","Action":"ec2:CreateTags","Resource":"*"}]}"#;

    #[test]
    fn the_policy_allows_what_is_called_and_tags_where_they_are_given() {
        let driver = r#"self.call("DescribeSubnets", x); builder.set_tag_specifications(tags); Err("Describe nothing")"#;
        assert_eq!(found(driver, POLICY_OF_TWO), [""; 0]);
    }

    #[test]
    fn a_call_that_is_not_allowed_and_a_right_that_is_not_used_are_both_caught() {
        let complaints =
            found(r#"self.call("DescribeSubnets"); self.call("AttachNetworkInterface")"#, POLICY_OF_TWO);
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        assert!(complaints[0].contains("does not allow `ec2:AttachNetworkInterface`"));
        assert!(complaints[1].contains("allows `ec2:CreateTags`"));
        let wide = r#"{"Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"}]}"#;
        assert_eq!(found(r#"self.call("DescribeSubnets")"#, wide).len(), 2);
    }

    #[test]
    fn a_policy_that_is_not_there_or_no_json_is_told() {
        assert_eq!(broken(&Tree::of(&[])).len(), 1);
        assert_eq!(found("", "{").len(), 1);
    }
}
