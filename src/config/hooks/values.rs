//! Rules for the values inside a hook.

use std::path::PathBuf;
use std::str::FromStr;

use crate::config::fault::Fault;
use crate::config::rules::{Rule, shape};
use crate::config::yaml::{Node, Position, Scalar, Value};
use crate::hooks::{Argv, HookName, WebhookUrl};

/// A hook's name.
pub(super) struct Name;

impl Rule<HookName> for Name {
    fn parse(&self, scalar: &Scalar) -> Result<HookName, Fault> {
        Ok(HookName::from_str(&scalar.text)?)
    }

    fn check(&self, _: &HookName) -> Result<(), Fault> {
        Ok(())
    }

    fn show(&self, name: &HookName) -> String {
        name.to_string()
    }

    fn describe(&self) -> String {
        "name".to_owned()
    }
}

/// A webhook's URL.
pub(super) struct Url;

impl Rule<WebhookUrl> for Url {
    fn parse(&self, scalar: &Scalar) -> Result<WebhookUrl, Fault> {
        Ok(WebhookUrl::from_str(&scalar.text)?)
    }

    fn check(&self, _: &WebhookUrl) -> Result<(), Fault> {
        Ok(())
    }

    fn show(&self, url: &WebhookUrl) -> String {
        url.to_string()
    }

    fn describe(&self) -> String {
        "http or https URL".to_owned()
    }
}

/// A file with an absolute path, which does not depend on the current folder of the program.
pub(super) struct AbsoluteFile;

impl Rule<PathBuf> for AbsoluteFile {
    fn parse(&self, scalar: &Scalar) -> Result<PathBuf, Fault> {
        Ok(PathBuf::from(&scalar.text))
    }

    fn check(&self, path: &PathBuf) -> Result<(), Fault> {
        if path.is_absolute() { Ok(()) } else { Err(Fault::NotAbsolute { got: path.display().to_string() }) }
    }

    fn show(&self, path: &PathBuf) -> String {
        path.display().to_string()
    }

    fn describe(&self) -> String {
        "absolute path of a file".to_owned()
    }
}

/// A program and its arguments.
pub(super) struct Arguments;

const NOT_A_LIST: &str = "a list, such as `[notify-send, an alarm]`";

impl Rule<Argv> for Arguments {
    fn parse(&self, _: &Scalar) -> Result<Argv, Fault> {
        Err(Fault::Shape { wanted: NOT_A_LIST, got: "one value" })
    }

    fn check(&self, _: &Argv) -> Result<(), Fault> {
        Ok(())
    }

    fn show(&self, argv: &Argv) -> String {
        argv.program().to_owned()
    }

    fn describe(&self) -> String {
        "list of a program and its arguments".to_owned()
    }

    fn read(&self, node: &Node, refuse: &mut dyn FnMut(Option<Position>, Fault)) -> Option<Argv> {
        let Value::Sequence(nodes) = &node.value else {
            refuse(None, Fault::Shape { wanted: NOT_A_LIST, got: shape(&node.value) });
            return None;
        };
        let mut items = Vec::with_capacity(nodes.len());
        let mut sound = true;
        for node in nodes {
            match &node.value {
                Value::Scalar(scalar) if !scalar.is_null() => items.push(scalar.text.clone()),
                other => {
                    refuse(Some(node.at), Fault::Shape { wanted: "one value (quote an empty one)", got: shape(other) });
                    sound = false;
                }
            }
        }
        Argv::new(items).map_err(|error| refuse(None, error.into())).ok().filter(|_| sound)
    }
}
