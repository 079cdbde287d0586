//! The trainer's command line, for grids. The options come from clap, so every new flag is also an option of grids.

use clap::{ArgAction, CommandFactory, Parser};

use crate::command::args::TrainerCli;
use crate::experiment::flags::{TrainerFlags, TrainerOption};
use crate::options::{TaskOptions, TrainOptions};

/// The flags of `rotewatch train`.
pub(super) struct CommandLine;

impl CommandLine {
    fn parse(arguments: &[String]) -> Result<TrainerCli, String> {
        let program = "rotewatch train".to_owned();
        TrainerCli::try_parse_from(std::iter::once(&program).chain(arguments)).map_err(|error| in_one_line(&error.to_string()))
    }
}

impl TrainerFlags for CommandLine {
    fn options(&self) -> Vec<TrainerOption> {
        let command = TrainerCli::command();
        let option = |argument: &clap::Arg| {
            let name = argument.get_long()?.to_owned();
            Some(TrainerOption { name, is_switch: matches!(argument.get_action(), ArgAction::SetTrue) })
        };
        command.get_arguments().filter_map(option).collect()
    }

    fn value_fault(&self, option: &str, value: &str) -> Option<String> {
        Self::parse(&[format!("--{option}={value}")]).err()
    }

    fn training(&self, arguments: &[String]) -> Result<TrainOptions, String> {
        let args = Self::parse(arguments)?.train;
        let options = args.options(args.probe_rows.unwrap_or(TaskOptions::default().probe_rows));
        options.check().map_err(|error| error.to_string())?;
        Ok(options)
    }
}

/// The first paragraph of clap's message, without its prefix.
fn in_one_line(message: &str) -> String {
    let message = message.strip_prefix("error: ").unwrap_or(message);
    message.lines().map(str::trim).take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}
