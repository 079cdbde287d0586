//! The list `hooks`: each item is a section, checked like all others and converted into [`HookParams`].

mod values;

use std::path::PathBuf;

use super::fault::Fault;
use super::lists::{Given, ListOf};
use super::reader::read_item;
use super::rules::{Rule, Switch, Whole, Word, shape};
use super::section::section;
use crate::config::yaml::{Node, Position, Scalar, Value};
use crate::hooks::{
    Action, Argv, COMMAND_TIMEOUT_SECONDS, CommandParams, HOOKS_MAX, HookName, HookParams, WEBHOOK_RETRIES,
    WEBHOOK_TIMEOUT_SECONDS, WebhookParams, WebhookUrl,
};
use rotewatch_core::vocabulary::verdict::Kind;
use values::{AbsoluteFile, Arguments, Name, Url};

section! {
    /// A hook as written in the file.
    HookEntry {
        /// The name that it is counted under.
        name: Option<HookName> = None, Given(Name), Live;
        /// The kinds it fires on.
        on: Vec<Kind> = Kind::ALL.to_vec(), ListOf(Word), Live;
    }
    sections {
        /// The webhook, if it is one.
        webhook: WebhookEntry;
        /// The command, if it is one.
        command: CommandEntry;
    }
}

section! {
    /// A webhook as written in the file.
    WebhookEntry {
        /// The URL that it posts to.
        url: Option<WebhookUrl> = None, Given(Url), Live;
        /// Seconds per try.
        timeout_seconds: u64 = 5, Whole(WEBHOOK_TIMEOUT_SECONDS), Live;
        /// Retries after the first try.
        retries: u32 = 3, Whole(WEBHOOK_RETRIES), Live;
        /// The file of the bearer token.
        token_file: Option<PathBuf> = None, Given(AbsoluteFile), Live;
        /// Whether link-local addresses are allowed.
        allow_link_local: bool = false, Switch, Live;
    }
}

section! {
    /// A command as written in the file.
    CommandEntry {
        /// The program and its arguments.
        argv: Option<Argv> = None, Given(Arguments), Live;
        /// Seconds it may take.
        timeout_seconds: u64 = 10, Whole(COMMAND_TIMEOUT_SECONDS), Live;
    }
}

/// The list itself.
pub(super) struct HookList;

impl Rule<Vec<HookParams>> for HookList {
    fn parse(&self, _: &Scalar) -> Result<Vec<HookParams>, Fault> {
        Err(Fault::Shape { wanted: "a list of hooks", got: "one value" })
    }

    fn check(&self, hooks: &Vec<HookParams>) -> Result<(), Fault> {
        if hooks.len() > HOOKS_MAX {
            return Err(Fault::TooManyHooks { hooks: hooks.len() });
        }
        for (place, hook) in hooks.iter().enumerate() {
            if hooks.iter().take(place).any(|earlier| earlier.name == hook.name) {
                return Err(Fault::Repeated { got: hook.name.to_string() });
            }
            ListOf(Word).check(&hook.on)?;
            match &hook.action {
                Action::Webhook(webhook) => {
                    Whole(WEBHOOK_TIMEOUT_SECONDS).check(&webhook.timeout_seconds)?;
                    Whole(WEBHOOK_RETRIES).check(&webhook.retries)?;
                }
                Action::Command(command) => Whole(COMMAND_TIMEOUT_SECONDS).check(&command.timeout_seconds)?,
            }
        }
        Ok(())
    }

    fn show(&self, hooks: &Vec<HookParams>) -> String {
        let shown = |hook: &HookParams| {
            let action = match &hook.action {
                Action::Webhook(webhook) => format!("webhook: {}", webhook.url),
                // Arguments may contain secrets, as may a URL's path.
                Action::Command(command) => format!("command: {}", command.argv.program()),
            };
            format!("{} {} {action}", hook.name, ListOf(Word).show(&hook.on))
        };
        format!("[{}]", hooks.iter().map(shown).collect::<Vec<_>>().join(", "))
    }

    fn told_apart_by(&self, hooks: &Vec<HookParams>) -> String {
        let url = |hook: &HookParams| match &hook.action {
            Action::Webhook(webhook) => Some(webhook.url.in_full()),
            Action::Command(_) => None,
        };
        format!("{hooks:?} {:?}", hooks.iter().filter_map(url).collect::<Vec<_>>())
    }

    fn describe(&self) -> String {
        "list of hooks".to_owned()
    }

    fn read(&self, node: &Node, refuse: &mut dyn FnMut(Option<Position>, Fault)) -> Option<Vec<HookParams>> {
        let Value::Sequence(nodes) = &node.value else {
            refuse(None, Fault::Shape { wanted: "a list of hooks", got: shape(&node.value) });
            return None;
        };
        let mut hooks: Vec<HookParams> = Vec::new();
        let mut sound = true;
        for (place, node) in nodes.iter().enumerate() {
            let Some(hook) = read_hook(node, &format!("[{place}]"), refuse) else {
                sound = false;
                continue;
            };
            if hooks.iter().any(|earlier| earlier.name == hook.name) {
                let fault = Box::new(Fault::Repeated { got: hook.name.to_string() });
                refuse(Some(node.at), Fault::Inside { path: format!("[{place}].name"), fault });
                sound = false;
            }
            hooks.push(hook);
        }
        if nodes.len() > HOOKS_MAX {
            refuse(None, Fault::TooManyHooks { hooks: nodes.len() });
            sound = false;
        }
        sound.then_some(hooks)
    }
}

/// One item of the list. Reports missing keys as well as wrong ones.
fn read_hook(node: &Node, inside: &str, refuse: &mut dyn FnMut(Option<Position>, Fault)) -> Option<HookParams> {
    let mut entry = HookEntry::default();
    let sound = read_item(&mut entry, node, inside, refuse);
    let mut needs = |node: &Node, path: &str, what: &'static str| {
        refuse(Some(node.at), Fault::Inside { path: format!("{inside}{path}"), fault: Box::new(Fault::Needs { what }) });
    };
    if !matches!(node.value, Value::Mapping(_)) {
        if sound {
            needs(node, "", "`name`");
        }
        return None;
    }
    if member(node, "name").is_none() {
        needs(node, "", "`name`");
    }
    let HookEntry { name, on, webhook, command } = entry;
    let action = match (member(node, "webhook"), member(node, "command")) {
        (Some(node), None) => {
            if member(node, "url").is_none() {
                needs(node, ".webhook", "`url`");
            }
            let WebhookEntry { url, timeout_seconds, retries, token_file, allow_link_local } = webhook;
            Action::Webhook(WebhookParams { url: url?, timeout_seconds, retries, token_file, allow_link_local })
        }
        (None, Some(node)) => {
            if member(node, "argv").is_none() {
                needs(node, ".command", "`argv`");
            }
            let CommandEntry { argv, timeout_seconds } = command;
            Action::Command(CommandParams { argv: argv?, timeout_seconds })
        }
        _ => {
            needs(node, "", "either `webhook` or `command`");
            return None;
        }
    };
    Some(HookParams { name: name?, on, action }).filter(|_| sound)
}

/// The value under a key of a section.
fn member<'node>(node: &'node Node, key: &str) -> Option<&'node Node> {
    let Value::Mapping(entries) = &node.value else { return None };
    entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
}

#[cfg(test)]
mod tests;
