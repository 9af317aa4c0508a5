//! What the rules and exposures of a plan may say.

use serde_json::{Value, json};

use crate::base::Error;
use crate::release::Plan;

fn plan(rules: &Value, exposure: &Value) -> Value {
    json!({
        "contexts": [{"id": "noon", "when": {"days": "every", "from": 0, "until": 0}},
                     {"id": "night", "when": {"days": "every", "from": 0, "until": 0}}],
        "surfaces": [{"id": "home", "length": 10, "contexts": ["noon", "night"]},
                     {"id": "side", "length": 3, "contexts": ["noon"]}],
        "rules": rules, "exposure": exposure,
    })
}

/// The field that is refused, and why.
fn refused(rules: &Value, exposure: &Value) -> (String, String) {
    let plan: Plan = serde_json::from_value(plan(rules, exposure)).unwrap();
    match plan.validate() {
        Err(Error::InvalidInput { field, reason }) => (field, reason),
        other => panic!("{rules} {exposure}: {other:?}"),
    }
}

#[track_caller]
fn rules_name(rules: &Value, expected: &str) {
    assert_eq!(refused(rules, &json!([])).0, expected, "{rules}");
}

fn fine(rules: &Value, exposure: &Value) {
    let plan: Plan = serde_json::from_value(plan(rules, exposure)).unwrap();
    plan.validate().unwrap_or_else(|error| panic!("{rules} {exposure}: {error}"));
    let again = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
    assert_eq!(plan, again);
}

fn rule(id: &str, select: &Value, action: &Value) -> Value {
    json!({"id": id, "select": select, "do": action})
}

fn group(word: &str) -> Value {
    json!({"group": {"attribute": "kind", "word": word}})
}

#[test]
fn a_good_plan_is_accepted_and_comes_back() {
    let each = json!({"each": {"attribute": "owner"}});
    let rules = json!([
        {"id": "a", "select": {"item": "x"}, "do": {"pin": {"position": 9}}, "surfaces": ["home"]},
        {"id": "b", "select": group("y"), "do": {"pin": {"top": 3}}, "contexts": ["noon"]},
        rule("c", &group("z"), &json!({"boost": {"factor": 1.5}})),
        rule("d", &group("q"), &json!({"bury": {"offset": 0.5}})),
        rule("e", &each, &json!({"cap": {"slots": 1, "window": 4}})),
        rule("f", &group("never"), &json!({"cap": {"slots": 0}})),
    ]);
    let exposure = json!([{"id": "g", "group": {"attribute": "kind", "word": "y"}, "floor": 0.2}]);
    fine(&rules, &exposure);
}

#[test]
fn unknown_fields_surfaces_and_contexts_are_refused() {
    let pin = json!({"pin": {"top": 1}});
    for bad in [
        json!([{"id": "a", "select": {"item": "x"}, "do": {"pin": {"bottom": 1}}}]),
        json!([{"id": "a", "select": {"colour": "x"}, "do": pin}]),
        json!([{"id": "a", "select": {"item": "x"}, "do": pin, "where": "home"}]),
        json!([{"id": "a", "select": {"item": "x"}, "do": {"cap": {"slots": 1, "windows": 2}}}]),
    ] {
        assert!(serde_json::from_value::<Plan>(plan(&bad, &json!([]))).is_err(), "{bad}");
    }
    let scoped = |key: &str, id: &str| {
        let mut scoped = rule("a", &json!({"item": "x"}), &pin);
        scoped[key] = json!([id]);
        json!([scoped])
    };
    rules_name(&scoped("surfaces", "cellar"), "rules[0].surfaces[0]");
    rules_name(&scoped("contexts", "dawn"), "rules[0].contexts[0]");
}

#[test]
fn values_out_of_range_are_named() {
    let item = json!({"item": "x"});
    let one = |action: &Value| json!([rule("a", &item, action)]);
    rules_name(&one(&json!({"pin": {"position": 3}})), "rules[0].do.pin.position");
    rules_name(&one(&json!({"pin": {"position": 1_000_000_000}})), "rules[0].do.pin.position");
    rules_name(&one(&json!({"pin": {"position": usize::MAX}})), "rules[0].do.pin.position");
    rules_name(&one(&json!({"pin": {"top": 0}})), "rules[0].do.pin.top");
    rules_name(&one(&json!({"pin": {"top": 4}})), "rules[0].do.pin.top");
    rules_name(&one(&json!({"boost": {"factor": 0.5}})), "rules[0].do.boost.factor");
    rules_name(&one(&json!({"boost": {"offset": -1.0}})), "rules[0].do.boost.offset");
    rules_name(&one(&json!({"bury": {"factor": 2.0}})), "rules[0].do.bury.factor");
    rules_name(&one(&json!({"bury": {}})), "rules[0].do.bury");
    rules_name(&one(&json!({"cap": {"slots": 1_001}})), "rules[0].do.cap.slots");
    rules_name(&one(&json!({"cap": {"slots": 2, "window": 2}})), "rules[0].do.cap.window");
    let each = json!({"each": {"attribute": "kind"}});
    rules_name(&json!([rule("a", &each, &json!({"pin": {"top": 1}}))]), "rules[0].select.each");
    let cap = json!({"cap": {"slots": 1}});
    rules_name(&json!([rule("", &item, &cap)]), "rules[0].id");
    rules_name(&json!([rule("a", &item, &cap), rule("a", &group("y"), &cap)]), "rules[1]");
}

#[test]
fn rules_that_contradict_each_other_are_refused_where_they_meet() {
    let (x, y) = (json!({"item": "x"}), json!({"item": "y"}));
    let at = |position: usize| json!({"pin": {"position": position}});
    let never = json!({"cap": {"slots": 0}});
    let two = |one: Value, other: Value| json!([one, other]);
    let boost = json!({"boost": {"factor": 2.0}});
    let bury = json!({"bury": {"factor": 0.5}});
    for pair in [
        two(rule("a", &x, &at(1)), rule("b", &y, &at(1))),
        two(rule("a", &x, &at(1)), rule("b", &x, &at(2))),
        two(rule("a", &x, &at(1)), rule("b", &x, &never)),
        two(rule("a", &group("k"), &never), rule("b", &group("k"), &json!({"pin": {"top": 2}}))),
        two(rule("a", &group("k"), &boost), rule("b", &group("k"), &bury)),
    ] {
        let (field, reason) = refused(&pair, &json!([]));
        assert_eq!(field, "rules[1]");
        assert!(reason.contains("\"a\""), "{reason}");
        let mut apart = pair;
        apart[0]["surfaces"] = json!(["home"]);
        apart[0]["contexts"] = json!(["noon"]);
        apart[1]["contexts"] = json!(["night"]);
        fine(&apart, &json!([]));
    }
}

#[test]
fn more_items_pinned_to_the_top_than_fit_are_refused() {
    let top = |id: &str| rule(id, &json!({"item": id}), &json!({"pin": {"top": 2}}));
    let first = rule("c", &json!({"item": "c"}), &json!({"pin": {"position": 0}}));
    let (field, reason) = refused(&json!([top("a"), first, top("b")]), &json!([]));
    assert_eq!(field, "rules[2].do.pin");
    assert!(reason.starts_with("3 items are pinned to the first 2 slots"), "{reason}");
    fine(&json!([top("a"), top("b")]), &json!([]));
}

#[test]
fn exposures_out_of_range_or_against_a_rule_are_refused() {
    let group_y = json!({"attribute": "kind", "word": "y"});
    let exposure =
        |floor: f64, cap: f64| json!({"id": "e", "group": group_y, "floor": floor, "cap": cap});
    let none = json!([]);
    for (floor, cap, field) in [
        (1.1, 1.0, "exposure[0].floor"),
        (-0.1, 1.0, "exposure[0].floor"),
        (0.0, 1.5, "exposure[0].cap"),
        (0.6, 0.5, "exposure[0].floor"),
    ] {
        assert_eq!(refused(&none, &json!([exposure(floor, cap)])).0, field);
    }
    let mut other = exposure(0.1, 0.9);
    other["id"] = json!("f");
    assert_eq!(refused(&none, &json!([exposure(0.1, 0.9), other])).0, "exposure[1]");
    let never = json!([rule("a", &group("y"), &json!({"cap": {"slots": 0}}))]);
    assert_eq!(refused(&never, &json!([exposure(0.1, 1.0)])).0, "exposure[0]");
    let pin = json!([rule("a", &group("y"), &json!({"pin": {"top": 1}}))]);
    assert_eq!(refused(&pin, &json!([exposure(0.0, 0.0)])).0, "exposure[0]");
}

#[test]
fn too_many_rules_are_refused() {
    let cap = json!({"cap": {"slots": 1}});
    let many: Vec<Value> = (0..97).map(|n| rule(&n.to_string(), &group("y"), &cap)).collect();
    let (field, reason) = refused(&json!(many), &json!([]));
    assert_eq!(field, "plan");
    assert!(reason.contains("97") && reason.contains("96"), "{reason}");
}

#[test]
fn settings_of_candidates_and_exploration_out_of_range_are_named() {
    for (part, value, field) in [
        ("candidates", json!({"similar": 10_001}), "candidates.similar"),
        ("candidates", json!({"similar_to": 0}), "candidates.similar_to"),
        ("candidates", json!({"new": 10_001}), "candidates.new"),
        ("candidates", json!({"new_days": 0}), "candidates.new_days"),
        ("candidates", json!({"new": 5_000, "similar": 5_000}), "candidates"),
        ("exploration", json!({"temperature": 0.001}), "exploration.temperature"),
        ("exploration", json!({"temperature": -1.0}), "exploration.temperature"),
        ("exploration", json!({"temperature": 101.0}), "exploration.temperature"),
    ] {
        let mut plan = plan(&json!([]), &json!([]));
        plan[part] = value;
        let plan: Plan = serde_json::from_value(plan).unwrap();
        match plan.validate() {
            Err(Error::InvalidInput { field: found, .. }) => assert_eq!(found, field),
            other => panic!("{field}: {other:?}"),
        }
    }
}
