use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, SystemTime};

use crossbeam_channel::{Receiver, bounded};
use tempfile::TempDir;

use super::*;

/// Much longer than any of these changes takes, even on a busy machine.
const SOON: Duration = Duration::from_secs(30);

struct Scene {
    folder: TempDir,
    watcher: ConfigWatcher,
    /// `detect.smooth` of every configuration that was applied.
    smooth: Receiver<usize>,
}

impl Scene {
    /// A watcher of `conf/rotewatch.yaml` in a temporary folder that `prepare` has filled.
    fn new(prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("conf")).unwrap();
        prepare(&folder.path().join("conf"));
        let (sender, smooth) = bounded(1000);
        let wiring = Wiring {
            overlay: Box::new(|_| {}),
            on_change: Box::new(move |config| sender.try_send(config.detect.smooth).unwrap()),
            now: Box::new(|| SystemTime::UNIX_EPOCH + Duration::from_secs(7)),
        };
        let path = folder.path().join("conf/rotewatch.yaml");
        let initial = Config::read(&path).unwrap();
        let watcher = ConfigWatcher::start(&path, initial, wiring).unwrap();
        Self { folder, watcher, smooth }
    }

    fn with_smooth(smooth: usize) -> Self {
        Self::new(|conf| fs::write(conf.join("rotewatch.yaml"), text(smooth)).unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("conf").join(name)
    }

    fn write(&self, text: &str) {
        fs::write(self.path("rotewatch.yaml"), text).unwrap();
    }

    fn comes_into_force(&self, smooth: usize) {
        while let Ok(now) = self.smooth.recv_timeout(SOON) {
            if now == smooth {
                assert_eq!(self.watcher.live().load().detect.smooth, smooth);
                return;
            }
        }
        panic!("detect.smooth never became {smooth}");
    }

    fn last_reload_becomes(&self, successful: bool) {
        let pause = Duration::from_millis(5);
        let mut waited = Duration::ZERO;
        while self.watcher.live().last_reload().successful != successful {
            assert!(waited < SOON, "the last reload never became successful: {successful}");
            thread::sleep(pause);
            waited += pause;
        }
    }
}

fn text(smooth: usize) -> String {
    format!("detect:\n  smooth: {smooth}\n")
}

#[test]
fn a_changed_threshold_acts_without_a_restart() {
    let scene = Scene::with_smooth(2);
    scene.write(&text(3));
    scene.comes_into_force(3);
    assert!(scene.watcher.live().last_reload().successful);
}

#[test]
fn a_half_written_file_changes_nothing_until_it_is_whole() {
    let scene = Scene::with_smooth(2);
    scene.write("detect:\n  smooth: 4\n  stop_on: [exam");
    scene.last_reload_becomes(false);
    assert_eq!(scene.watcher.live().load().detect.smooth, 2);
    scene.write("detect:\n  smooth: 4\n  stop_on: [example_level]\n");
    scene.comes_into_force(4);
    assert!(scene.watcher.live().last_reload().successful);
}

#[test]
fn an_emptied_file_changes_nothing() {
    let scene = Scene::with_smooth(9);
    scene.write("");
    scene.last_reload_becomes(false);
    assert_eq!(scene.watcher.live().load().detect.smooth, 9);
    scene.write(&text(9));
    scene.last_reload_becomes(true);
}

#[test]
fn a_deleted_file_is_missed_and_found_again() {
    let scene = Scene::with_smooth(2);
    fs::remove_file(scene.path("rotewatch.yaml")).unwrap();
    scene.last_reload_becomes(false);
    assert_eq!(scene.watcher.live().load().detect.smooth, 2);
    scene.write(&text(5));
    scene.comes_into_force(5);
}

#[test]
fn a_deleted_folder_is_missed_and_found_again() {
    let scene = Scene::with_smooth(2);
    fs::remove_dir_all(scene.folder.path().join("conf")).unwrap();
    scene.last_reload_becomes(false);
    fs::create_dir(scene.folder.path().join("conf")).unwrap();
    scene.write(&text(5));
    scene.comes_into_force(5);
    // The new folder is watched as the old one was.
    scene.write(&text(6));
    scene.comes_into_force(6);
}

#[test]
fn a_file_renamed_over_the_old_one_is_seen() {
    let scene = Scene::with_smooth(2);
    for smooth in 3..6 {
        fs::write(scene.path("rotewatch.yaml~"), text(smooth)).unwrap();
        fs::rename(scene.path("rotewatch.yaml~"), scene.path("rotewatch.yaml")).unwrap();
        scene.comes_into_force(smooth);
    }
}

#[cfg(unix)]
#[test]
fn a_link_swapped_as_kubernetes_does_is_seen_again_and_again() {
    use std::os::unix::fs::symlink;

    let version = |conf: &Path, smooth: usize| {
        let name = format!("..{smooth}");
        fs::create_dir(conf.join(&name)).unwrap();
        fs::write(conf.join(&name).join("rotewatch.yaml"), text(smooth)).unwrap();
        symlink(&name, conf.join("..data_tmp")).unwrap();
        fs::rename(conf.join("..data_tmp"), conf.join("..data")).unwrap();
    };
    let scene = Scene::new(|conf| {
        version(conf, 2);
        symlink("..data/rotewatch.yaml", conf.join("rotewatch.yaml")).unwrap();
    });
    for smooth in 3..6 {
        version(&scene.path(""), smooth);
        fs::remove_dir_all(scene.path(&format!("..{}", smooth - 1))).unwrap();
        scene.comes_into_force(smooth);
    }
}

#[test]
fn a_burst_of_edits_ends_in_the_last_of_them_and_few_readings() {
    let scene = Scene::with_smooth(2);
    for smooth in (1..=100).rev() {
        scene.write(&text(smooth));
    }
    scene.comes_into_force(1);
    assert!(scene.smooth.is_empty(), "a configuration was applied after the last edit");
    scene.last_reload_becomes(true);
}

#[test]
fn edits_without_a_pause_do_not_keep_the_file_from_being_read() {
    let scene = Scene::with_smooth(2);
    let next = scene.path("next");
    let pause = Duration::from_millis(10);
    let mut edits = 0;
    while scene.smooth.recv_timeout(pause).is_err() {
        edits += 1;
        assert!(pause * edits < SOON, "{edits} edits, and none was applied");
        // A rename, so that the file is complete each time.
        fs::write(&next, text(3 + edits as usize % 50)).unwrap();
        fs::rename(&next, scene.path("rotewatch.yaml")).unwrap();
    }
}

#[test]
fn closing_ends_the_thread_and_what_it_shared_stays_usable() {
    let Scene { folder, watcher, smooth } = Scene::with_smooth(2);
    let (live, reloader) = (watcher.live(), watcher.reloader());
    watcher.close();
    fs::write(folder.path().join("conf/rotewatch.yaml"), text(8)).unwrap();
    reloader.reload_now().unwrap();
    assert_eq!(live.load().detect.smooth, 8);
    assert_eq!(smooth.try_recv(), Ok(8));
}
