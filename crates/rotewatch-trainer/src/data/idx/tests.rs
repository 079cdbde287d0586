//! Tests with small files, one mistake each, and with the real files if `ROTEWATCH_DATA` is set.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;

const PICTURES: &str = "train-images-idx3-ubyte";
const LABELS: &str = "train-labels-idx1-ubyte";

fn pictures(count: u32, body_rows: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = [MAGIC_PICTURES, count, 28, 28].iter().flat_map(|word| word.to_be_bytes()).collect();
    bytes.extend((0..body_rows * PICTURE_PIXELS).map(|index| u8::try_from(index % 251).unwrap()));
    bytes
}

fn labels(count: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = [MAGIC_LABELS, count].iter().flat_map(|word| word.to_be_bytes()).collect();
    bytes.extend(body);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn folder(files: &[(&str, Vec<u8>)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn message(files: &[(&str, Vec<u8>)]) -> String {
    let folder = folder(files);
    read(folder.path(), Part::Train).unwrap_err().to_string()
}

#[test]
fn reads_plain_and_packed_files_alike() {
    let plain = folder(&[(PICTURES, pictures(3, 3)), (LABELS, labels(3, &[7, 0, 9]))]);
    let packed =
        folder(&[("train-images-idx3-ubyte.gz", gzip(&pictures(3, 3))), ("train-labels.idx1-ubyte", labels(3, &[7, 0, 9]))]);
    let images = read(plain.path(), Part::Train).unwrap();
    assert_eq!(images.labels, [7, 0, 9]);
    assert_eq!(images.picture(1)[0], u8::try_from(784 % 251).unwrap());
    assert_eq!(images, read(packed.path(), Part::Train).unwrap());
}

#[test]
fn a_missing_folder_and_a_missing_file_name_the_remedy() {
    let missing = read(Path::new("no-such-folder"), Part::Train).unwrap_err().to_string();
    assert!(missing.contains("no-such-folder") && missing.contains("--data DIR"), "{missing}");
    let message = message(&[(PICTURES, pictures(1, 1))]);
    assert!(message.contains("train-labels-idx1-ubyte or train-labels-idx1-ubyte.gz"), "{message}");
    assert!(message.contains("--data DIR"), "{message}");
}

#[test]
fn a_wrong_magic_number_names_the_file() {
    let message = message(&[(PICTURES, labels(3, &[1, 2, 3])), (LABELS, labels(3, &[1, 2, 3]))]);
    assert!(message.contains(PICTURES) && message.contains("2049") && message.contains("2051"), "{message}");
}

#[test]
fn a_truncated_file_is_named_packed_or_not_wherever_it_ends() {
    let whole = pictures(3, 3);
    let packed = gzip(&whole);
    for end in [0, 3, 9, 16, whole.len() - 1] {
        let message = message(&[(PICTURES, whole[..end].to_vec()), (LABELS, labels(3, &[1, 2, 3]))]);
        assert!(message.contains(PICTURES) && message.contains("truncated"), "{end}: {message}");
    }
    for end in [12, packed.len() / 2, packed.len() - 1] {
        let message = message(&[(PICTURES, packed[..end].to_vec()), (LABELS, labels(3, &[1, 2, 3]))]);
        assert!(message.contains(PICTURES) && message.contains("truncated"), "{end}: {message}");
    }
}

#[test]
fn bytes_after_the_end_are_an_error() {
    let message = message(&[(PICTURES, pictures(2, 2)), (LABELS, labels(2, &[1, 2, 3]))]);
    assert!(message.contains(LABELS) && message.contains("more than the 10 bytes"), "{message}");
}

#[test]
fn counts_that_disagree_name_both_files() {
    let message = message(&[(PICTURES, pictures(2, 2)), (LABELS, labels(3, &[1, 2, 3]))]);
    assert!(message.contains("2 images") && message.contains("3 labels"), "{message}");
    assert!(message.contains(PICTURES) && message.contains(LABELS), "{message}");
}

#[test]
fn a_label_above_nine_is_an_error() {
    let message = message(&[(PICTURES, pictures(2, 2)), (LABELS, labels(2, &[9, 10]))]);
    assert!(message.contains(LABELS) && message.contains("image 1 (from 0) as 10"), "{message}");
}

#[test]
fn lengths_in_the_header_allocate_nothing() {
    let announced = message(&[(PICTURES, pictures(u32::MAX, 1)), (LABELS, labels(1, &[1]))]);
    assert!(announced.contains("announces 4294967295"), "{announced}");
    let believable = message(&[(PICTURES, pictures(1_000_000, 1)), (LABELS, labels(1, &[1]))]);
    assert!(believable.contains("truncated"), "{believable}");
    let mut wide = pictures(1, 1);
    wide[12..16].copy_from_slice(&u32::MAX.to_be_bytes());
    let shape = message(&[(PICTURES, wide), (LABELS, labels(1, &[1]))]);
    assert!(shape.contains("28 x 4294967295"), "{shape}");
}

#[test]
fn damaged_packing_names_the_file() {
    let mut packed = gzip(&pictures(3, 3));
    let middle = packed.len() / 2;
    packed[middle..middle + 8].fill(0xff);
    let message = message(&[(PICTURES, packed), (LABELS, labels(3, &[1, 2, 3]))]);
    assert!(message.contains(PICTURES), "{message}");
}

#[test]
fn reads_the_real_files() {
    let Some(folder) = crate::data::mnist_for_tests("reads_the_real_files") else {
        return;
    };
    let train = read(&folder, Part::Train).unwrap();
    let test = read(&folder, Part::Test).unwrap();
    assert_eq!((train.rows(), test.rows()), (60_000, 10_000));
    assert_eq!(train.labels[..5], [5, 0, 4, 1, 9]);
    assert_eq!(test.labels[..5], [7, 2, 1, 0, 4]);
}
