//! The PUT and POST routes: declare a run, send activations, end an epoch or a run, ask a run to stop.
//!
//! Slow work (hashing, parsing, copying, taking the lock of a run's name) happens on worker threads; the HTTP thread only receives
//! and answers.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::address::{AddressError, Parameters, Resource};
use super::alerts::AlertDesk;
use super::answer::{Answer, error, json};
use super::api;
use super::body::{BodyBudget, ReceivedBody, forget};
use super::feed::EventFeed;
use super::token::carries;
use crate::ingest::bodies::{self, DeclaredRun};
use crate::ingest::{DOCUMENT_BYTES_MAX, FrameKey, Ingest, Origin, Refusal, RefusalKind, Taken};
use rotewatch_core::intake::run::Run;
use rotewatch_core::intake::stop::StopReason;
use rotewatch_core::monitor::live_runs::LiveRuns;
use rotewatch_core::record::{StateRecord, document};
use rotewatch_core::vocabulary::identity::LayerName;
use rotewatch_core::vocabulary::verdict::VerdictWord;

/// The longest time that the answer to an epoch's end waits for the verdict.
const WAIT_MAX_SECONDS: f64 = 30.0;

/// Number of documents of maximum size that can be received at the same time; most documents are a thousand times smaller.
const DOCUMENTS_AT_A_TIME: u64 = 16;

/// How long the answer to a declaration waits for what the history has about the run.
const KNOWN_PATIENCE: Duration = Duration::from_secs(2);

/// Handles the PUT and POST requests.
#[derive(Debug)]
pub struct IngestSite {
    /// Receives runs from clients; `None` if this process watches only its own training.
    ingest: Option<Arc<Ingest>>,
    token: String,
    body_bytes: u64,
    budget: BodyBudget,
    /// Separate from `budget`, so that uploads cannot block a request to stop.
    documents: BodyBudget,
    alerts: AlertDesk,
}

impl IngestSite {
    /// Requires `token` in requests. A frame has at most `body_bytes`, all frames together at most `all_bodies_bytes`.
    #[must_use]
    pub fn new(ingest: Option<Arc<Ingest>>, token: String, body_bytes: u64, all_bodies_bytes: u64) -> Self {
        let budget = BodyBudget::new(all_bodies_bytes.max(body_bytes));
        let documents = BodyBudget::new(DOCUMENTS_AT_A_TIME * DOCUMENT_BYTES_MAX);
        IngestSite { ingest, token, body_bytes, budget, documents, alerts: AlertDesk::default() }
    }

    /// Answers a PUT or POST below `/api/v1/`.
    pub(super) async fn answer(
        &self,
        runs: &LiveRuns,
        events: &EventFeed,
        resource: Resource,
        mut request: Request<Incoming>,
    ) -> Answer {
        if !carries(&request, &self.token) {
            forget(&mut request).await;
            let says = "the token is missing or wrong; send `Authorization: Bearer TOKEN` with the token from the file `token` in the state folder";
            return error(StatusCode::UNAUTHORIZED, says);
        }
        match self.take(runs, events, resource, &mut request).await {
            Ok(answer) => answer,
            // The client was too slow already, so the rest of its body is not received.
            Err(refused) if refused.status() == StatusCode::REQUEST_TIMEOUT => refused,
            Err(refused) => {
                forget(&mut request).await;
                refused
            }
        }
    }

    async fn take(
        &self,
        runs: &LiveRuns,
        events: &EventFeed,
        resource: Resource,
        request: &mut Request<Incoming>,
    ) -> Result<Answer, Answer> {
        let mut query = Parameters::read(request.uri().query()).map_err(unprocessable)?;
        match (resource, request.method()) {
            (Resource::Stop(name), _) => {
                query.end().map_err(unprocessable)?;
                let body = self.document(request).await?;
                let reason = bodies::stop_reason(&body.bytes).map_err(|fault| refusal(&fault.into()))?;
                let view = runs.runs().get(&name).cloned().ok_or_else(|| api::unknown(&name))?;
                if !view.run.is_open() {
                    return Err(error(StatusCode::CONFLICT, format!("run {name} has ended")));
                }
                // The first reason is kept.
                let first = view.run.stop().request(StopReason::Asked { reason });
                if first {
                    tracing::info!(run = %name, "asked to stop over HTTP");
                    events.stop_asked(&view.run);
                }
                Ok(json(StatusCode::OK, &document(&view.run.state())))
            }
            (Resource::Alerts, _) => {
                let instance = query.instance();
                query.end().map_err(unprocessable)?;
                let body = self.document(request).await?;
                Ok(self.alerts.answer(runs, events, instance.as_deref(), &body.bytes))
            }
            (resource, _) => self.take_in(resource, query, request).await,
        }
    }

    /// Handles what the trainer of a run sends.
    async fn take_in(
        &self,
        resource: Resource,
        mut query: Parameters,
        request: &mut Request<Incoming>,
    ) -> Result<Answer, Answer> {
        let Some(ingest) = self.ingest.clone() else {
            let says = "this process watches only its own training; send runs to `rotewatch serve`";
            return Err(error(StatusCode::FORBIDDEN, says));
        };
        match (resource, request.method()) {
            (Resource::Run(run), &Method::PUT) => {
                query.end().map_err(unprocessable)?;
                let body = self.document(request).await?;
                let declared = on_worker(move || {
                    let declared = DeclaredRun::read(&body.bytes).map_err(Refusal::from)?;
                    ingest.declare(run, declared, Origin::Http)
                });
                let run = declared.await?;
                // So a trainer that resumes after a crash learns which epoch was committed last.
                let _ = timeout(KNOWN_PATIENCE, run.known()).await;
                Ok(json(StatusCode::OK, &declared_run(&run)))
            }
            (Resource::Activations(run, epoch), _) => {
                let attempt = query.attempt().map_err(unprocessable)?;
                let seq = query.number("seq", u64::MAX).and_then(|seq| seq.ok_or(AddressError::Missing { name: "seq" }));
                let seq = seq.map_err(unprocessable)?;
                let set = query.row_set().map_err(unprocessable)?;
                query.end().map_err(unprocessable)?;
                let body = self.budget.receive(request, self.body_bytes, "limits.body").await?;
                on_worker(move || Ok(taken(&ingest.activations(&run, attempt, FrameKey { epoch, set, seq }, &body.bytes)?))).await
            }
            (Resource::End(run, epoch), _) => {
                let attempt = query.attempt().map_err(unprocessable)?;
                let words = Words::of(request.headers());
                let wait = Duration::from_secs_f64(query.wait_seconds().map_err(unprocessable)?.min(WAIT_MAX_SECONDS));
                query.end().map_err(unprocessable)?;
                let body = self.document(request).await?;
                let ended = on_worker(move || {
                    let metrics = bodies::epoch_metrics(&body.bytes).map_err(Refusal::from)?;
                    ingest.end_epoch(&run, attempt, epoch, metrics)
                });
                let run = ended.await?;
                let judged_and_kept = async {
                    if run.judged(epoch).await.epoch.is_some_and(|newest| newest >= epoch) {
                        run.settled(epoch).await;
                    }
                };
                // With a wait of 0 this reports whether the epoch is already judged.
                let _ = timeout(wait, judged_and_kept).await;
                Ok(json(StatusCode::OK, &document(&words.known(run.state()))))
            }
            (Resource::Finish(run), _) => {
                let attempt = query.attempt().map_err(unprocessable)?;
                query.end().map_err(unprocessable)?;
                let body = self.document(request).await?;
                on_worker(move || {
                    let ending = bodies::ending(&body.bytes).map_err(Refusal::from)?;
                    let run = ingest.finish(&run, attempt, ending)?;
                    let status = run.ending().unwrap_or(ending).to_string();
                    let attempt = attempt.to_string();
                    Ok(json(StatusCode::OK, &json!({ "run": run.name().as_str(), "attempt": attempt, "status": status })))
                })
                .await
            }
            _ => Err(error(StatusCode::NOT_FOUND, AddressError::NoRoute)),
        }
    }

    async fn document(&self, request: &mut Request<Incoming>) -> Result<ReceivedBody, Answer> {
        self.documents.receive(request, DOCUMENT_BYTES_MAX.min(self.body_bytes), "a document").await
    }
}

/// The verdicts that a client of an epoch's end knows. For one release, those that know no `cannot_judge` get `too_early` with the same
/// reason: the Python client of version 0.1.0 takes any other word for the answer of another program.
enum Words {
    All,
    OfVersion010,
}

impl Words {
    fn of(headers: &HeaderMap) -> Self {
        if headers.contains_key("rotewatch-verdicts") { Words::All } else { Words::OfVersion010 }
    }

    fn known(self, mut state: StateRecord) -> StateRecord {
        if matches!(self, Words::OfVersion010) && state.verdict.verdict == Some(VerdictWord::CannotJudge) {
            state.verdict.verdict = Some(VerdictWord::TooEarly);
        }
        state
    }
}

/// Runs work on a worker thread.
async fn on_worker<T: Send + 'static>(work: impl FnOnce() -> Result<T, Refusal> + Send + 'static) -> Result<T, Answer> {
    match spawn_blocking(work).await {
        Ok(done) => done.map_err(|refused| refusal(&refused)),
        Err(_) => Err(error(StatusCode::INTERNAL_SERVER_ERROR, "internal error; see the daemon's log")),
    }
}

fn unprocessable(fault: AddressError) -> Answer {
    error(StatusCode::UNPROCESSABLE_ENTITY, fault)
}

fn refusal(refused: &Refusal) -> Answer {
    let status = match refused.kind() {
        RefusalKind::NotDeclared => StatusCode::NOT_FOUND,
        RefusalKind::Conflict => StatusCode::CONFLICT,
        RefusalKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        RefusalKind::Wrong => StatusCode::UNPROCESSABLE_ENTITY,
        RefusalKind::Later => StatusCode::TOO_MANY_REQUESTS,
        RefusalKind::Closing => StatusCode::SERVICE_UNAVAILABLE,
        RefusalKind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
    };
    error(status, refused)
}

fn declared_run(run: &Run) -> Value {
    let declaration = run.declaration();
    json!({
        "run": run.name().as_str(),
        "attempt": run.attempt().to_string(),
        "layers": declaration.layers.iter().map(LayerName::as_str).collect::<Vec<_>>(),
        "mode": declaration.source.to_string(),
        "framework": declaration.framework,
        "committed_epoch": run.committed_epoch(),
    })
}

fn taken(taken: &Taken) -> Answer {
    let document = match taken {
        Taken::Duplicate => json!({ "duplicate": true }),
        Taken::Queued { rejected } if rejected.is_empty() => json!({ "queued": true }),
        Taken::Queued { rejected } => {
            let reasons: serde_json::Map<String, Value> =
                rejected.iter().map(|(layer, reason)| (layer.to_string(), json!(reason))).collect();
            json!({ "queued": true, "rejected": reasons })
        }
    };
    json(StatusCode::ACCEPTED, &document)
}
