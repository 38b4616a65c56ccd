//! What changes of a contract and of its version mean.

use std::fs;

use super::{BODY, Checked, cart};

#[test]
fn a_compatible_difference_passes() {
    let project = Checked::locked(&cart("1.4.0", BODY));
    let checked =
        project.changed(&cart("1.5.0", &format!("{BODY}    @since(version = 1.5.0)\n    clear: func();\n")));
    assert_eq!(checked.code, Some(0), "{}", checked.failed);
    let expected = "wit/cart.wit:11:5: compatible: cart.clear: only the new version has this function, since 1.5.0\n  nothing";
    assert!(checked.said.starts_with(expected), "{}", checked.said);
    assert!(checked.said.ends_with("\n0 breaking, 0 resolved, 1 compatible\n"), "{}", checked.said);
}

#[test]
fn a_resolved_difference_passes() {
    let project = Checked::locked(&cart("1.4.0", BODY));
    let wider = BODY.replace("qty: u32,", "qty: u64,\n        note: option<string>,");
    let checked = project.changed(&cart("1.5.0", &wider));
    assert_eq!(checked.code, Some(0), "{}", checked.failed);
    for expected in [
        "wit/cart.wit:6:9: resolved: cart.add: item.qty: the old version has `u32`, the new version `u64`\n  nothing",
        "wit/cart.wit:7:9: resolved: cart.add: item.note: only the new version has this field, ",
        "\n0 breaking, 2 resolved, 0 compatible\n",
    ] {
        assert!(checked.said.contains(expected), "{expected}\n{}", checked.said);
    }
}

#[test]
fn a_breaking_difference_fails_with_a_code_of_its_own() {
    let project = Checked::locked(&cart("1.4.0", BODY));
    let checked = project.changed(&cart("1.5.0", &BODY.replace("qty: u32", "qty: string")));
    assert_eq!(checked.code, Some(5), "{}", checked.failed);
    let expected = "wit/cart.wit:6:9: breaking: cart.add: item.qty: the old version has `u32`, the new version `string`\n  give";
    assert!(checked.said.starts_with(expected), "{}", checked.said);
    assert!(checked.said.ends_with("\n1 breaking, 0 resolved, 0 compatible\n"), "{}", checked.said);
    assert!(checked.failed.contains("1 breaking difference\n"), "{}", checked.failed);

    let gone = project.changed(&cart("1.5.0", "    put: func();\n"));
    assert_eq!(gone.code, Some(5));
    let expected = "wit/cart.wit:3:11: breaking: cart.add: only the old version has this function\n";
    assert!(gone.said.starts_with(expected), "{}", gone.said);
    let expected = "wit/cart.wit:4:5: breaking: cart.put: only the new version has this function\n  if it is new, mark it `@since(";
    assert!(gone.said.contains(expected), "{}", gone.said);
}

#[test]
fn a_new_major_version_may_break() {
    let other = BODY.replace("qty: u32", "qty: string");
    for (old, new, clients) in
        [("1.4.0", "2.0.0", "1.x"), ("0.2.7", "0.3.0", "0.2.x"), ("1.0.0-rc.1", "1.0.0", "1.0.0-rc.1")]
    {
        let project = Checked::locked(&cart(old, BODY));
        let checked = project.changed(&cart(new, &other));
        assert_eq!(checked.code, Some(0), "{old}: {}", checked.said);
        let expected = format!(
            "wit/cart.wit:3:11: compatible: cart: {old} was replaced by {new}; clients of {clients} "
        );
        assert!(checked.said.starts_with(&expected), "{}", checked.said);
        assert!(checked.said.ends_with("0 breaking, 0 resolved, 1 compatible\n"), "{}", checked.said);
    }
    for (old, new) in [("1.4.0", "1.5.0"), ("0.2.7", "0.2.8"), ("1.4.0", "1.4.0"), ("1.4.0", "1.5.0-rc.1")] {
        let project = Checked::locked(&cart(old, BODY));
        assert_eq!(project.changed(&cart(new, &other)).code, Some(5), "{old} to {new}");
    }
}

#[test]
fn a_major_version_beside_the_older_one_is_new() {
    let project = Checked::locked(&cart("1.4.0", BODY));
    project.write("wit/next.wit", "package shop:cart@2.0.0 { interface cart { put: func(); } }");
    let checked = project.check(&[]);
    assert_eq!(checked.code, Some(0), "{}", checked.failed);
    let expected = "wit/next.wit:1:37: compatible: cart: 2.0.0 is new; known is 1.4.0\n";
    assert!(checked.said.starts_with(expected), "{}", checked.said);
}

#[test]
fn versions_of_one_series_are_compared_each_with_itself_and_the_last_with_the_last() {
    let later = format!("{BODY}    @since(version = 1.4.0)\n    clear: func();\n");
    let project = Checked::locked(&cart("1.4.0", &later));
    let older = format!("package shop:cart@1.2.0 {{ interface cart {{ {BODY} }} }}");
    project.write("wit/older.wit", &older);
    assert_eq!(project.check(&["--write"]).code, Some(0));
    assert_eq!(project.check(&[]).said, "0 breaking, 0 resolved, 0 compatible\n");

    fs::remove_file(project.path("wit/older.wit")).expect("it was written");
    let left = project.check(&[]);
    assert_eq!(left.code, Some(0), "{}", left.failed);
    let expected = ": compatible: cart.clear: only the new version has this function, since 1.4.0\n";
    assert!(left.said.contains(expected), "{}", left.said);
    assert!(left.said.ends_with("0 breaking, 0 resolved, 1 compatible\n"), "{}", left.said);

    project.write("wit/older.wit", &older);
    let next = format!("package shop:cart@1.5.0 {{ interface cart {{ {BODY} }} }}");
    project.write("wit/next.wit", &next);
    let broken = project.check(&[]);
    assert_eq!(broken.code, Some(5));
    let expected = "wit/next.wit:1:37: breaking: cart.clear: only the old version has this function\n";
    assert!(broken.said.starts_with(expected), "{}", broken.said);
    assert!(broken.said.ends_with("1 breaking, 0 resolved, 0 compatible\n"), "{}", broken.said);
}

#[test]
fn a_package_without_a_version_may_get_one() {
    let without = |body: &str| cart("", body).replacen('@', "", 1);
    let project = Checked::locked(&without(BODY));
    let other = BODY.replace("qty: u32", "qty: string");
    assert_eq!(project.changed(&without(&other)).code, Some(5));
    let checked = project.changed(&cart("1.0.0", &other));
    assert_eq!(checked.code, Some(0), "{}", checked.failed);
    let expected = "compatible: cart: the form without a version was replaced by 1.0.0; clients of that form are not served\n";
    assert!(checked.said.contains(expected), "{}", checked.said);

    let project = Checked::locked(&cart("1.0.0", BODY));
    let lost = project.changed(&without(BODY));
    assert_eq!(lost.code, Some(5));
    let expected = "breaking: cart: 1.0.0 is gone, and what is there is the form without a version\n";
    assert!(lost.said.contains(expected), "{}", lost.said);
}

#[test]
fn a_version_that_was_not_raised_is_a_warning_and_one_that_went_backwards_an_error() {
    let project = Checked::locked(&cart("1.4.0", BODY));
    let wider = BODY.replace("qty: u32", "qty: u64");
    let checked = project.changed(&cart("1.4.0", &wider));
    assert_eq!(checked.code, Some(0), "{}", checked.failed);
    let expected = "wit/cart.wit:3:11: warning: cart: it has changed, and its version 1.4.0 has not\n  raise the version to at least 1.5.0\n";
    assert!(checked.said.contains(expected), "{}", checked.said);
    assert!(checked.said.ends_with("0 breaking, 1 resolved, 0 compatible, 1 warning\n"), "{}", checked.said);

    let back = project.changed(&cart("1.3.0", BODY));
    assert_eq!(back.code, Some(5));
    let expected = "breaking: cart: the version went backwards: 1.4.0 is known, and this is 1.3.0\n  raise the version to at least 1.4.0\n";
    assert!(back.said.contains(expected), "{}", back.said);
}

#[test]
fn a_contract_that_is_gone_is_breaking_and_has_its_place_in_the_lock_file() {
    let project = Checked::locked(&format!("{}interface till {{ pay: func(); }}\n", cart("1.4.0", BODY)));
    let gone = project.changed(&cart("1.4.0", BODY));
    assert_eq!(gone.code, Some(5));
    assert!(
        gone.said.starts_with("wit/contracts.lock:15:13: breaking: till: 1.4.0 is gone\n  bring it back"),
        "{}",
        gone.said
    );
    let replaced = project.changed(&cart("2.0.0", BODY));
    assert_eq!(replaced.code, Some(0), "{}", replaced.said);
    assert!(
        replaced.said.contains("compatible: till: it is gone since 2.0.0 of its package; clients of 1.x ")
    );
    let nothing = project.changed("package shop:cart@1.4.0;\ninterface types { type sku = string; }\n");
    assert_eq!(nothing.code, Some(5), "{}", nothing.failed);
    assert!(nothing.said.ends_with("2 breaking, 0 resolved, 0 compatible\n"), "{}", nothing.said);
    let refused = project.check(&["--write", "--force"]);
    assert!(refused.failed.contains("there is nothing to write"), "{}", refused.failed);
}
