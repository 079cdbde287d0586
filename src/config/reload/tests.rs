use std::fs;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tracing_subscriber::fmt::MakeWriter;

use super::*;
use crate::config::{LastReload, LogLevel};

struct Scene {
    folder: TempDir,
    reloader: Reloader,
    live: Arc<LiveConfig>,
    told: Arc<Mutex<Vec<LogLevel>>>,
}

impl Scene {
    /// A file with `text`, loaded at second 100. `overlay` applies the flags, and each read of the clock is a second later.
    fn new(text: &str, overlay: impl Fn(&mut Config) + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rotewatch.yaml");
        fs::write(&path, text).unwrap();
        let mut initial = Config::read(&path).unwrap();
        overlay(&mut initial);
        let second = AtomicU64::new(101);
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = Arc::clone(&told);
        let wiring = Wiring {
            overlay: Box::new(overlay),
            on_change: Box::new(move |config| tell.lock().unwrap().push(config.log.level)),
            now: Box::new(move || at(second.fetch_add(1, Ordering::Relaxed))),
        };
        let live = LiveConfig::new(initial, at(100));
        Self { reloader: Reloader::new(path, wiring, Arc::clone(&live)), folder, live, told }
    }

    fn write(&self, text: &str) {
        fs::write(self.folder.path().join("rotewatch.yaml"), text).unwrap();
    }
}

fn at(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(second)
}

/// The log as lines, for the thread that runs `act`.
fn logged(act: impl FnOnce()) -> Vec<String> {
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);
    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;
        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().with_writer(lines.clone()).with_ansi(false).without_time().finish();
    tracing::subscriber::with_default(subscriber, act);
    let bytes = lines.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn live_keys_are_applied_and_their_observer_told() {
    let scene = Scene::new("", |_| {});
    scene.write("log: {level: debug}\ndetect: {information: {decline: 0.2}}\n");
    let Ok(Reloaded::Applied(changes)) = scene.reloader.reload_now() else { panic!() };
    let changes: Vec<String> = changes.iter().map(Change::to_string).collect();
    assert_eq!(changes, ["detect.information.decline (0.06 -> 0.2)", "log.level (info -> debug)"]);
    assert!((scene.live.load().detect.information.decline - 0.2).abs() < f64::EPSILON);
    assert_eq!(*scene.told.lock().unwrap(), [LogLevel::Debug]);
    assert_eq!(scene.live.last_reload(), LastReload { successful: true, success_at: at(101) });
    assert_eq!(scene.reloader.reload_now().unwrap(), Reloaded::Unchanged);
    assert_eq!(scene.live.last_reload().success_at, at(102));
    assert_eq!(scene.told.lock().unwrap().len(), 1);
}

#[test]
fn keys_that_need_a_restart_are_refused_by_name_and_nothing_else_is_applied() {
    let scene = Scene::new("", |_| {});
    scene.write("listen: 127.0.0.1:9\ndetect: {smooth: 7}\nsampling: {rows: 500}\n");
    let error = scene.reloader.reload_now().unwrap_err().to_string();
    let says = "rotewatch.yaml: listen (127.0.0.1:19787 -> 127.0.0.1:9), sampling.rows (1000 -> 500) take effect only after a restart; \
                nothing in the file was applied";
    assert!(error.ends_with(says), "{error}");
    assert_eq!(*scene.live.load(), Config::default());
    assert_eq!(scene.live.last_reload(), LastReload { successful: false, success_at: at(100) });
    assert!(scene.told.lock().unwrap().is_empty());
}

#[test]
fn a_flag_keeps_winning() {
    let scene = Scene::new("", |config| {
        config.sampling.rows = 800;
        config.detect.smooth = 4;
    });
    scene.write("sampling: {rows: 500}\ndetect: {smooth: 9, quiet_epochs: 6}\n");
    let Ok(Reloaded::Applied(changes)) = scene.reloader.reload_now() else { panic!() };
    assert_eq!(changes.len(), 1, "{changes:?}");
    let config = scene.live.load();
    assert_eq!((config.sampling.rows, config.detect.smooth, config.detect.quiet_epochs), (800, 4, 6));
}

#[test]
fn a_bad_file_is_warned_of_once_and_its_next_badness_again() {
    let scene = Scene::new("", |_| {});
    let look = || _ = scene.reloader.read_again(Occasion::Settled);
    let lines = logged(|| {
        scene.write("detect: {smoth: 3}\n");
        look();
        look();
        assert!(scene.reloader.reload_now().is_err(), "a request returns the error again");
        look();
    });
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("WARN") && lines[0].contains("did you mean `smooth`?"), "{lines:?}");

    let lines = logged(|| {
        fs::remove_file(scene.folder.path().join("rotewatch.yaml")).unwrap();
        look();
        look();
        scene.write("detect: {smoth: 3}\nlog: 5\n");
        look();
        look();
    });
    assert_eq!(lines.len(), 3, "missing, then two mistakes: {lines:?}");

    let lines = logged(|| {
        scene.write("# nothing any more\n");
        look();
        look();
    });
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("INFO") && lines[0].contains("valid again"), "{lines:?}");
    assert!(scene.live.last_reload().successful);
}

#[test]
fn a_file_that_is_being_written_is_given_time() {
    let scene = Scene::new("", |_| {});
    let lines = logged(|| {
        scene.write("detect: {smo");
        assert!(scene.reloader.read_again(Occasion::Unsettled).is_err());
    });
    assert_eq!(lines, [] as [&str; 0]);
    assert!(scene.live.last_reload().successful);
    let lines = logged(|| assert!(scene.reloader.read_again(Occasion::Settled).is_err()));
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(!scene.live.last_reload().successful);
}

#[test]
fn what_flags_make_impossible_is_refused() {
    let scene = Scene::new("", |config| config.detect.smooth = config.detect.smooth.max(2) * 10);
    scene.write("detect: {smooth: 11}\n");
    let error = scene.reloader.reload_now().unwrap_err().to_string();
    assert!(error.ends_with("with flags and environment: detect.smooth: 110 is not in 1..100"), "{error}");
}

#[test]
fn a_bomb_is_one_more_bad_file() {
    let scene = Scene::new("", |_| {});
    scene.write(&("a: &a [x, x, x, x]\n".to_owned() + &"b: [*a, *a, *a, *a]\n".repeat(4000)));
    assert!(matches!(scene.reloader.reload_now(), Err(ConfigError::Yaml { .. })));
    assert_eq!(*scene.live.load(), Config::default());
}
