//! `GET /metrics`. Limits scrapes so that no number of scrapers slows a training down.
//!
//! Scrapes that arrive while another one is being written share the answer that is written next. After each write, writing pauses
//! for a multiple of the time that it took. So writing uses at most a fifth of one thread, no matter how often scrapers ask. It uses
//! more only if a write takes longer than a quarter of a second.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderValue, VARY};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use super::answer::{Answer, text, with_type};
use crate::metrics::{Exposition, Metrics};
use rotewatch_core::vocabulary::clock::Stopwatch;

/// Scrapes that are answered at the same time, from the request to the last byte that is sent.
const IN_FLIGHT: usize = 40;
/// The pause after a write, as a multiple of the time that the write took.
const REST: u32 = 4;
/// The longest pause. A write may have taken long only because it waited for a processor, and scrapers give up after ten seconds.
const REST_MAX: Duration = Duration::from_secs(1);

/// Answers scrapes.
#[derive(Debug)]
pub struct ScrapeDesk {
    places: Arc<Semaphore>,
    /// Locked while a scrape is written; requests that wait for the lock get what is written next.
    newest: Arc<Mutex<Option<Written>>>,
}

/// The text of a scrape, and when it was written.
#[derive(Debug)]
struct Written {
    /// Since before the first series was read.
    begun: Stopwatch,
    /// Since the last byte was written.
    ended: Stopwatch,
    content_type: &'static str,
    plain: Bytes,
    /// `None` until a client asks for gzip.
    compressed: Option<Bytes>,
}

/// The bytes of an answer; their permit is released when the last byte is sent.
struct InFlight {
    bytes: Bytes,
    _place: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for InFlight {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Default for ScrapeDesk {
    fn default() -> Self {
        ScrapeDesk { places: Arc::new(Semaphore::new(IN_FLIGHT)), newest: Arc::default() }
    }
}

impl ScrapeDesk {
    /// Answers with the values at the time of the request, or shortly after.
    pub(super) async fn answer(&self, metrics: &Arc<Metrics>, headers: &HeaderMap) -> Answer {
        let asked = Stopwatch::start();
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return text(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many scrapes at the same time; lower the scrape rate, one every few seconds is enough\n",
            );
        };
        let compress = takes_gzip(headers);
        let (newest, metrics) = (Arc::clone(&self.newest), Arc::clone(metrics));
        // In its own task, so that a scraper cannot skip the pause after the write by closing the connection.
        let writing = tokio::spawn(async move {
            let mut newest = newest.lock_owned().await;
            *newest = written(newest.take(), asked, &metrics, compress).await;
            let written = newest.as_ref()?;
            let compressed = written.compressed.clone().filter(|_| compress);
            Some((written.content_type, compressed.is_some(), compressed.unwrap_or_else(|| written.plain.clone())))
        });
        let Ok(Some((content_type, is_compressed, bytes))) = writing.await else {
            return text(StatusCode::INTERNAL_SERVER_ERROR, "cannot write the metrics; see the daemon's log\n");
        };
        let mut answer = with_type(StatusCode::OK, content_type, Bytes::from_owner(InFlight { bytes, _place: place }));
        answer.headers_mut().insert(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
        if is_compressed {
            answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        answer
    }
}

/// Returns the last text if its writing began after the request, else writes a new one. Returns `None` if that fails.
async fn written(last: Option<Written>, asked: Stopwatch, metrics: &Arc<Metrics>, compress: bool) -> Option<Written> {
    let waited = asked.elapsed();
    let last = match last {
        Some(last) if last.begun.elapsed() <= waited && (last.compressed.is_some() || !compress) => return Some(last),
        Some(last) if last.begun.elapsed() <= waited => Some(last),
        Some(last) => {
            tokio::time::sleep(last.rest()).await;
            None
        }
        None => None,
    };
    let metrics = Arc::clone(metrics);
    let writing = spawn_blocking(move || {
        let written = last.map_or_else(|| Written::now(&metrics), Some)?;
        Some(if compress { written.with_gzip() } else { written })
    });
    writing.await.ok().flatten()
}

impl Written {
    fn now(metrics: &Metrics) -> Option<Self> {
        let begun = Stopwatch::start();
        let Exposition { content_type, body } =
            metrics.expose().inspect_err(|error| tracing::error!("cannot write the metrics: {error}")).ok()?;
        Some(Written { begun, ended: Stopwatch::start(), content_type, plain: body.into(), compressed: None })
    }

    fn with_gzip(self) -> Self {
        let compressed = Some(gzip(&self.plain));
        Written { compressed, ended: Stopwatch::start(), ..self }
    }

    /// Returns how long the next write has to wait.
    fn rest(&self) -> Duration {
        let since = self.ended.elapsed();
        let took = self.begun.elapsed().saturating_sub(since);
        took.saturating_mul(REST).min(REST_MAX).saturating_sub(since)
    }
}

/// Returns whether a client accepts gzip, with a weight above 0.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|list| list.to_str().ok());
    let mut codings = lists.flat_map(|list| list.split(',')).map(|coding| coding.split_once(';').unwrap_or((coding, "")));
    let refuses = |weight: &str| {
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.trim().parse::<f64>().ok());
        weight.is_some_and(|weight| weight <= 0.0)
    };
    codings.any(|(coding, weight)| coding.trim().eq_ignore_ascii_case("gzip") && !refuses(weight))
}

/// Compresses with the fastest level, which already removes most of the repetition in names and labels.
#[expect(clippy::expect_used, reason = "a vector refuses no byte, and the encoder itself has nothing to refuse")]
fn gzip(text: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).and_then(|()| encoder.finish()).expect("a vector takes whatever is written to it").into()
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Either};

    use super::*;
    use rotewatch_core::intake::gate::{Capacity, Gate};
    use rotewatch_core::monitor::live_runs::LiveRuns;

    fn metrics() -> Arc<Metrics> {
        let gate = Gate::new(Capacity { frames: 1, bytes: 1 });
        Arc::new(Metrics::new(Arc::new(LiveRuns::default()), gate, Arc::default(), None, None, 1))
    }

    fn on_one_thread(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime").block_on(test);
    }

    #[test]
    fn a_scrape_has_its_place_until_its_last_byte_is_sent_and_one_more_is_refused() {
        on_one_thread(async {
            let (desk, metrics, headers) = (ScrapeDesk::default(), metrics(), HeaderMap::new());
            let mut in_flight = Vec::new();
            for _ in 0..IN_FLIGHT {
                in_flight.push(desk.answer(&metrics, &headers).await);
            }
            assert!(in_flight.iter().all(|answer| answer.status() == StatusCode::OK));
            let refused = desk.answer(&metrics, &headers).await;
            assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert!(refused.headers().contains_key(hyper::header::CONTENT_TYPE));
            in_flight.pop();
            assert_eq!(desk.answer(&metrics, &headers).await.status(), StatusCode::OK);
        });
    }

    #[test]
    fn those_who_wait_get_one_answer_and_it_is_no_older_than_their_question() {
        on_one_thread(async {
            let (desk, metrics, headers) = (Arc::new(ScrapeDesk::default()), metrics(), HeaderMap::new());
            let asked: Vec<_> = (0..IN_FLIGHT)
                .map(|_| {
                    let (desk, metrics, headers) = (Arc::clone(&desk), Arc::clone(&metrics), headers.clone());
                    tokio::spawn(async move { desk.answer(&metrics, &headers).await })
                })
                .collect();
            let mut bodies = Vec::new();
            for answer in asked {
                let Either::Left(body) = answer.await.expect("it does not panic").into_body() else { panic!("not a stream") };
                bodies.push(body.collect().await.expect("it cannot fail").to_bytes());
            }
            bodies.sort();
            bodies.dedup_by_key(|body| body.as_ptr());
            assert!(bodies.len() <= 2, "the first may have begun before the other requests: {}", bodies.len());
            metrics.requests().count("/metrics", 200);
            let later = desk.answer(&metrics, &headers).await.into_body();
            let Either::Left(later) = later else { panic!("not a stream") };
            let later = later.collect().await.expect("it cannot fail").to_bytes();
            assert!(String::from_utf8_lossy(&later).contains("rotewatch_http_requests_total"));
        });
    }

    #[test]
    fn gzip_is_for_those_who_take_it() {
        for (header, takes) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("gzip;q=1.0, *;q=0", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0", false),
            ("identity", false),
            ("xgzip", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(header))]);
            assert_eq!(takes_gzip(&headers), takes, "{header:?}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
