//! MNIST's IDX files, gzipped or not.
//!
//! Layout (`LeCun`, Cortes, Burges): big-endian 32-bit words, first a magic number (2051 for images, 2049 for labels), then one
//! length per axis, then the bytes. Memory is allocated for the bytes that are really there, never for lengths in a header.
//! By hand: the format is these few words, and an error names the file and what is wrong with it.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::images::{Images, PICTURE_PIXELS, SIDE};

/// The maximum number of images in a file: 784 MB, sixteen times MNIST.
const PICTURES_MAX: u64 = 1_000_000;
const MAGIC_PICTURES: u32 = 2051;
const MAGIC_LABELS: u32 = 2049;
/// Digits are labelled 0 to 9.
const LABEL_MAX: u8 = 9;

/// Which of MNIST's two sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// 60,000 images.
    Train,
    /// 10,000 images by other writers.
    Test,
}

impl Part {
    fn stem(self) -> &'static str {
        match self {
            Part::Train => "train",
            Part::Test => "t10k",
        }
    }
}

/// Reads one of MNIST's sets from a folder with its files under their usual names, with or without `.gz`.
///
/// If both exist, the uncompressed file is read. The bytes decide whether a file is compressed, not its name.
///
/// # Errors
/// Names the file and what is wrong with it: a missing folder or file, a wrong magic number, images that are not 28 x 28, too few or
/// too many bytes, different numbers of images and labels, a label above 9.
pub fn read(folder: &Path, part: Part) -> Result<Images, IdxError> {
    if !folder.is_dir() {
        return Err(IdxError::NoFolder { folder: folder.to_owned() });
    }
    let (pictures_path, pixels) = read_pictures(folder, part)?;
    let (labels_path, labels) = read_labels(folder, part)?;
    let pictures = pixels.len() / PICTURE_PIXELS;
    if pictures != labels.len() {
        return Err(IdxError::CountsDisagree { pictures_path, pictures, labels_path, labels: labels.len() });
    }
    Ok(Images { pixels, labels })
}

fn read_pictures(folder: &Path, part: Part) -> Result<(PathBuf, Vec<u8>), IdxError> {
    let mut file = IdxFile::open(folder, &format!("{}-images", part.stem()), 3)?;
    file.expect_magic(MAGIC_PICTURES)?;
    let count = u64::from(file.word()?);
    let (height, width) = (file.word()?, file.word()?);
    if (height as usize, width as usize) != (SIDE, SIDE) {
        return Err(IdxError::Shape { path: file.path, height, width });
    }
    let pixels = file.body(count, PICTURE_PIXELS as u64)?;
    Ok((file.path, pixels))
}

fn read_labels(folder: &Path, part: Part) -> Result<(PathBuf, Vec<u8>), IdxError> {
    let mut file = IdxFile::open(folder, &format!("{}-labels", part.stem()), 1)?;
    file.expect_magic(MAGIC_LABELS)?;
    let count = u64::from(file.word()?);
    let labels = file.body(count, 1)?;
    if let Some((row, &label)) = labels.iter().enumerate().find(|&(_, &label)| label > LABEL_MAX) {
        return Err(IdxError::Label { path: file.path, row, label });
    }
    Ok((file.path, labels))
}

/// A file that is being read, and decompressed if it is compressed.
struct IdxFile {
    path: PathBuf,
    bytes: Box<dyn Read>,
    read: u64,
}

impl IdxFile {
    fn open(folder: &Path, set: &str, axes: u8) -> Result<Self, IdxError> {
        // Some mirrors use the second spelling for uncompressed files.
        let spellings = [format!("{set}-idx{axes}-ubyte"), format!("{set}.idx{axes}-ubyte")];
        let names = spellings.iter().flat_map(|name| [name.clone(), format!("{name}.gz")]);
        let Some(path) = names.map(|name| folder.join(name)).find(|path| path.is_file()) else {
            return Err(IdxError::NoFile { folder: folder.to_owned(), name: spellings[0].clone() });
        };
        let failed = |source| IdxError::Read { path: path.clone(), source };
        let mut start = [0; 2];
        let mut peek = File::open(&path).map_err(failed)?;
        let is_gzip = peek.read_exact(&mut start).is_ok() && start == [0x1f, 0x8b];
        let file = BufReader::new(File::open(&path).map_err(failed)?);
        let bytes: Box<dyn Read> = if is_gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        Ok(IdxFile { path, bytes, read: 0 })
    }

    /// The next big-endian word.
    fn word(&mut self) -> Result<u32, IdxError> {
        let mut word = [0; 4];
        self.bytes.read_exact(&mut word).map_err(|source| self.failed(source, self.read + 4))?;
        self.read += 4;
        Ok(u32::from_be_bytes(word))
    }

    fn expect_magic(&mut self, wanted: u32) -> Result<(), IdxError> {
        let got = self.word()?;
        if got == wanted { Ok(()) } else { Err(IdxError::Magic { path: self.path.clone(), got, wanted }) }
    }

    /// The rest of the file, which must be `count` items of `item_bytes`.
    fn body(&mut self, count: u64, item_bytes: u64) -> Result<Vec<u8>, IdxError> {
        if count > PICTURES_MAX {
            return Err(IdxError::TooLarge { path: self.path.clone(), count });
        }
        let wanted = count * item_bytes;
        let mut body = Vec::new();
        // Reads one byte more than announced to detect trailing bytes; the buffer grows with the bytes that are really there.
        let outcome = (&mut self.bytes).take(wanted + 1).read_to_end(&mut body);
        outcome.map_err(|source| self.failed(source, self.read + wanted))?;
        let got = body.len() as u64;
        if got < wanted {
            return Err(IdxError::Truncated { path: self.path.clone(), wanted: self.read + wanted });
        }
        if got > wanted {
            return Err(IdxError::TrailingBytes { path: self.path.clone(), wanted: self.read + wanted });
        }
        Ok(body)
    }

    /// A gzip stream that ends early and a short plain file are reported in the same way.
    fn failed(&self, source: io::Error, wanted: u64) -> IdxError {
        let path = self.path.clone();
        match source.kind() {
            io::ErrorKind::UnexpectedEof => IdxError::Truncated { path, wanted },
            _ => IdxError::Read { path, source },
        }
    }
}

/// Why MNIST could not be read.
#[derive(Debug, thiserror::Error)]
pub enum IdxError {
    /// The folder does not exist.
    #[error("folder {} does not exist; set --data DIR (or ROTEWATCH_DATA) to the folder with MNIST's files", folder.display())]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// The file is not in the folder.
    #[error("no {name} or {name}.gz in {}; set --data DIR to the folder with MNIST's files", folder.display())]
    NoFile {
        /// The folder.
        folder: PathBuf,
        /// The usual name of the file.
        name: String,
    },
    /// The file could not be opened, read or decompressed.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the system or the decompressor.
        source: io::Error,
    },
    /// The file is of another kind.
    #[error("{} begins with the number {got}, but such an IDX file begins with {wanted}; is it the right file?", path.display())]
    Magic {
        /// The file.
        path: PathBuf,
        /// What it begins with.
        got: u32,
        /// What it should begin with.
        wanted: u32,
    },
    /// Images of another size.
    #[error("{} has images of {height} x {width} pixels, but MNIST's are 28 x 28; is it the right file?", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// Rows of pixels per image.
        height: u32,
        /// Pixels per row.
        width: u32,
    },
    /// More images than the maximum.
    #[error("{} announces {count} items, but the maximum is {PICTURES_MAX}; is the file damaged?", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What its header says.
        count: u64,
    },
    /// The file ends early.
    #[error("{} is truncated: it has fewer than the {wanted} bytes that its header announces; download it again", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes it should hold, unpacked.
        wanted: u64,
    },
    /// The file is longer than announced.
    #[error("{} has more than the {wanted} bytes that its header announces; download it again", path.display())]
    TrailingBytes {
        /// The file.
        path: PathBuf,
        /// Bytes it should hold, unpacked.
        wanted: u64,
    },
    /// Images and labels do not belong together.
    #[error("{} has {pictures} images, but {} has {labels} labels; download both again", pictures_path.display(), labels_path.display())]
    CountsDisagree {
        /// The file with the images.
        pictures_path: PathBuf,
        /// How many.
        pictures: usize,
        /// The file with the labels.
        labels_path: PathBuf,
        /// How many.
        labels: usize,
    },
    /// Not a digit.
    #[error("{} labels image {row} (from 0) as {label}, but labels are 0 to {LABEL_MAX}; is it the right file?", path.display())]
    Label {
        /// The file.
        path: PathBuf,
        /// Which image.
        row: usize,
        /// Its label.
        label: u8,
    },
}

#[cfg(test)]
mod tests;
