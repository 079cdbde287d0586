use std::fs;

use super::super::Argv;
use super::super::notice::tests::notice;
use super::*;
use rotewatch_core::vocabulary::identity::Attempt;

const LONG: Duration = Duration::from_mins(1);

/// A hook that runs a shell script.
fn shell(script: &str) -> CommandHook {
    command(&["sh", "-c", script])
}

fn command(argv: &[&str]) -> CommandHook {
    let argv = Argv::new(argv.iter().map(ToString::to_string).collect()).unwrap();
    CommandHook::new("run".parse().unwrap(), vec![Kind::ExampleLevel], CommandParams { argv, timeout_seconds: 60 }, None)
}

fn limited(mut hook: CommandHook) -> CommandHook {
    hook.params.timeout_seconds = 3;
    hook
}

fn fired(hook: &CommandHook) -> Attempted {
    hook.fire(&notice(Attempt::draw(), Kind::ExampleLevel, 3), &Closing::default())
}

/// Whether a process runs. One that only waits to be reaped does not count.
fn runs(id: &str) -> bool {
    fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn gone(id: &str) {
    let since = Stopwatch::start();
    while runs(id) {
        assert!(since.elapsed() < LONG, "process {id} is still there");
        std::thread::yield_now();
    }
}

#[test]
fn a_command_gets_the_body_on_stdin_and_an_environment_that_is_clean() {
    let folder = tempfile::tempdir().unwrap();
    let mut hook = shell("cat > body; env | sort > environment; pwd > folder");
    hook.state = Some(folder.path().to_owned());
    let notice = notice(Attempt::draw(), Kind::ExampleLevel, 3);
    let attempted = hook.fire(&notice, &Closing::default());
    assert_eq!(attempted, Attempted::last(HookResult::Ok, "exit status: 0"));
    let written = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(written("body"), notice.to_json() + "\n");
    assert_eq!(written("folder").trim(), folder.path().canonicalize().unwrap().to_str().unwrap());
    let environment = written("environment");
    let names: Vec<&str> = environment.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    // The shell adds these three.
    let given: Vec<&str> = names.into_iter().filter(|name| !["PWD", "SHLVL", "_"].contains(name)).collect();
    assert_eq!(
        given,
        [
            "PATH",
            "ROTEWATCH_ALARM_EPOCH",
            "ROTEWATCH_ATTEMPT",
            "ROTEWATCH_EPOCH",
            "ROTEWATCH_HARM",
            "ROTEWATCH_HOOK",
            "ROTEWATCH_KIND",
            "ROTEWATCH_ONSET_EPOCH",
            "ROTEWATCH_REMEDY",
            "ROTEWATCH_RUN",
            "ROTEWATCH_SCORE",
            "ROTEWATCH_TIME",
            "ROTEWATCH_VERDICT",
            "ROTEWATCH_VERSION",
            "ROTEWATCH_WHY",
        ]
    );
    assert!(environment.contains("ROTEWATCH_HOOK=run\n") && environment.contains("ROTEWATCH_ONSET_EPOCH=3\n"), "{environment}");
}

#[test]
fn arguments_are_not_read_by_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    let mut hook = command(&["touch", "$(echo broken); *"]);
    hook.state = Some(folder.path().to_owned());
    assert_eq!(fired(&hook).result, HookResult::Ok);
    assert!(folder.path().join("$(echo broken); *").exists());
    hook.state = Some(folder.path().join("missing"));
    assert_eq!(hook.state.as_deref().filter(|state| state.is_dir()), None);
    let hook = shell("test \"$PWD\" = /");
    assert_eq!(fired(&hook).result, HookResult::Ok, "without a state folder it works in /");
}

#[test]
fn a_failure_is_told_with_what_the_command_said() {
    let failed = fired(&shell("echo out; echo err >&2; exit 3"));
    assert_eq!(failed, Attempted::last(HookResult::Failed, "exit status: 3; output: out\\nerr"));
    let killed = fired(&shell("kill -9 $$"));
    assert_eq!(killed.result, HookResult::Failed);
    assert!(killed.detail.contains("signal: 9"), "{}", killed.detail);
    let missing = fired(&command(&["/no/such/program"]));
    assert_eq!((missing.result, missing.again), (HookResult::Unusable, false), "{}", missing.detail);
}

#[test]
fn a_command_that_never_ends_is_ended_with_everything_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let mut hook = limited(shell("trap '' TERM; sleep 600 & echo $! $$ > ids; while :; do wait; done"));
    hook.state = Some(folder.path().to_owned());
    let since = Stopwatch::start();
    let attempted = fired(&hook);
    assert_eq!((attempted.result, attempted.again), (HookResult::Timeout, false));
    assert!(attempted.detail.contains("signal: 9"), "SIGTERM was ignored: {}", attempted.detail);
    assert!(since.elapsed() >= Duration::from_secs(5) && since.elapsed() < LONG, "{:?}", since.elapsed());
    for id in fs::read_to_string(folder.path().join("ids")).unwrap().split_whitespace() {
        gone(id);
    }
    let polite = fired(&limited(shell("exec sleep 600")));
    assert!(polite.result == HookResult::Timeout && polite.detail.contains("signal: 15"), "{}", polite.detail);
}

#[test]
fn output_without_an_end_is_read_without_being_kept() {
    let hook = limited(shell("exec yes 'some output'"));
    let ended = hook.run(&notice(Attempt::draw(), Kind::ExampleLevel, 3), &Closing::default()).unwrap();
    assert!(ended.overdue);
    assert_eq!(ended.output.kept().len(), 64 << 10);
    assert!(ended.output.bytes() > 128 << 10, "reading continued: {} bytes", ended.output.bytes());
    // More than a pipe holds: the command would block if nothing read it.
    let much = fired(&shell("head -c 10000000 /dev/zero"));
    assert_eq!(much.result, HookResult::Ok, "{}", much.detail);
}

#[test]
fn a_child_that_holds_the_output_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut hook = shell("sleep 600 & echo $! > id; exit 0");
    hook.state = Some(folder.path().to_owned());
    let since = Stopwatch::start();
    assert_eq!(fired(&hook).result, HookResult::Ok, "the command itself succeeded");
    assert!(since.elapsed() < LONG / 2, "{:?}", since.elapsed());
    gone(fs::read_to_string(folder.path().join("id")).unwrap().trim());
    // A process that left the group cannot be signalled. The hook does not wait for it, and its output is lost.
    let mut hook = shell("setsid sh -c 'echo $$ > session; exec sleep 600' & while ! test -s session; do :; done");
    hook.state = Some(folder.path().to_owned());
    let since = Stopwatch::start();
    let attempted = fired(&hook);
    let id = fs::read_to_string(folder.path().join("session")).unwrap();
    let still_there = runs(id.trim());
    let stopped = Command::new("kill").args(["-9", id.trim()]).status();
    assert!(still_there && stopped.is_ok_and(|status| status.success()));
    assert_eq!(attempted.result, HookResult::Ok, "{}", attempted.detail);
    assert!(since.elapsed() < LONG / 2, "{:?}", since.elapsed());
}

#[test]
fn a_body_that_nobody_reads_holds_up_nothing() {
    let attempted = fired(&shell("exec <&-; exit 0"));
    assert_eq!(attempted.result, HookResult::Ok, "{}", attempted.detail);
    let silent = fired(&shell("exec >&- 2>&-; exit 7"));
    assert_eq!(silent, Attempted::last(HookResult::Failed, "exit status: 7"));
}

#[test]
fn while_closing_a_command_keeps_to_what_is_left() {
    let closing = Closing::default();
    closing.announce(Stopwatch::start(), GRACE + Duration::from_millis(300));
    let since = Stopwatch::start();
    let attempted = shell("exec sleep 600").fire(&notice(Attempt::draw(), Kind::ExampleLevel, 3), &closing);
    assert_eq!(attempted.result, HookResult::Timeout);
    assert!(since.elapsed() < LONG / 2, "{:?}", since.elapsed());
}
