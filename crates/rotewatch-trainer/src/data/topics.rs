//! Short texts about one of ten topics, generated token by token.
//!
//! Every topic has preferred words. The rest of a text is common words, of which some are frequent and most are rare. The class is the
//! topic. No single word reveals it: topics overlap, and a text has only a few of its topic's words.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tch::Tensor;

use super::seed::{Draw, generator};
use super::split::{Split, label_tensor};
use super::task_data::{TaskData, differing, redrawn, row_counts};
use crate::options::TaskOptions;

/// Different tokens.
pub(crate) const VOCABULARY: i64 = 256;
/// Tokens of one text.
pub(crate) const LENGTH: i64 = 16;
/// Classes.
const TOPICS: u8 = 10;
/// Number of tokens that a topic prefers; with 24 of 256 for each of ten topics, topics overlap.
const LIKED: usize = 24;
/// How often a token is one that the topic prefers.
const LIKED_SHARE: f32 = 0.3;
/// The topics are the same for every seed: a seed changes the texts, not the language.
const LANGUAGE_SEED: u64 = 0;
const TEST_ROWS: usize = 5_000;

/// Draws the examples of the task. The options must have been checked.
pub(super) fn load(options: &TaskOptions, seed: u64) -> TaskData {
    let language = Language::new();
    let mut texts = generator(seed, Draw::Examples);
    let mut label_draws = generator(seed, Draw::Labels);
    let mut spoilt = |rows: usize| {
        let truth = topics(rows, &mut texts);
        let inputs = language.texts(&truth, &mut texts);
        let labels = redrawn(&truth, options.label_noise, TOPICS, &mut label_draws);
        (Split { inputs, labels: label_tensor(&labels) }, differing(&truth, &labels))
    };
    let [(train, wrong), (probe, _), (hold_out, _)] = row_counts(options).map(&mut spoilt);
    let mut test_texts = generator(seed, Draw::TestExamples);
    let truth = topics(TEST_ROWS, &mut test_texts);
    let test = Split { inputs: language.texts(&truth, &mut test_texts), labels: label_tensor(&truth) };
    TaskData::unshifted(i64::from(TOPICS), [train, probe, hold_out, test], &wrong)
}

fn topics(rows: usize, random: &mut ChaCha8Rng) -> Vec<u8> {
    (0..rows).map(|_| random.random_range(0..TOPICS)).collect()
}

/// Which tokens are common, and which ones each topic prefers.
struct Language {
    /// For the token of each rank, how often it or one before it is drawn as a common word; ends at 1.
    common: Vec<f32>,
    /// The preferred tokens of each topic.
    liked: Vec<Vec<i64>>,
}

impl Language {
    fn new() -> Self {
        let mut random = generator(LANGUAGE_SEED, Draw::Language);
        let total: f32 = (0..VOCABULARY).map(frequency).sum();
        let common = (0..VOCABULARY).scan(0.0, |sum, rank| {
            *sum += frequency(rank) / total;
            Some(*sum)
        });
        let common = common.collect();
        let mut tokens: Vec<i64> = (0..VOCABULARY).collect();
        let mut some_tokens = || tokens.partial_shuffle(&mut random, LIKED).0.to_vec();
        Language { common, liked: (0..TOPICS).map(|_| some_tokens()).collect() }
    }

    /// A text for each topic: rows x tokens, i64.
    fn texts(&self, topics: &[u8], random: &mut ChaCha8Rng) -> Tensor {
        let mut tokens = Vec::new();
        for &topic in topics {
            tokens.extend((0..LENGTH).map(|_| self.token(topic, random)));
        }
        Tensor::from_slice(&tokens).view([-1, LENGTH])
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "a topic is drawn below their number, and each likes words; a word is drawn below theirs"
    )]
    fn token(&self, topic: u8, random: &mut ChaCha8Rng) -> i64 {
        if random.random::<f32>() < LIKED_SHARE {
            let liked = &self.liked[usize::from(topic)];
            return liked[random.random_range(0..liked.len())];
        }
        let at: f32 = random.random();
        let rank = self.common.partition_point(|&up_to| up_to <= at) as i64;
        // Rounding may leave the last sum below 1.
        rank.min(VOCABULARY - 1)
    }
}

/// How often the common word of a rank is drawn, relative to the first. It falls with the rank as in languages (Zipf 1935).
fn frequency(rank: i64) -> f32 {
    1.0 / (rank + 1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Task;
    use std::collections::BTreeMap;

    fn load_with(label_noise: f64, seed: u64) -> TaskData {
        load(&TaskOptions { task: Task::Topics, examples: 4_000, label_noise, ..TaskOptions::default() }, seed)
    }

    /// The topic that prefers the most tokens of a text, for each text.
    fn by_liked_tokens(inputs: &Tensor) -> Vec<i64> {
        let language = Language::new();
        let tokens = Vec::<i64>::try_from(inputs.flatten(0, -1)).unwrap();
        let liked = |topic: usize, text: &[i64]| text.iter().filter(|token| language.liked[topic].contains(token)).count();
        let best = |text: &[i64]| (0..10).rev().max_by_key(|&topic| liked(topic, text)).unwrap() as i64;
        tokens.chunks_exact(16).map(best).collect()
    }

    #[test]
    fn liked_words_tell_the_topic_often_but_not_always() {
        let test = load_with(0.0, 1).test;
        let labels = Vec::<i64>::try_from(&test.labels).unwrap();
        let right = by_liked_tokens(&test.inputs).iter().zip(&labels).filter(|(guess, label)| guess == label).count();
        let share = right as f64 / labels.len() as f64;
        assert!((0.6..0.97).contains(&share), "{share}");
    }

    #[test]
    fn common_words_are_drawn_as_often_as_their_rank_says() {
        let texts = load_with(0.0, 1).train.inputs;
        let mut counts = BTreeMap::new();
        for token in Vec::<i64>::try_from(texts.flatten(0, -1)).unwrap() {
            assert!((0..VOCABULARY).contains(&token));
            *counts.entry(token).or_insert(0) += 1;
        }
        assert!(counts[&0] > 3 * counts[&9], "{} and {}", counts[&0], counts[&9]);
    }

    #[test]
    fn noise_changes_labels_and_no_text() {
        let (clean, noisy) = (load_with(0.0, 1), load_with(0.4, 1));
        assert!(clean.train.inputs == noisy.train.inputs && clean.test.labels == noisy.test.labels);
        assert_eq!(clean.train.inputs.size(), [4_000, 16]);
        // One in ten of the labels drawn anew stays right.
        let wrong = noisy.mislabelled.unwrap().size()[0];
        assert!((1_380..=1_500).contains(&wrong), "{wrong} of 4,000");
        assert!(clean.train.inputs != load_with(0.0, 2).train.inputs);
    }
}
