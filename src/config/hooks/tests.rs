use super::super::Config;
use super::*;

const MANUAL: &str = include_str!("../../../config/rotewatch.yaml");

fn hooks(text: &str) -> Vec<HookParams> {
    Config::parse(text, "rotewatch.yaml").unwrap().hooks
}

fn messages(text: &str) -> Vec<String> {
    let error = Config::parse(text, "f").unwrap_err().to_string();
    error.lines().map(str::to_owned).collect()
}

/// The example in the manual without its comment marks.
fn example() -> String {
    let commented = MANUAL.lines().map(str::trim_start).filter_map(|line| line.strip_prefix("#   "));
    let example: Vec<&str> =
        commented.skip_while(|line| *line != "hooks:").take_while(|line| *line == "hooks:" || line.starts_with("  ")).collect();
    example.join("\n")
}

#[test]
fn the_example_of_the_manual_holds_every_key_with_its_default() {
    let example = example();
    let found = hooks(&example);
    let [HookParams { action: Action::Webhook(webhook), .. }, HookParams { action: Action::Command(command), .. }] = &found[..]
    else {
        panic!("a webhook and a command: {found:?}")
    };
    let defaults = hooks("hooks: [{name: a, webhook: {url: 'http://x/'}}, {name: b, command: {argv: [x]}}]");
    let [HookParams { on, action: Action::Webhook(plain), .. }, HookParams { action: Action::Command(short), .. }] =
        &defaults[..]
    else {
        panic!("a webhook and a command: {defaults:?}")
    };
    assert_eq!(found[0].on, *on);
    let WebhookParams { timeout_seconds, retries, allow_link_local, .. } = webhook;
    assert_eq!((*timeout_seconds, *retries, *allow_link_local), (plain.timeout_seconds, plain.retries, plain.allow_link_local));
    assert!(webhook.token_file.is_some(), "the example shows where a token comes from");
    assert_eq!(command.timeout_seconds, short.timeout_seconds);
    let mentions = |key: &str| example.lines().any(|line| line.trim_start_matches(['-', ' ']).starts_with(&format!("{key}:")));
    let keys =
        ["name", "on", "webhook", "url", "timeout_seconds", "retries", "token_file", "allow_link_local", "command", "argv"];
    for key in keys {
        assert!(mentions(key), "{key} is not in the example:\n{example}");
    }
}

#[test]
fn a_hook_keeps_to_its_file() {
    let found = hooks(
        "hooks:\n- {name: chat, on: [heuristic], webhook: {url: 'https://example.org/x', retries: 0}}\n- name: shell\n  \
         command: {argv: [echo, 'a b', 7, ''], timeout_seconds: 3}\n",
    );
    assert_eq!(found[0].on, [Kind::Heuristic]);
    let Action::Command(command) = &found[1].action else { panic!("{found:?}") };
    assert_eq!((command.argv.program(), command.timeout_seconds), ("echo", 3));
    assert_eq!(command.argv.arguments(), ["a b", "7", ""]);
    assert_eq!(hooks("hooks: []\n"), []);
}

#[test]
fn everything_that_is_wrong_in_the_list_is_reported_at_once_with_its_place() {
    let text = "hooks:\n- name: a b\n  on: [rote]\n  webhook: {url: 'ftp://x', retries: 99, tiemout_seconds: 3}\n- {name: x}\n- \
                name: x\n  command:\n    timeout_seconds: 0\n- {name: y, webhook: {url: 'http://h'}, command: {argv: [a]}}\n- \
                [1]\n- {command: {argv: [./here]}}\n- {name: z, webhook: {url: 'http://h', token_file: here}}\n- ~\n- {name: z2, \
                command: {argv: [~, a]}}\n";
    assert_eq!(
        messages(text),
        [
            "f:2:3: hooks[0].name: `a b` is not a hook name: use at most 64 letters, digits, '.', '_' or '-', starting with a \
             letter or digit",
            "f:3:8: hooks[0].on: `rote` is not one of example_level, heuristic, baseline",
            "f:4:13: hooks[0].webhook.url: a webhook URL must begin with http:// or https://",
            "f:4:29: hooks[0].webhook.retries: 99 is not in 0..10",
            "f:4:42: hooks[0].webhook.tiemout_seconds: unknown key; did you mean `timeout_seconds`?",
            "f:5:3: hooks[1]: needs either `webhook` or `command`",
            "f:8:5: hooks[2].command.timeout_seconds: 0 is not in 1..300",
            "f:8:5: hooks[2].command: needs `argv`",
            "f:9:3: hooks[3]: needs either `webhook` or `command`",
            "f:10:3: hooks[4]: must be a section of keys, not a list",
            "f:11:3: hooks[5]: needs `name`",
            "f:11:14: hooks[5].command.argv: `./here` must be an absolute path or the name of a program in PATH",
            "f:12:40: hooks[6].webhook.token_file: `here` is not an absolute path",
            "f:13:3: hooks[7]: needs `name`",
            "f:14:31: hooks[8].command.argv: must be one value (quote an empty one), not an empty value",
        ]
    );
    assert_eq!(messages("hooks: {name: a}\n"), ["f:1:1: hooks: must be a list of hooks, not a section"]);
    assert_eq!(messages("hooks: a\n"), ["f:1:1: hooks: must be a list of hooks, not one value"]);
    let one = "{name: a, command: {argv: [a]}}";
    assert_eq!(messages(&format!("hooks: [{one}, {one}]\n")), ["f:1:42: hooks[1].name: `a` is listed twice"]);
    let many: Vec<String> = (0..17).map(|place| format!("- {{name: h{place}, command: {{argv: [a]}}}}\n")).collect();
    assert_eq!(messages(&format!("hooks:\n{}", many.concat())), ["f:1:1: hooks: 17 hooks, but at most 16 are allowed"]);
}

#[test]
fn a_changed_secret_is_a_change_that_tells_nothing() {
    let of = |url: &str| Config::parse(&format!("hooks: [{{name: a, webhook: {{url: '{url}'}}}}]\n"), "").unwrap();
    let (old, new) = (of("https://example.org/secret1"), of("https://example.org/secret2"));
    let changes = old.changes(&new);
    assert_eq!(changes.len(), 1);
    assert!(!changes[0].to_string().contains("secret"), "{}", changes[0]);
    assert_eq!(old.changes(&old.clone()), []);
    assert!(!format!("{old:?}").contains("secret"));
}

#[test]
fn what_a_program_configures_is_held_to_the_same_ranges() {
    let mut config = Config::parse("hooks: [{name: a, webhook: {url: 'http://h'}}]\n", "").unwrap();
    assert!(config.clone().checked("library").is_ok());
    let Action::Webhook(webhook) = &mut config.hooks[0].action else { panic!("a webhook") };
    webhook.retries = 1000;
    assert_eq!(config.clone().checked("library").unwrap_err().to_string(), "library: hooks: 1000 is not in 0..10");
    config.hooks = vec![config.hooks[0].clone(); 2];
    assert!(config.checked("library").is_err());
}

#[test]
fn a_token_that_travels_in_the_open_is_warned_of() {
    let warnings = |url: &str| {
        let text = format!("hooks: [{{name: a, webhook: {{url: '{url}', token_file: /t}}}}]\n");
        Config::parse(&text, "").unwrap().warnings().len()
    };
    assert_eq!((warnings("http://example.org/"), warnings("https://example.org/"), warnings("http://localhost:1/")), (1, 0, 0));
}
