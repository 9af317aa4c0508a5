//! An installed release that changes on disk.

use std::cell::Cell;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use noctule_core::Error;
use noctule_core::base::{
    Budget, CancelToken, Clock, NoProgress, Refusal, Seed, SeededRandom, Step,
};
use noctule_core::night::NightReport;
use noctule_core::release::{CATALOGUE_FILE, ITEMS_FILE};
use noctule_tests::town::DAY_MS;
use noctule_tests::{Phone, Town};

/// Bits flipped; `NOCTULE_FLIPS` asks for more.
const FLIPS: u64 = 1_000;

fn night(phone: &Phone) -> Result<NightReport, Error> {
    phone.run_night(Budget::unlimited(), &CancelToken::new(), &NoProgress)
}

fn next_day(phone: &Phone) {
    phone.clock.set(phone.clock.now_ms() + DAY_MS);
}

/// The files of the one installed release, by name.
fn installed(phone: &Phone) -> Vec<PathBuf> {
    let directory = phone.directory().join("releases/town@1");
    let entries = std::fs::read_dir(directory).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 4, "{files:?}");
    files
}

/// Flips one bit of the file; its time of change stays when `silently`, as in a worn flash cell.
fn flip(path: &Path, bit: usize, silently: bool) {
    let mut file = File::options().read(true).write(true).open(path).unwrap();
    let changed = file.metadata().unwrap().modified().unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::Start(bit as u64 / 8)).unwrap();
    file.read_exact(&mut byte).unwrap();
    byte[0] ^= 1 << (bit % 8);
    file.seek(SeekFrom::Start(bit as u64 / 8)).unwrap();
    file.write_all(&byte).unwrap();
    if silently {
        file.set_modified(changed).unwrap();
    }
}

fn generations(phone: &Phone) -> Vec<Option<u64>> {
    phone.slates(3).iter().map(|answer| answer.generation).collect()
}

#[test]
fn a_flipped_bit_anywhere_is_noticed_by_the_next_night_before_a_slate_is_made() {
    let flips = std::env::var("NOCTULE_FLIPS").map_or(FLIPS, |text| text.parse().unwrap());
    let scratch = tempfile::tempdir().unwrap();
    let mut phone = Phone::with(&Town::default(), scratch.path());
    phone.whole_night();
    let files = installed(&phone);
    let bits: Vec<usize> =
        files.iter().map(|path| 8 * std::fs::metadata(path).unwrap().len() as usize).collect();
    let mut random = SeededRandom::new(Seed(2_026));
    let mut touched = vec![0; files.len()];
    for count in 0..flips {
        let which = random.below(files.len());
        let (path, bit) = (&files[which], random.below(bits[which]));
        if count % 10 == 9 {
            // Also in a process that has not opened the release yet.
            phone = phone.reopen();
        }
        next_day(&phone);
        let before = generations(&phone);
        flip(path, bit, count % 2 == 0);
        let result = night(&phone);
        let named = path.file_name().unwrap().to_str().unwrap();
        match &result {
            Err(Error::ReleaseDamaged { release, file, .. }) => {
                assert_eq!((release.as_str(), file.as_str()), ("town@1", named));
            }
            other => panic!("bit {bit} of {named} was missed: {other:?}"),
        }
        let status = phone.status().unwrap();
        let told = result.unwrap_err().to_string();
        assert!(status.damaged.contains(&told), "{told} is not in {:?}", status.damaged);
        assert_eq!(generations(&phone), before, "a slate was made of bit {bit} of {named}");
        flip(path, bit, count % 3 == 0);
        touched[which] += 1;
        if count % 25 == 0 {
            // Whole again, it is used again.
            let report = night(&phone).unwrap();
            assert_eq!((report.published, report.remaining), (6, 0));
        }
    }
    eprintln!("{flips} flips noticed, by file {touched:?}");
    assert!(flips < 100 || touched.iter().all(|count| *count > 0), "{touched:?}");
}

/// R-29 asks for less than half a second: the figures are printed, and not asserted, since this
/// machine may be busy.
#[test]
fn a_tampered_release_gives_way_to_the_previous_one_and_the_time_it_takes_is_told() {
    let scratch = tempfile::tempdir().unwrap();
    let town = |version| Town { items: 40_000, version, ..Town::default() };
    let phone = Phone::with(&town(1), scratch.path());
    phone.whole_night();
    let second = town(2).pack(scratch.path());
    let mut random = SeededRandom::new(Seed(29));
    let (mut slowest, mut sum) = (Duration::ZERO, Duration::ZERO);
    for round in 0..20 {
        phone.install_release(&second).unwrap();
        next_day(&phone);
        if round % 2 == 0 {
            phone.whole_night();
            next_day(&phone);
        }
        let path = phone.directory().join("releases/town@2").join(ITEMS_FILE);
        let bits = 8 * std::fs::metadata(&path).unwrap().len() as usize;
        flip(&path, random.below(bits), true);
        let begun = Instant::now();
        let moment = Cell::new(None);
        let first_slate = |step, done, _| {
            if step == Step::Slates && done == 1 && moment.get().is_none() {
                moment.set(Some(begun.elapsed()));
            }
        };
        phone.run_night(Budget::unlimited(), &CancelToken::new(), &first_slate).unwrap();
        let took = moment.get().expect("the night made slates");
        assert_eq!(phone.status().unwrap().release.as_deref(), Some("town@1"));
        (slowest, sum) = (slowest.max(took), sum + took);
    }
    eprintln!("fall-backs of 40,000 items: mean {:?}, slowest {slowest:?}", sum / 20);
}

#[test]
fn a_release_that_is_gone_cut_or_replaced_is_damaged_and_installing_it_again_repairs_it() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    phone.whole_night();
    let (source, home) = (scratch.path().join("1"), phone.directory().join("releases/town@1"));
    let spoil: [&dyn Fn(); 4] = [
        &|| std::fs::remove_file(home.join(ITEMS_FILE)).unwrap(),
        &|| std::fs::remove_dir_all(&home).unwrap(),
        &|| {
            let file = File::options().write(true).open(home.join(CATALOGUE_FILE)).unwrap();
            file.set_len(7).unwrap();
        },
        &|| {
            // Another file of the same length under the same name.
            let length = std::fs::metadata(home.join(ITEMS_FILE)).unwrap().len();
            std::fs::write(home.join("other"), vec![0; length as usize]).unwrap();
            std::fs::rename(home.join("other"), home.join(ITEMS_FILE)).unwrap();
        },
    ];
    for spoil in spoil {
        next_day(&phone);
        spoil();
        let error = night(&phone).unwrap_err();
        assert!(matches!(error, Error::ReleaseDamaged { .. }), "{error}");
        assert!(!phone.slates(3).iter().any(|answer| answer.items.is_empty()));
        phone.install_release(&source).unwrap();
        phone.whole_night();
    }
}

#[test]
fn a_night_with_nothing_to_make_does_not_read_the_release() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    phone.whole_night();
    flip(&installed(&phone)[1], 77, true);
    let report = night(&phone).unwrap();
    assert_eq!((report.published, report.kept), (0, 6));
    next_day(&phone);
    let error = night(&phone).unwrap_err();
    let Error::ReleaseDamaged { refusal, .. } = &error else { panic!("{error}") };
    assert!(matches!(**refusal, Refusal::WrongHash { .. }), "{refusal}");
}

#[test]
fn a_delivered_release_is_installed_by_moving() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::open(&scratch.path().join("profile"));
    let releases = phone.directory().join("releases");
    std::fs::create_dir_all(&releases).unwrap();
    let staged = releases.join(".incoming-1");
    std::fs::rename(Town::default().pack(scratch.path()), &staged).unwrap();
    assert_eq!(phone.install_staged(&staged).unwrap().to_string(), "town@1");
    assert!(!staged.exists());
    phone.whole_night();
    // The next one is refused: the one before stays, and the delivery finds what it fetched.
    std::fs::rename(Town { version: 2, ..Town::default() }.pack(scratch.path()), &staged).unwrap();
    flip(&staged.join(ITEMS_FILE), 4_000, false);
    assert!(matches!(phone.install_staged(&staged), Err(Error::ReleaseRefused { .. })));
    assert!(staged.join(ITEMS_FILE).exists());
    assert_eq!(phone.status().unwrap().release.as_deref(), Some("town@1"));
}
