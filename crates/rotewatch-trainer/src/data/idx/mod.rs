//! MNIST's IDX files, gzipped or not.
//!
//! Layout (`LeCun`, Cortes, Burges): big-endian 32-bit words, first a magic number (2051 for pictures, 2049 for labels), then one
//! length an axis, then the bytes. The lengths are only believed as far as bytes follow them: nothing is allocated by a header.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::images::{Images, PICTURE_PIXELS, SIDE};

/// Pictures read from one file at most: 784 MB, sixteen times MNIST.
const PICTURES_MAX: u64 = 1_000_000;
const MAGIC_PICTURES: u32 = 2051;
const MAGIC_LABELS: u32 = 2049;
/// Digits are labelled 0 to 9.
const LABEL_MAX: u8 = 9;

/// Which of MNIST's two sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// 60,000 pictures.
    Train,
    /// 10,000 pictures by other writers.
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

/// Reads one of MNIST's sets from a folder that holds its files under their usual names, with or without `.gz`.
///
/// Where both are there the unpacked file is read. Whether a file is packed is seen from its bytes, not from its name.
///
/// # Errors
/// What is missing or wrong, naming the file: a folder or file that is not there, a wrong magic number, pictures that are not
/// 28 x 28, too few or too many bytes, pictures and labels that disagree in number, a label above 9.
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

/// A file being read, unpacked on the way where it is packed.
struct IdxFile {
    path: PathBuf,
    bytes: Box<dyn Read>,
    read: u64,
}

impl IdxFile {
    fn open(folder: &Path, set: &str, axes: u8) -> Result<Self, IdxError> {
        // The second spelling is what some mirrors unpack to.
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
        // One byte more than announced, to notice what should not be there; the buffer grows with what really comes.
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

    /// A gzip stream that stops early and a short plain file are the same mistake to whoever reads the message.
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
    /// The folder is not there.
    #[error("no folder {}; name the one that holds MNIST's files with --data DIR (or ROTEWATCH_DATA)", folder.display())]
    NoFolder {
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// The folder does not hold the file.
    #[error("no {name} or {name}.gz in {}; name the folder that holds MNIST's files with --data DIR", folder.display())]
    NoFile {
        /// Where it was looked for.
        folder: PathBuf,
        /// Its usual name.
        name: String,
    },
    /// The file could not be opened, read or unpacked.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system or the unpacker said.
        source: io::Error,
    },
    /// The file is of another kind.
    #[error("{} begins with the number {got}, but an IDX file of this kind with {wanted}; is it the right file?", path.display())]
    Magic {
        /// The file.
        path: PathBuf,
        /// What it begins with.
        got: u32,
        /// What it should begin with.
        wanted: u32,
    },
    /// Pictures of another size.
    #[error("{} holds pictures of {height} x {width} pixels, but MNIST's are 28 x 28", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// Rows of pixels a picture.
        height: u32,
        /// Pixels a row.
        width: u32,
    },
    /// More than anybody means to load.
    #[error("{} announces {count} items, more than the {PICTURES_MAX} that are read; is the file damaged?", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What its header says.
        count: u64,
    },
    /// The file ends early.
    #[error("{} is truncated: it ends before the {wanted} bytes that its header announces; fetch it again", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes it should hold, unpacked.
        wanted: u64,
    },
    /// The file goes on after its end.
    #[error("{} goes on after the {wanted} bytes that its header announces; fetch it again", path.display())]
    TrailingBytes {
        /// The file.
        path: PathBuf,
        /// Bytes it should hold, unpacked.
        wanted: u64,
    },
    /// Pictures and labels do not belong together.
    #[error("{} holds {pictures} pictures, but {} {labels} labels", pictures_path.display(), labels_path.display())]
    CountsDisagree {
        /// The file of pictures.
        pictures_path: PathBuf,
        /// How many.
        pictures: usize,
        /// The file of labels.
        labels_path: PathBuf,
        /// How many.
        labels: usize,
    },
    /// Not a digit.
    #[error("{} labels picture {row} (from 0) as {label}, but digits go from 0 to {LABEL_MAX}", path.display())]
    Label {
        /// The file.
        path: PathBuf,
        /// Which picture.
        row: usize,
        /// Its label.
        label: u8,
    },
}

#[cfg(test)]
mod tests;
